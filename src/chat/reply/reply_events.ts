// What a reply tells while it is written, and what it comes to.
import type { Timings, Usage } from "../../engine/engine.js";
import type { AssistantMessage, Message } from "../../format/messages.js";
import type { KnownCall } from "../tools/tool.js";

/**
 * A token and the natural logarithm of its probability, before any sampling setting; -Infinity for what cannot come.
 */
export interface TokenProbability {
  /** Its id. */
  readonly token: number;
  /** Natural logarithm, at most 0, of what the model gave it before sampling changed anything. */
  readonly logProbability: number;
  /** The likeliest tokens at its place, likeliest first. Only where `topLogProbabilities` was asked for. */
  readonly top?: readonly TokenProbability[];
}

/** A token of the prompt. The first follows nothing, so that nothing is known of it but itself. */
export interface PromptToken {
  readonly token: number;
  readonly logProbability?: number;
  readonly top?: readonly TokenProbability[];
}

/** The prompt has been read. The first event where `promptLogProbabilities` was asked for. */
export interface PromptEvent {
  readonly type: "prompt";
  /** All of its tokens, the BOS in front included where the model has one. */
  readonly logProbabilities: readonly PromptToken[];
}

/** A piece of the text; never empty, unless log probabilities were asked for, and never half a character. */
export interface TextEvent {
  readonly type: "text";
  readonly text: string;
  /** The tokens that came with this piece. Only where `logProbabilities` was asked for. */
  readonly logProbabilities?: readonly TokenProbability[];
}

/**
 * What the model thinks before it acts, from inside `<think>` or `<scratch_pad>`; no call that it drafts there is one.
 * Only where there are tools.
 */
export interface ReasoningEvent {
  readonly type: "reasoning";
  readonly text: string;
}

/** A call begins. */
export interface ToolCallStartEvent {
  readonly type: "tool-call-start";
  /** Of this call, the same in all its events and messages; unique within a reply. */
  readonly id: string;
  readonly name: string;
  /** The model wrote its arguments a second time: forget the deltas of this call so far. */
  readonly restart?: true;
}

/** The arguments go on. */
export interface ToolCallDeltaEvent {
  readonly type: "tool-call-delta";
  readonly id: string;
  readonly name: string;
  /** The next stretch of the arguments' JSON, strict whatever the model wrote. */
  readonly textDelta: string;
  /** The arguments as far as they are written when this is read: strings grow, numbers appear when complete. */
  readonly partial: unknown;
}

/** A call is complete. */
export interface ToolCall<Name extends string = string, Arguments = unknown> {
  readonly id: string;
  readonly name: Name;
  /** As the tool's schema types them, unless there is a `problem`. Integers beyond 2^53 are `bigint`. */
  readonly arguments: Arguments;
  /** The same as JSON text. */
  readonly argumentsText: string;
  /** The model's text broke the format and was mended. */
  readonly repaired: boolean;
  /** Why the call is not run as it is. */
  readonly problem?: "unknown-tool" | "invalid-arguments" | undefined;
  /** The same in one sentence, as the model is told. */
  readonly problemMessage?: string | undefined;
}

/** A call is complete. `tool-run` and `tool-result` say what becomes of it. */
export interface ToolCallEvent<Name extends string = string, Arguments = unknown> extends ToolCall<Name, Arguments> {
  readonly type: "tool-call";
}

/** A call that the token limit cut off. It is never run, and no part of the conversation. */
export interface IncompleteCall {
  readonly id: string;
  readonly name: string;
  /** The beginning of its arguments' JSON, as the deltas told it; may be empty. */
  readonly argumentsText: string;
}

/**
 * The model went on to make a call of this turn a second time: the same function with the same values. The turn ends
 * before it, it is not run, and no other event tells of it. Not with `allowRepeatedCalls`.
 */
export interface RepeatedCallEvent<Name extends string = string, Arguments = unknown> {
  readonly type: "repeated-call";
  readonly id: string;
  readonly name: Name;
  readonly arguments: Arguments;
  /** The id of the call that it repeats. */
  readonly repeats: string;
}

/** A call has been approved, and its handler runs as soon as fewer than `toolConcurrency` others do. */
export interface ToolRunEvent<Name extends string = string, Arguments = unknown> {
  readonly type: "tool-run";
  readonly id: string;
  readonly name: Name;
  /** What the handler gets: the schema's output, and what approval made of it. */
  readonly arguments: Arguments;
}

/** A handler has given its result, or the call failed; in the order of the calls. */
export interface ToolResultEvent {
  readonly type: "tool-result";
  readonly id: string;
  readonly name: string;
  /** What the handler returned. */
  readonly result?: unknown;
  /** Why there is no result: what the handler threw, a refusal, a time-out, wrong arguments. */
  readonly error?: unknown;
  /**
   * Of what kind the error is: the handler `"threw"` or had a `"timeout"`, approval `"refused"`, its result has no JSON
   * form (`"unwritable"`), or the call was wrong from the start (`"unknown-tool"`, `"invalid-arguments"`).
   */
  readonly failure?: "threw" | "timeout" | "refused" | "unwritable" | "unknown-tool" | "invalid-arguments";
  /** What the model is told. */
  readonly content: string;
  /** Characters left out of a long result. */
  readonly leftOutChars: number;
  /** How long the handler took, in milliseconds; 0 when it did not run. */
  readonly durationMs: number;
}

/** Something that began as a call and cannot be read. */
export interface MalformedEvent {
  readonly type: "malformed";
  /** What the model wrote. */
  readonly text: string;
}

/**
 * The conversation had outgrown the context: its oldest turns were dropped before this round. Only with
 * `contextOverflow: "drop-oldest"`.
 */
export interface DroppedEvent {
  readonly type: "dropped";
  /** Whole turns, oldest first. */
  readonly messages: readonly Message[];
}

/** Something was read otherwise than it was written. Before all other events. */
export interface WarningEvent {
  readonly type: "warning";
  /**
   * `"system-messages-joined"`: several system messages, or one that was not the first, have become one at the
   * beginning.
   */
  readonly code: "system-messages-joined";
  /** What happened, as a sentence. */
  readonly message: string;
}

/** The model has ended a turn. */
export interface RoundEvent extends Round {
  readonly type: "round";
}

/** One turn of the model within a reply. */
export interface Round {
  /**
   * `"stop"`: the model ended its turn, wrote a stop string, or its calls were complete. `"length"`: `maxTokens`, or
   * the end of the context.
   */
  readonly finishReason: "stop" | "length";
  /** Counts of tokens of this turn alone; its prompt is everything before it. */
  readonly usage: Usage;
  /** In milliseconds, of this turn alone. */
  readonly timings: Timings;
}

/** The last event: everything that awaiting the reply gives. */
export interface FinishEvent<V = unknown, C extends KnownCall = KnownCall> extends ReplyResult<V, C> {
  readonly type: "finish";
}

/**
 * What a reply tells while it is written, by its `type`. Where the tools are known to the type system, `name` tells the
 * type of `arguments`.
 */
export type ReplyEvent<V = unknown, C extends KnownCall = KnownCall> =
  | PromptEvent
  | TextEvent
  | ReasoningEvent
  | ToolCallStartEvent
  | ToolCallDeltaEvent
  | EventsOf<C>
  | ToolResultEvent
  | MalformedEvent
  | DroppedEvent
  | WarningEvent
  | RoundEvent
  | FinishEvent<V, C>;

type EventsOf<C extends KnownCall> = C extends KnownCall
  ?
      | ToolCallEvent<C["name"], C["arguments"]>
      | RepeatedCallEvent<C["name"], C["arguments"]>
      | ToolRunEvent<C["name"], C["arguments"]>
  : never;
type CallsIn<C extends KnownCall> = C extends KnownCall ? ToolCall<C["name"], C["arguments"]> : never;

/** What awaiting a reply gives. */
export interface ReplyResult<V = unknown, C extends KnownCall = KnownCall> {
  /** The text of the last turn, without calls. */
  readonly text: string;
  /**
   * `"stop"`: the model ended its turn, or wrote a stop string. `"length"`: it reached `maxTokens` or the end of the
   * context. `"tool-calls"`: the calls in `toolCalls` wait for the caller, because a tool has no handler or because of
   * `stoppedBy`.
   */
  readonly finishReason: "stop" | "length" | "tool-calls";
  /** Which of the stop strings ended it. */
  readonly stopString?: string;
  /** The limit that ended the tool loop. */
  readonly stoppedBy?: "max-rounds" | "max-repeated-calls";
  /** The token limit cut a call, or the JSON that was asked for, off. A call that was cut off is never run. */
  readonly incomplete?: true;
  /** The call that was cut off, where its name was written already. */
  readonly incompleteCall?: IncompleteCall;
  /** The calls of the last turn that nobody has answered. */
  readonly toolCalls: readonly CallsIn<C>[];
  /** The raw text of what began as a call in the last turn and cannot be read. */
  readonly malformed?: readonly string[];
  /**
   * The answer by `schema`. A reply whose answer does not satisfy it rejects with `SCHEMA_MISMATCH`, and with
   * `INCOMPLETE` where a limit cut it off. Undefined without a schema, and where calls wait for the caller in its place
   * (`"tool-calls"`). Integers beyond 2^53 are `bigint`, which `JSON.stringify` refuses (docs/json.md has what helps).
   */
  readonly value: V;
  /** What stood inside `<think>` or `<scratch_pad>`. Only where there are tools. */
  readonly reasoning?: string;
  /** What the model said last, as a message. */
  readonly message: AssistantMessage;
  /**
   * Everything this reply adds to the conversation: answers, calls and results, in order; to be put behind the others.
   */
  readonly messages: readonly Message[];
  /**
   * What was dropped from the conversation, oldest first, because it had outgrown the context. Only with
   * `contextOverflow: "drop-oldest"`.
   */
  readonly dropped?: readonly Message[];
  /** One entry for each turn of the model. */
  readonly rounds: readonly Round[];
  /**
   * Counts of tokens, summed over the rounds. The prompt of each round is everything before it, so what had to be read
   * is `promptTokens - cachedTokens`.
   */
  readonly usage: Usage;
  /** Durations in milliseconds: to the first token of the first round, the others added up. */
  readonly timings: Timings;
  /** All tokens of all rounds. Only where `logProbabilities` was asked for. */
  readonly logProbabilities?: readonly TokenProbability[];
  /**
   * The token that ended the turn, of which no text is made. Only of `complete`, with `logProbabilities`, and where a
   * token ended it.
   */
  readonly endToken?: TokenProbability;
  /** All tokens of the prompt. Only where `promptLogProbabilities` was asked for. */
  readonly promptLogProbabilities?: readonly PromptToken[];
}

// The field belongs to the error class, whose module knows no replies. It stands here so that whoever imports replies
// has it.
declare module "../../errors.js" {
  interface CaduceusError {
    /**
     * What the reply came to all the same: its text, calls, usage and finish reason. Only of `SCHEMA_MISMATCH` and
     * `INCOMPLETE`. Not enumerable, so that logging the error does not write out what was said.
     */
    readonly result?: ReplyResult;
  }
}
