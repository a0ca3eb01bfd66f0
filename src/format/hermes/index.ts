/**
 * Everything that people import from "caduceus/hermes": Hermes' parser without an engine.
 * @module caduceus/hermes
 */

export { parseReply } from "./parse_reply.js";
export type { ParseReplyOptions } from "./parse_reply.js";
export { ReplyParser } from "./reply_parser.js";
export type { ReplyParserOptions } from "./reply_parser.js";
export { createCallCheck } from "./argument_check.js";
export type {
  CallCheck, CallDeltaEvent, CallDetail, CallEvent, CallFault, CallProblem, CallStartEvent, IncompleteEvent,
  MalformedEvent, ParsedCall, ParsedReply, ReasoningEvent, ReplyEvent, ReplyFinish, TextEvent, ToolDefinition,
  ToolFunction, TurnEndEvent,
} from "./reply_types.js";
