// The texts of the checker's messages.
import { describe } from "../../errors.js";

/** The text as it stands in the schema, shortened if it is long. */
export function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 200 ? text : describe(value);
}

export function withArticle(noun: string): string {
  return noun === "null" || noun === "" ? noun : `${/^[aeio]/.test(noun) ? "an" : "a"} ${noun}`;
}

const plurals: Readonly<Record<string, string>> = { entry: "entries", property: "properties", character: "characters" };
export const counted = (count: number, noun: string): string => `${count} ${count === 1 ? noun : plurals[noun]}`;
