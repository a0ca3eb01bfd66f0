// Bodies are judged by how much they hold before they are parsed.
import { expect, test } from "vitest";
import { hasMoreParts } from "../../../src/server/json_parts.js";
import { seeded } from "../../support/seeded.mjs";

const partsOf = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0;
  const inside = Object.values(value).reduce<number>((sum, inner) => sum + partsOf(inner), 1);
  return inside + (Array.isArray(value) ? 0 : Object.keys(value).length);
};
const holds = (text: string) => {
  let most = 0;
  while (hasMoreParts(Buffer.from(text), most)) most++;
  return most;
};

test.each<[string, unknown]>([
  ["nothing", null],
  ["a string full of signs", '{"[:]}\\"\\\\"'],
  ["a string that ends with a backslash", ["\\", "{", "\\\\", "["]],
  ["a name full of signs", { '":{[': { "\\": [] } }],
  ["nested values", { a: [{ b: [[]] }, {}], "c:d": "é[ü" }],
])("%s is counted as JSON.parse would make it", (_, value) => {
  for (const text of [JSON.stringify(value), JSON.stringify(value, undefined, 2)])
    expect(holds(text)).toBe(partsOf(value));
});

test("random values are counted as JSON.parse would make them", () => {
  const { below } = seeded(7);
  const letters = ['"', "\\", "{", "[", ":", "a", "é", "\n"];
  const text = () => Array.from({ length: below(6) }, () => letters[below(letters.length)]).join("");
  const value = (depth: number): unknown => {
    const kind = below(depth > 3 ? 2 : 4);
    if (kind === 0) return text();
    if (kind === 1) return below(100);
    if (kind === 2) return Array.from({ length: below(4) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: below(4) }, () => [text(), value(depth + 1)]));
  };
  for (let round = 0; round < 300; round++) {
    const one = value(0);
    expect(holds(JSON.stringify(one)), JSON.stringify(one)).toBe(partsOf(one));
  }
});

test.each(['"', '"\\', '{"a', "[".repeat(100), '"' + "\\".repeat(999), "]}:,\u0000"])(
  "what is no JSON ends too: %j",
  (text) => {
    expect(holds(text)).toBeLessThanOrEqual(text.length);
  },
);
