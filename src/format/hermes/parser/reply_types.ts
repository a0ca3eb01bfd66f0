// What the reply parser takes and gives: tool definitions in, events while the text arrives, the parsed reply at its
// end.

/** A tool as the OpenAI API writes it, or only its inner part. */
export type ToolDefinition = { readonly type?: string; readonly function: ToolFunction } | ToolFunction;

/** What a tool is called, and what it takes. */
export interface ToolFunction {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of the arguments. Left out: any object is accepted. */
  readonly parameters?: unknown;
}

/** Why the text ended: the model stopped by itself, or the token limit cut it off. */
export type ReplyFinish = "stop" | "length";

/** What is wrong with a call that could be read. Such a call is reported and must not be run. */
export type CallProblem = "unknown-tool" | "invalid-arguments";

/** One call, as `parseReply` returns it. Keys that do not apply are absent. */
export interface ParsedCall {
  name: string;
  /**
   * The arguments as the model wrote them. An object, unless `problem` says otherwise.
   * Integers outside ±(2^53 − 1) are `bigint`, so that no digit is lost.
   */
  arguments: unknown;
  /** Whether the model's text violated the format and was repaired without guessing. */
  repaired?: true;
  problem?: CallProblem;
}

/** A whole reply. Keys that do not apply are absent. */
export interface ParsedReply {
  /** The text beside the calls, byte for byte but for white space that touches a call. */
  content: string;
  /** In the order of the text. */
  calls: ParsedCall[];
  /** How many calls could not be read. Their text is in `ReplyParser.malformedTexts`. */
  malformed?: number;
  /** The token limit cut a call off; it is not among `calls`. */
  incomplete?: true;
  /** What stood inside `<scratch_pad>` and `<think>`. */
  reasoning?: string;
}

/** A call is complete. */
export interface ToolCall<Name extends string = string, Arguments = unknown> {
  readonly id: string;
  readonly name: Name;
  /** As the tool's schema types them, unless there is a `problem`. Integers beyond 2^53 are `bigint`. */
  readonly arguments: Arguments;
  /** The same as strict JSON. The deltas of this call since its last start, joined, are this text. */
  readonly argumentsText: string;
  /** Whether the model's text violated the format and was repaired. */
  readonly repaired: boolean;
  /** Why the call is not executed as it is. */
  readonly problem?: CallProblem | undefined;
  /** The same as a sentence, which the model receives. */
  readonly problemMessage?: string | undefined;
}

/** A piece of the text. Never half a character, and never empty, except in a reply with log probabilities. */
export interface TextEvent {
  readonly type: "text";
  readonly text: string;
}

/** A piece of the model's reasoning, from inside `<think>` or `<scratch_pad>`; calls in it are not made. */
export interface ReasoningEvent {
  readonly type: "reasoning";
  readonly text: string;
}

/** A call begins. */
export interface ToolCallStartEvent {
  readonly type: "tool-call-start";
  /** Id of the call, the same in all its events and messages; unique within a reply. */
  readonly id: string;
  /** The name, or with a single tool its name before the model has written it. `tool-call` has the final one. */
  readonly name: string;
  /** The model began its arguments again: discard the deltas of this call so far. */
  readonly restart?: true;
}

/** More of the arguments. */
export interface ToolCallDeltaEvent {
  readonly type: "tool-call-delta";
  readonly id: string;
  readonly name: string;
  /** The next piece of the arguments' JSON; strict JSON, whatever the model wrote. */
  readonly textDelta: string;
  /**
   * The arguments so far, when this is read: strings grow, numbers appear when complete. Each reading makes a copy.
   * Undefined while nothing is known.
   */
  readonly partial: unknown;
}

/** A call is complete. In a reply, `tool-run` and `tool-result` say what becomes of it. */
export interface ToolCallEvent<Name extends string = string, Arguments = unknown> extends ToolCall<Name, Arguments> {
  readonly type: "tool-call";
}

/** Text that began as a call but cannot be parsed. */
export interface MalformedEvent {
  readonly type: "malformed";
  /** What the model wrote, from the opening tag (or the broken entry in a list of calls) to its end. */
  readonly text: string;
  /** Set when this call had started to stream. */
  readonly id?: string | undefined;
}

/** The token limit cut a call off. */
export interface IncompleteEvent {
  readonly type: "incomplete";
  readonly id?: string | undefined;
}

/** The model invented a tool's result. What follows is dropped, so generation may stop here. */
export interface TurnEndEvent {
  readonly type: "turn-end";
}

/** What the parser tells, in the order of the text. */
export type ReplyEvent =
  | TextEvent
  | ReasoningEvent
  | ToolCallStartEvent
  | ToolCallDeltaEvent
  | ToolCallEvent
  | MalformedEvent
  | IncompleteEvent
  | TurnEndEvent;

/** What a check has to say of a call that could be read; undefined when nothing is wrong. */
export interface CallFault {
  readonly problem: CallProblem;
  /** In one sentence that can be shown to the model. */
  readonly message: string;
}

/** Judges a call by its name and arguments. Must not throw. */
export type CallCheck = (name: string, args: unknown) => CallFault | undefined;
