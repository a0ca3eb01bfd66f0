// Tools with random schemas of the kinds that people write, from a seed. Every string is short, so that random weights
// come to its end.
import type { EnforcedSchema } from "../../../src/engine/engine.js";

export interface RandomTool {
  readonly name: string;
  readonly parameters: Exclude<EnforcedSchema, boolean>;
}

/** Numbers below `below`. */
export type Random = (below: number) => number;

const words = [
  "city",
  "unit",
  "date",
  "größe",
  "a b",
  "is_active",
  "it's",
  "日付",
  "x-1",
  "count",
  "</tool_call>",
  'quote"d',
  "back\\slash",
  "emoji👍",
];
const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T;

function leaf(random: Random): Record<string, unknown> {
  switch (random(8)) {
    case 0:
      return { type: "integer", minimum: -9, maximum: 99 };
    case 1:
      return { type: "number", minimum: 0, maximum: 10 };
    case 2:
      return { type: "boolean" };
    case 3:
      return { enum: words.slice(random(5), 5 + random(8)) };
    case 4:
      return { const: pick(random, [null, 1, "x", ["a", 2], { k: "v" }]) };
    case 5:
      return {
        type: "string",
        pattern: pick(random, ["^[a-z]{1,5}$", "^\\d{4}-\\d{2}-\\d{2}$", "^(ab|cd)+x$"]),
        maxLength: 12,
      };
    case 6:
      return { type: ["string", "null"], maxLength: 4 };
    default:
      return { type: "string", minLength: random(2), maxLength: 6 };
  }
}

function schema(random: Random, depth: number): Record<string, unknown> {
  if (depth > 2 || random(3) > 0) return leaf(random);
  if (random(3) === 0) return { type: "array", items: schema(random, depth + 1), minItems: random(2), maxItems: 2 };
  if (random(4) === 0) return { anyOf: [leaf(random), schema(random, depth + 1)] };
  return object(random, depth + 1);
}

function object(random: Random, depth: number): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (let n = random(4); n > 0; n--) properties[pick(random, words)] = schema(random, depth);
  return {
    type: "object",
    properties,
    required: Object.keys(properties).filter(() => random(3) > 0),
    additionalProperties: false,
  };
}

export function randomTools(random: Random): RandomTool[] {
  const names = ["get_weather", "get_news", "search", "send-mail", "f", "größe.berechnen", 'a"b'];
  const first = random(names.length);
  return Array.from({ length: 1 + random(4) }, (_, index) => ({
    name: names[(first + index) % names.length] as string,
    parameters: object(random, 0) as RandomTool["parameters"],
  }));
}
