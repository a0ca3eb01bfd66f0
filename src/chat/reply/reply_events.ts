// The events of a reply, and its result.
import type { Timings, Usage } from "../../engine/engine.js";
import type {
  MalformedEvent,
  ReasoningEvent as ParsedReasoningEvent,
  TextEvent as ParsedTextEvent,
  ToolCall,
  ToolCallDeltaEvent,
  ToolCallEvent,
  ToolCallStartEvent,
} from "../../format/hermes/index.js";
import type { AssistantMessage, Message } from "../../format/messages.js";
import type { KnownCall } from "../tools/tool.js";

export type { MalformedEvent, ToolCall, ToolCallDeltaEvent, ToolCallEvent, ToolCallStartEvent };

/**
 * A token and the natural logarithm of its probability, before any sampling setting; -Infinity for an impossible token.
 */
export interface TokenProbability {
  /** Its id. */
  readonly token: number;
  /** Natural logarithm, at most 0, of what the model gave it before sampling changed anything. */
  readonly logProbability: number;
  /** The most likely tokens at its position, in order. Only with `topLogProbabilities`. */
  readonly top?: readonly TokenProbability[];
}

/** A token of the prompt. The first has no log probability, since nothing comes before it. */
export interface PromptToken {
  readonly token: number;
  readonly logProbability?: number;
  readonly top?: readonly TokenProbability[];
}

/** The prompt has been computed. The first event, only with `promptLogProbabilities`. */
export interface PromptEvent {
  readonly type: "prompt";
  /** All of its tokens, with BOS if the model has one. */
  readonly logProbabilities: readonly PromptToken[];
}

/** A piece of the text. Never half a character, and never empty, except with log probabilities. */
export interface TextEvent extends ParsedTextEvent {
  /** The tokens of this piece. Only with `logProbabilities`. */
  readonly logProbabilities?: readonly TokenProbability[];
}

/**
 * A piece of the model's reasoning: of the `<think>` at the beginning of its turn, which its template may have begun,
 * and with tools of every `<think>` and `<scratch_pad>`. It is no part of the text, and calls in it are not made.
 */
export interface ReasoningEvent extends ParsedReasoningEvent {
  /** The tokens of this piece. Only with `logProbabilities`, and with these the piece may be empty. */
  readonly logProbabilities?: readonly TokenProbability[];
}

/** A call that the token limit cut off. It is never run, and no part of the conversation. */
export interface IncompleteCall {
  readonly id: string;
  readonly name: string;
  /** The beginning of its arguments' JSON, as in the deltas; may be empty. */
  readonly argumentsText: string;
}

/**
 * The model would have made an identical call of this turn again. The turn ends before it; the repetition is not
 * executed and causes no other event. Not with `allowRepeatedCalls`.
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

/** A handler has returned, or the call failed. In the order of the calls. */
export interface ToolResultEvent {
  readonly type: "tool-result";
  readonly id: string;
  readonly name: string;
  /** What the handler returned. */
  readonly result?: unknown;
  /** Why there is no result: what the handler threw, a refusal, a time-out, wrong arguments. */
  readonly error?: unknown;
  /**
   * Kind of the error: the handler `"threw"` or had a `"timeout"`, approval `"refused"`, the result has no JSON form
   * (`"unwritable"`), or the call was invalid (`"unknown-tool"`, `"invalid-arguments"`).
   */
  readonly failure?: "threw" | "timeout" | "refused" | "unwritable" | "unknown-tool" | "invalid-arguments";
  /** The text that the model receives. */
  readonly content: string;
  /** Characters left out of a long result. */
  readonly leftOutChars: number;
  /** How long the handler took, in milliseconds; 0 when it did not run. */
  readonly durationMs: number;
}

/**
 * The oldest turns were dropped before this round, because the conversation did not fit into the context. Only with
 * `contextOverflow: "drop-oldest"`.
 */
export interface DroppedEvent {
  readonly type: "dropped";
  /** Whole turns, oldest first. */
  readonly messages: readonly Message[];
}

/** The input was changed. Comes before all other events. */
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
  /** Token counts of this turn; its prompt is everything before it. */
  readonly usage: Usage;
  /** In milliseconds, of this turn alone. */
  readonly timings: Timings;
}

/** The last event: the result of the reply. */
export interface FinishEvent<V = unknown, C extends KnownCall = KnownCall> extends ReplyResult<V, C> {
  readonly type: "finish";
}

/** An event of a reply, by its `type`. If the tools are known to TypeScript, `name` narrows the type of `arguments`. */
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

/** The result of a reply. */
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
  /** Whether the token limit cut off a call or the answer by `schema`. A call that was cut off is never executed. */
  readonly incomplete?: true;
  /** The call that was cut off, if its name was complete. */
  readonly incompleteCall?: IncompleteCall;
  /** The calls of the last turn that nobody has answered. */
  readonly toolCalls: readonly CallsIn<C>[];
  /** Raw texts of the last turn that began as calls but cannot be parsed. */
  readonly malformed?: readonly string[];
  /**
   * The answer by `schema`. A reply whose answer does not satisfy it rejects with `SCHEMA_MISMATCH`, and with
   * `INCOMPLETE` where a limit cut it off. Undefined without a schema, and where calls wait for the caller in its place
   * (`"tool-calls"`). Integers beyond 2^53 are `bigint`, which `JSON.stringify` refuses (docs/json.md has what helps).
   */
  readonly value: V;
  /** The reasoning of the last turn: the content of `<think>`, and with tools of `<scratch_pad>`. */
  readonly reasoning?: string;
  /** The last turn of the model, as a message. */
  readonly message: AssistantMessage;
  /** The messages that this reply adds to the conversation: answers, calls and results, in order. */
  readonly messages: readonly Message[];
  /**
   * Messages dropped from the conversation, oldest first, because it did not fit into the context. Only with
   * `contextOverflow: "drop-oldest"`.
   */
  readonly dropped?: readonly Message[];
  /** One entry for each turn of the model. */
  readonly rounds: readonly Round[];
  /**
   * Token counts, summed over the rounds. The prompt of each round is everything before it; `promptTokens -
   * cachedTokens` were computed.
   */
  readonly usage: Usage;
  /** Durations in milliseconds: to the first token of the first round, the others added up. */
  readonly timings: Timings;
  /** All tokens of all rounds. Only where `logProbabilities` was asked for. */
  readonly logProbabilities?: readonly TokenProbability[];
  /**
   * The token that ended the turn, which has no text. Only of `complete` with `logProbabilities`, and only if a token
   * ended the turn.
   */
  readonly endToken?: TokenProbability;
  /** All tokens of the prompt. Only where `promptLogProbabilities` was asked for. */
  readonly promptLogProbabilities?: readonly PromptToken[];
}
