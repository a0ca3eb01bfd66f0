// What an evaluation asks, what comes back, and how it is judged.
import type { JsonSchema, Message, FunctionTool } from "../index.js";
import type { Outcome } from "./outcome.js";

/** One question of an evaluation. */
export interface Sample {
  /** Unique within the evaluation and the same each time; results are filed under it. */
  readonly key: string;
  /** What it is counted with: a category, or the whole file. */
  readonly group: string;
  readonly messages: readonly Message[];
  readonly tools?: readonly FunctionTool[];
  readonly schema?: JsonSchema;
  /** By the name of each score; pure. */
  readonly judge: (answer: Answer) => Readonly<Record<string, Outcome>>;
}

/** A whole data set, read. */
export interface DataSet {
  /** Of the command: function-calling, json, berkeley. */
  readonly name: string;
  /** Changes when the data does. */
  readonly version: string;
  /** Names of the scores, as tables show them. */
  readonly scores: readonly string[];
  readonly samples: readonly Sample[];
}

/** What a model answered, as it is kept: enough to judge it again without the model. */
export interface Answer {
  /** Everything the model wrote, tags included where they are known. */
  readonly text: string;
  readonly calls: readonly AnsweredCall[];
  /** Beginnings of calls that cannot be read. */
  readonly malformed: number;
  readonly finishReason?: "stop" | "length" | "tool-calls";
  /** The token limit cut a call or the JSON off. */
  readonly incomplete?: true;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly durationMs: number;
  /** The question could not be asked: a schema that cannot be used, a prompt beyond the context. */
  readonly error?: string;
}

export interface AnsweredCall {
  readonly name: string;
  /** Strict JSON, with the numbers as the model wrote them. */
  readonly argumentsText: string;
  /** The name or the arguments do not fit the tools. */
  readonly problem?: "unknown-tool" | "invalid-arguments";
  readonly repaired?: true;
}
