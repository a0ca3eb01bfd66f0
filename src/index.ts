/**
 * Everything that people import from "caduceus". Each name comes from its own module, so that the declarations need
 * none of Node's types: `AbortSignal`, which they do need, is also one of TypeScript's library "DOM".
 * @module caduceus
 */
export { load } from "./chat/load.js";
export { connect } from "./chat/connect.js";
export type { ConnectOptions } from "./model/loading/connect_options.js";
export type { ServerKind } from "./engine/remote/remote_server.js";
export { ModelPool, type ModelLease } from "./pool/model_pool.js";
export type { PooledModel } from "./pool/pooled_model.js";
export type { AcquireOptions, ModelPoolOptions, PoolModelOptions } from "./pool/pool_options.js";
export type { PooledModelState } from "./pool/pool_entry.js";
export type { Guarantee, Model, ModelCapabilities } from "./chat/model.js";
export type { Adapter, AdapterChoice, AdapterOptions } from "./model/loading/adapters.js";
export type { LoadOptions, LoadProgress } from "./model/loading/load_options.js";
export type { DeepPartial, Reply } from "./chat/reply/reply.js";
export type { Embeddings, RankedDocument, Ranking } from "./chat/embed/embed.js";
export type { EmbedOptions, RerankOptions } from "./chat/embed/embed_options.js";
export type { Reasoning, ReasoningEffort } from "./chat/reply/reasoning.js";
export type { CompleteOptions, GenerationOptions, ReplyOptions } from "./chat/reply/reply_options.js";
export type { ContextFile, InfillOptions } from "./chat/reply/infill.js";
export type { TextConstraintOptions } from "./chat/reply/text_constraint.js";
export type { Unenforced } from "./chat/tools/round_constraint.js";
export type {
  DroppedEvent,
  FinishEvent,
  IncompleteCall,
  MalformedEvent,
  PromptEvent,
  PromptToken,
  ReasoningEvent,
  RepeatedCallEvent,
  ReplyEvent,
  ReplyResult,
  Round,
  RoundEvent,
  TextEvent,
  TokenProbability,
  WarningEvent,
  ToolCall,
  ToolCallDeltaEvent,
  ToolCallEvent,
  ToolCallStartEvent,
  ToolResultEvent,
  ToolRunEvent,
} from "./chat/reply/reply_events.js";
export type {
  DiagnosticsMessages,
  ModelCloseMessage,
  ModelLoadMessage,
  ReplyContentMessage,
  ReplyEndMessage,
  ReplyStartMessage,
  RoundEndMessage,
  RoundStartMessage,
  SamplingSettings,
  ToolContentMessage,
  ToolEndMessage,
  ToolStartMessage,
} from "./chat/diagnostics.js";
export type {
  DownloadEndMessage,
  DownloadRetryMessage,
  DownloadStartMessage,
  FetchProgress,
} from "./files/hub/download_events.js";
export type { ServerDrainMessage, ServerEjectMessage, ServerReturnMessage } from "./engine/fleet_messages.js";
export type { FetchOptions } from "./files/packages/default_model.js";
export { listModels, pullModel, removeModel, type StoredModel } from "./files/local/stored_models.js";
export {
  quantizeModel,
  type QuantizedModel,
  type QuantizeOptions,
  type QuantizeProgress,
} from "./model/quantization/quantize_model.js";
export type { QuantizationType, TensorType } from "./model/quantization/quantization_types.js";
export { doctor, type DoctorReport, type Finding } from "./model/inspection/doctor.js";
export { inspectModel, type InspectOptions, type ModelSummary } from "./model/inspection/inspect_model.js";
export type { MemoryNeed } from "./model/inspection/memory_need.js";
export type { ExplainedPrompt, ExplainedToken, Explanation } from "./chat/explain.js";
export type { SamplingOptions } from "./model/loading/sampling.js";
export type { Chat, ChatOptions } from "./chat/chat.js";
export {
  tool,
  type CallsOf,
  type KnownCall,
  type RunnableTool,
  type Tool,
  type ToolContext,
  type FunctionTool,
  type ToolInput,
  type ToolOptions,
} from "./chat/tools/tool.js";
export type { UndeclaredProperties } from "./schema/read_schema.js";
export type { Approval, CallOrder, CallToApprove, ToolLoopOptions } from "./chat/tools/tool_options.js";
export type { InferSchema, JsonSchema, Schema } from "./schema/read_schema.js";
export type {
  AssistantMessage,
  Message,
  MessageContent,
  SystemMessage,
  MessageToolCall,
  ToolMessage,
  UserMessage,
} from "./format/messages.js";
export type {
  ArgumentForm,
  CallFormat,
  CallPiece,
  Constraint,
  DeviceUse,
  DraftModelInfo,
  ElementForm,
  EnforcedSchema,
  EngineCapabilities,
  EngineStats,
  InfillTokens,
  ModelInfo,
  NotationForm,
  ParameterForm,
  PromptPart,
  ThoughtRequest,
  Timings,
  ToolConstraint,
  TurnMessages,
  Usage,
  ServerStats,
} from "./engine/engine.js";
export { CaduceusError, type ErrorCode } from "./errors.js";
export { statusOf } from "./chat/status_of.js";
export { AnswerError } from "./chat/reply/answer_error.js";
export { setLog, type LogEntry, type LogLevel } from "./engine/addon/log.js";
