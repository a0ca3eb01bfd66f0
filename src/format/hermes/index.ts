/**
 * Everything that people import from "caduceus/hermes": Hermes' parser without an engine.
 * @module caduceus/hermes
 */

export { parseReply } from "./parser/parse_reply.js";
export type { ParseReplyOptions } from "./parser/parse_reply.js";
export { ReplyParser } from "./parser/reply_parser.js";
export type { ReplyParserOptions } from "./parser/reply_parser.js";
export { createCallCheck } from "./calls/argument_check.js";
export type {
  CallCheck,
  CallFault,
  CallProblem,
  IncompleteEvent,
  MalformedEvent,
  ParsedCall,
  ParsedReply,
  ReasoningEvent,
  ReplyEvent,
  ReplyFinish,
  TextEvent,
  ToolCall,
  ToolCallDeltaEvent,
  ToolCallEvent,
  ToolCallStartEvent,
  ToolDefinition,
  ToolFunction,
  TurnEndEvent,
} from "./parser/reply_types.js";
