// Everything that people import from "caduceus".
export { load } from "./chat/load.js";
export type { Model } from "./chat/model.js";
export type { LoadOptions, LoadProgress } from "./model/load_options.js";
export type { Reply } from "./chat/reply.js";
export type { ReplyOptions } from "./chat/reply_options.js";
export type { FinishEvent, ReplyEvent, ReplyResult, TextEvent, TokenProbability } from "./chat/reply_events.js";
export type { SamplingOptions } from "./model/sampling.js";
export type { Chat, ChatOptions } from "./chat/chat.js";
export type { AssistantMessage, Message, MessageContent, SystemMessage, ToolMessage, UserMessage } from "./format/messages.js";
export type { EngineCapabilities, EngineStats, ModelInfo, PromptPart, Timings, Usage } from "./engine/engine.js";
export { CaduceusError, type ErrorCode } from "./errors.js";
export { setLog, type LogEntry, type LogLevel } from "./engine/addon/log.js";
