// What an engine is asked for the embedding of a text, and what it gives.
import type { PromptPart } from "./prompt.js";

export interface EmbeddingRequest {
  readonly text: readonly PromptPart[];
  /** The second text of a pair, of which a reranker gives the score. */
  readonly second?: readonly PromptPart[] | undefined;
  /** The text ends as it is. Undefined: the token is added that the model was trained to read there. */
  readonly whole?: boolean | undefined;
  /** How the tokens' vectors become one. Undefined: the model's own way, or else their mean. */
  readonly pooling?: "mean" | "cls" | "last" | undefined;
  /** A text of more than `contextSize` tokens is cut instead of refused. */
  readonly truncate: boolean;
}

export interface Embedding {
  /** Not normalized. Of a reranker the scores of its classes, of which the first counts. */
  readonly values: Float32Array;
  /** Number of tokens that were read. */
  readonly tokens: number;
  readonly truncated: boolean;
}
