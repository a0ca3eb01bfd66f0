// What an output is constrained to, as messages.
import type { CallFormat } from "./call_format.js";

/** A JSON Schema of which every keyword is to be enforced. */
export type EnforcedSchema = Readonly<Record<string, unknown>> | boolean;

/** A keyword of an enforced schema that an engine does not, or not fully, enforce. */
export interface WidenedKeyword {
  /** Steps from the schema, or from one of its `$defs`. Patterns of properties are named by their index. */
  readonly path: readonly (string | number)[];
  readonly keyword: string;
  /** As part of a sentence. */
  readonly reason: string;
}

/**
 * A constraint on the output, not compiled, so that each engine can compile it. White space in JSON is one space after
 * `:` and `,`.
 */
export type Constraint =
  | { readonly kind: "json"; readonly schema: EnforcedSchema }
  /** `pattern` is of the whole output and has no anchors. */
  | { readonly kind: "regex"; readonly pattern: string }
  /** `gbnf`: the same in llama.cpp's form, where it was given so. */
  | { readonly kind: "lark"; readonly grammar: string; readonly gbnf?: string | undefined }
  | ToolConstraint;

/** Calls: a tag, the call's JSON, a closing tag, and a newline between two calls, as Hermes writes them. */
export interface ToolConstraint {
  readonly kind: "tools";
  /** How they are written. Undefined: as Hermes does. */
  readonly format?: CallFormat | undefined;
  readonly tools: ReadonlyArray<{ readonly name: string; readonly parameters: EnforcedSchema }>;
  /**
   * `"auto"`: text is free until a call begins, and only the call is constrained. `"required"`: calls from the first
   * token on.
   */
  readonly mode: "auto" | "required";
  /** The prompt ends behind the first call of the turn: further calls may follow, or its end. Undefined: false. */
  readonly continues?: boolean | undefined;
  /** More than one call in a turn. Without it the turn ends with the first call. */
  readonly parallel: boolean;
  /** Which of a call's two keys comes first, in Hermes' format. */
  readonly order: "name-first" | "arguments-first" | "either";
  /** A further call may leave Hermes' tag out, as models do that were not trained on it. */
  readonly bareFurtherCalls: boolean;
  /**
   * Of the final answer. With it a turn is calls or this JSON from the first token on, whatever the mode: with
   * `"required"` calls.
   */
  readonly schema?: EnforcedSchema | undefined;
}
