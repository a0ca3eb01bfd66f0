// Checks of raw prompts: texts, markup and token ids.
import type { PromptPart } from "../engine/engine.js";
import { invalidArgument, reading } from "../errors.js";
import { checkText } from "../options/option_checks.js";
import type { Infill } from "./reply/infill.js";

/** Checks a raw prompt: a string with markup (but not with a `suffix`), or parts that state what they are. */
export function readPrompt(prompt: unknown, vocabularySize: number, infill: Infill | undefined): readonly PromptPart[] {
  const text = typeof prompt === "string" ? checkText(prompt, "prompt") : undefined;
  if (infill === undefined && text !== undefined) return [{ control: text }];
  const parts = text === undefined ? checkParts(prompt, "prompt", vocabularySize) : [{ text }];
  return infill === undefined ? parts : [...infill.before, ...parts, ...infill.after];
}

export function checkParts(parts: unknown, name: string, vocabularySize: number): readonly PromptPart[] {
  return reading(name, () => readParts(parts, name, vocabularySize));
}

function readParts(parts: unknown, name: string, vocabularySize: number): readonly PromptPart[] {
  if (!Array.isArray(parts)) throw invalidArgument("a string or an array of prompt parts", name, parts);
  return Array.from(parts as unknown[], (part, index): PromptPart => {
    const where = `${name}[${index}]`;
    const entries = typeof part === "object" && part !== null ? Object.entries(part) : [];
    const [kind, value] = entries[0] ?? [];
    if (entries.length === 1 && kind === "text") return { text: checkText(value, `${where}.text`) };
    if (entries.length === 1 && kind === "control") return { control: checkText(value, `${where}.control`) };
    if (entries.length === 1 && kind === "tokens")
      return { tokens: checkTokens(value, `${where}.tokens`, vocabularySize) };
    throw invalidArgument("an object with one of text, control and tokens", where, part);
  });
}

export function checkTokens(value: unknown, name: string, vocabularySize: number): Int32Array {
  return reading(name, () => readTokens(value, name, vocabularySize));
}

function readTokens(value: unknown, name: string, vocabularySize: number): Int32Array {
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  if (!isList) throw invalidArgument("an array of token ids", name, value);
  const tokens = value as ArrayLike<unknown>;
  // One after the other: a sparse array may be four billion holes long.
  return Int32Array.from(
    Array.from(tokens, (token, index) => {
      if (typeof token === "number" && Number.isInteger(token) && token >= 0 && token < vocabularySize) return token;
      throw invalidArgument(`a token id from 0 to ${vocabularySize - 1}`, `${name}[${index}]`, token);
    }),
  );
}
