// The types of an evaluation: samples, answers and scores.
import type { JsonSchema, Message, FunctionTool } from "../index.js";
import type { Outcome } from "./outcome.js";

/** One question of an evaluation. */
export interface Sample {
  /** Unique within the evaluation and the same each time; results are filed under it. */
  readonly key: string;
  /** Group in the report: a category, or the whole file. */
  readonly group: string;
  readonly messages: readonly Message[];
  readonly tools?: readonly FunctionTool[];
  readonly schema?: JsonSchema;
  /** Judges an answer by each score, without side effects. */
  readonly judge: (answer: Answer) => Readonly<Record<string, Outcome>>;
}

/** A whole data set. */
export interface DataSet {
  /** Name in the command: function-calling, json, berkeley. */
  readonly name: string;
  /** Changes when the data does. */
  readonly version: string;
  /** Names of the scores, as tables show them. */
  readonly scores: readonly string[];
  readonly samples: readonly Sample[];
}

/** A stored answer, with all that is needed to judge it again without the model. */
export interface Answer {
  /** Everything the model wrote, tags included where they are known. */
  readonly text: string;
  readonly calls: readonly AnsweredCall[];
  /** Raw texts of calls that cannot be read. */
  readonly malformed: number;
  readonly finishReason?: "stop" | "length" | "tool-calls";
  /** Whether the token limit cut off a call or the JSON. */
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
  /** Whether the tool is unknown or its schema refuses the arguments. */
  readonly problem?: "unknown-tool" | "invalid-arguments";
  readonly repaired?: true;
}
