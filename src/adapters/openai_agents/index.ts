/**
 * Models for OpenAI's Agents SDK, `@openai/agents`.
 * @module caduceus/openai-agents
 */
export { caduceusModel, type CaduceusModelOptions } from "./agent_model.js";
