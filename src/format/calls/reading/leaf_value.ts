// The JSON of a value that is written without quotes, whatever it is.
import { readWord } from "../../hermes/json/json_word.js";
import { TolerantJson } from "../../hermes/json/tolerant_json.js";

/** What looks like no string is none, if `types` has what it looks like; else it is one. */
export function leafValue(raw: string, types: ReadonlySet<string>): string {
  const text = raw.trim();
  const word = readWord(text);
  if (word !== undefined && allows(types, word.value)) return word.text;
  const reader = new TolerantJson();
  reader.strict.capturing = true;
  const end = /^[{[]/.test(text) ? reader.feed(text, 0) : -1;
  if (reader.status === "done" && end === text.length && allows(types, reader.value)) return reader.strict.take();
  if (!types.has("string") && /^".*"$/s.test(text)) {
    try {
      return JSON.stringify(JSON.parse(text));
    } catch {
      // It is text.
    }
  }
  return JSON.stringify(types.has("string") ? raw : text);
}

function allows(types: ReadonlySet<string>, value: unknown): boolean {
  if (!types.has("string")) return true;
  if (typeof value === "number" || typeof value === "bigint")
    return types.has("number") || (types.has("integer") && (typeof value === "bigint" || Number.isInteger(value)));
  if (value === null) return types.has("null");
  return types.has(Array.isArray(value) ? "array" : typeof value);
}

export const inString = (text: string) => JSON.stringify(text).slice(1, -1);
