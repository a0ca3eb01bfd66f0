// Constraints of a text other than a schema: a regular expression or a grammar.
import type { Constraint, EngineCapabilities } from "../../engine/engine.js";
import { CaduceusError, invalidArgument, mismatch } from "../../errors.js";
import { checkText } from "../../options/option_checks.js";
import { enforcedPattern } from "../../schema/enforced/enforced_pattern.js";
import { GbnfError, gbnfToLark, isGbnf } from "../../schema/gbnf.js";

/** Options that constrain a text. */
export interface TextConstraintOptions {
  /**
   * A regular expression in JavaScript's syntax that the whole text must match, as text of at most 10,000 characters.
   * Lookaround, back-references and word boundaries are not supported; `.` does not match the end of a line. Not
   * together with `grammar`. Throws `INVALID_ARGUMENT` if it cannot be enforced, or if the engine does not constrain
   * generation (`model.capabilities`). Defaults to none.
   *
   * Such as `"\\d{4}-\\d{2}-\\d{2}"` for a date.
   */
  readonly regex?: string | undefined;
  /**
   * A grammar of the whole text of at most 200,000 characters: in llguidance's dialect of Lark, beginning with the rule
   * `start`, or in llama.cpp's GBNF, beginning with the rule `root`. Not together with `regex`. If it does not compile,
   * the reply fails with the compiler's message. Defaults to none.
   *
   * Such as `'start: "yes" | "no"'` or `'root ::= "yes" | "no"'`.
   */
  readonly grammar?: string | undefined;
}

export const textConstraintNames = ["regex", "grammar"] as const satisfies readonly (keyof TextConstraintOptions)[];

const longestRegex = 10_000;
const longestGrammar = 200_000;

export function readTextConstraint(
  { regex, grammar }: TextConstraintOptions,
  capabilities: EngineCapabilities,
): Constraint | undefined {
  if (regex === undefined && grammar === undefined) return undefined;
  if (regex !== undefined && grammar !== undefined)
    throw new CaduceusError("INVALID_ARGUMENT", "regex and grammar cannot be combined. Give one of them.", {
      param: "grammar",
    });
  const name = regex === undefined ? "grammar" : "regex";
  const text = checkLength(regex ?? grammar, name, regex === undefined ? longestGrammar : longestRegex);
  if (!capabilities.constrained)
    throw new CaduceusError("INVALID_ARGUMENT", `${name} cannot be used: this engine does not enforce it.`, {
      param: name,
    });
  if (regex === undefined)
    return { kind: "lark", grammar: checkGrammar(text), ...(isGbnf(text) ? { gbnf: text } : {}) };
  const pattern = enforcedPattern(text, "whole");
  if ("pattern" in pattern) return { kind: "regex", pattern: pattern.pattern };
  throw mismatch("INVALID_ARGUMENT", {
    expected: "a regular expression that can be enforced",
    place: "regex",
    received: pattern.problem,
  });
}

function checkLength(value: unknown, name: string, most: number): string {
  if (value === "") throw invalidArgument("text that is not empty", name, value);
  const text = checkText(value, name);
  if (text.length > most) throw invalidArgument(`at most ${most} characters`, name, text);
  return text;
}

/** What the engine would say less plainly. */
function checkGrammar(text: string): string {
  if (isGbnf(text)) return fromGbnf(text);
  if (/^\s*\??start\s*(?:\[[^\]]*\]|\{[^}]*\}|::[\w.]+|\.\w+)?\s*:/m.test(text)) return text;
  throw mismatch("INVALID_ARGUMENT", {
    expected: 'a grammar with a rule called start (start: "yes" | "no")',
    place: "grammar",
    received: "text without such a rule",
  });
}

function fromGbnf(text: string): string {
  try {
    return gbnfToLark(text);
  } catch (error) {
    if (!(error instanceof GbnfError)) throw error;
    throw mismatch("INVALID_ARGUMENT", {
      expected: "a grammar that can be read",
      place: "grammar",
      received: error.message,
    });
  }
}
