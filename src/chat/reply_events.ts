// What a reply tells while it is written, and what it comes to.
import type { Timings, Usage } from "../engine/engine.js";
import type { AssistantMessage } from "../format/messages.js";

/** A generated token and the natural logarithm of its probability. */
export interface TokenProbability {
  readonly token: number;
  readonly logProbability: number;
}

/** A piece of the text; never empty, unless log probabilities were asked for, and never half a character. */
export interface TextEvent {
  readonly type: "text";
  readonly text: string;
  /** The tokens that came with this piece. Only where `logProbabilities` was asked for. */
  readonly logProbabilities?: readonly TokenProbability[];
}

/** The last event: everything that awaiting the reply gives. */
export interface FinishEvent extends ReplyResult {
  readonly type: "finish";
}

export type ReplyEvent = TextEvent | FinishEvent;

export interface ReplyResult {
  readonly text: string;
  /** `"stop"`: the model ended its turn, or wrote a stop string. `"length"`: it reached `maxTokens` or the end of the context. */
  readonly finishReason: "stop" | "length";
  /** Which of the stop strings ended it. */
  readonly stopString?: string;
  /** The text as a message, to be put behind the others. */
  readonly message: AssistantMessage;
  /** Counts of tokens. */
  readonly usage: Usage;
  /** Durations in milliseconds. */
  readonly timings: Timings;
  /** All tokens of the text. Only where `logProbabilities` was asked for. */
  readonly logProbabilities?: readonly TokenProbability[];
}
