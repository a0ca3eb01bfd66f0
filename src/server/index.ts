/**
 * Everything that people import from "caduceus/server": the APIs of OpenAI, Anthropic and Ollama over models in this
 * process.
 * @module caduceus/server
 */
export { createHandler, type Handler } from "./handler.js";
export { listen, type Listening } from "./http/listen.js";
export type { HandlerOptions, ListenOptions } from "./server_options.js";
export type { ApiErrorCode } from "./api_error.js";
