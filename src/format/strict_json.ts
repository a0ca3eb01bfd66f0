// Whole JSON texts, with every number as it is written: integers of any size are exact, and none is infinite.
import { skipSpace } from "./hermes/json/character_classes.js";
import { TolerantJson } from "./hermes/json/tolerant_json.js";

export interface ReadJson {
  readonly value: unknown;
  /** The first number that does not fit; in the value it is text. */
  readonly tooLarge: string | undefined;
}

/** What a double may not hold as it is written. */
const oddNumber = /\d{16}|[eE]\+?\d{3}/;

/** What `JSON.parse` takes; integers beyond 2^53 become BigInt. @throws SyntaxError */
export function readJson(text: string): ReadJson {
  const value = JSON.parse(text) as unknown;
  if (!oddNumber.test(text)) return { value, tooLarge: undefined };
  const reader = new TolerantJson();
  reader.feed(text, skipSpace(text, 0));
  if (reader.status === "reading") reader.close(false);
  // It reads fewer levels than JSON.parse.
  return reader.status === "done" ? { value: reader.value, tooLarge: reader.tooLarge } : { value, tooLarge: undefined };
}

/** Whether `JSON.parse` takes it. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
