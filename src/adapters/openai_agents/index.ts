/**
 * Models for OpenAI's Agents SDK, `@openai/agents`.
 * @module caduceus/openai-agents
 */
export type { TextModel } from "../answered.js";
export type { OwnOptions } from "../own_options.js";
export { caduceusModel, type CaduceusModelOptions } from "./agent_model.js";
