// Ids of calls. Unique beyond one reply: conversations hold the calls of many.
import { randomInt } from "node:crypto";

const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Nine letters or digits, which every model's template takes: Mistral's refuse others. */
export function newCallId(): string {
  return Array.from({ length: 9 }, () => characters[randomInt(characters.length)]).join("");
}
