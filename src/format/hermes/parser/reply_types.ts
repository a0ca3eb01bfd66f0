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

/** A call with everything the parser knows of it. */
export interface CallDetail {
  /** Of the `tool-call-start` of the same call. Grows from call to call; a broken call leaves a gap. */
  readonly index: number;
  readonly name: string;
  readonly arguments: unknown;
  /** The arguments as strict JSON. The deltas since the last start of this index, joined, are this text. */
  readonly argumentsText: string;
  readonly repaired: boolean;
  readonly problem?: CallProblem | undefined;
  /** What is wrong, in one sentence that can be shown to the model. */
  readonly problemMessage?: string | undefined;
}

/** A piece of the text beside the calls. */
export interface TextEvent {
  readonly type: "text";
  text: string;
}

/** A piece of what stands inside `<scratch_pad>` or `<think>`. */
export interface ReasoningEvent {
  readonly type: "reasoning";
  text: string;
}

/** A call begins. */
export interface CallStartEvent {
  readonly type: "tool-call-start";
  readonly index: number;
  /** The name, or with a single tool its name before the model has written it. `tool-call` has the final one. */
  readonly name: string;
  /** The model wrote its arguments a second time: forget the deltas of this index, the last ones win. */
  readonly restart?: true;
}

/** The arguments of a call go on. */
export interface CallDeltaEvent {
  readonly type: "tool-call-delta";
  readonly index: number;
  readonly name: string;
  /** The next stretch of the arguments' text, always strict JSON whatever the model wrote. */
  readonly textDelta: string;
  /**
   * The arguments as far as they are written when this is read (not when the event was made): strings grow,
   * numbers appear when complete. A copy, made at each reading. Undefined while nothing can be said.
   */
  readonly partial: unknown;
}

/** A call is complete. */
export interface CallEvent extends CallDetail {
  readonly type: "tool-call";
}

/** Something that began as a call and cannot be read. */
export interface MalformedEvent {
  readonly type: "malformed";
  /** What the model wrote, from the opening tag (or the broken entry in a list of calls) to its end. */
  readonly text: string;
  /** Set when this call had started to stream. */
  readonly index?: number | undefined;
}

/** The token limit cut a call off. */
export interface IncompleteEvent {
  readonly type: "incomplete";
  readonly index?: number | undefined;
}

/** The model invented a tool's result. What follows is dropped, so generation may stop here. */
export interface TurnEndEvent {
  readonly type: "turn-end";
}

/** What the parser tells, in the order of the text. */
export type ReplyEvent =
  | TextEvent
  | ReasoningEvent
  | CallStartEvent
  | CallDeltaEvent
  | CallEvent
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
