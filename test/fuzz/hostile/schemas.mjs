// Schemas as somebody would write them who wants a server to stop: what doubles, multiplies, recurs, backtracks or is
// long.
import { hostileValue, mutated } from "./mutate.mjs";

/** @typedef {import("./mutate.mjs").Random} Random */

const patterns = [
  "^(?=a)(a+)+$",
  "^(a|a)*$",
  "(a*)*b",
  "^(?:a?){60}a{60}$",
  "(\\w+\\s?)+$",
  "(?<!b)(a+)+c",
  "^(([a-z])+.)+[A-Z]([a-z])+$",
  "(.*)(.*)(.*)x",
  "\\1(a)",
  "[",
  "(?<n>a)\\k<n>+$",
  "a{99999}",
  "^.{0,5000}$",
];
const evil = "a".repeat(40) + "!";

/** @type {ReadonlyArray<(random: Random, depth: number) => unknown>} */
const shapes = [
  // Doubles at each level.
  ({ pick }) => {
    const levels = pick([3, 12, 40]);
    const word = pick(["allOf", "anyOf", "oneOf"]);
    const $defs = Object.fromEntries(
      Array.from({ length: levels }, (_, n) => [
        `d${n}`,
        { [word]: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
      ]),
    );
    return { $ref: "#/$defs/d0", $defs: { ...$defs, [`d${levels}`]: { type: "string", maxLength: 3 } } };
  },
  ({ pick }) => ({
    [pick(["oneOf", "anyOf", "allOf"])]: Array.from({ length: pick([3, 60, 300, 900]) }, (_, n) => ({
      enum: Array.from({ length: pick([2, 20, 40]) }, (_, m) => `${n}-${m}`),
    })),
  }),
  ({ pick }) => {
    const branch = (/** @type {string} */ tag) => ({
      type: "object",
      properties: Object.fromEntries(
        Array.from({ length: pick([3, 60]) }, (_, n) => [`p${n}`, { $ref: "#/$defs/shared" }]),
      ),
      required: Array.from({ length: pick([3, 60]) }, (_, n) => `p${n}`),
      title: tag,
    });
    return {
      oneOf: [branch("a"), branch("b")],
      $defs: {
        shared: { type: "object", properties: { x: { type: "string", maxLength: 4 }, y: { $ref: "#/$defs/shared" } } },
      },
    };
  },
  ({ pick }) => ({
    type: "object",
    properties: Object.fromEntries(
      Array.from({ length: pick([10, 1000, 20_000]) }, (_, n) => [`p${n}`, { type: "integer" }]),
    ),
  }),
  ({ pick }) => ({
    type: "object",
    patternProperties: Object.fromEntries(
      Array.from({ length: pick([3, 300, 3000]) }, (_, n) => [
        `^p${n}${pick(["", "[a-z]*$", "(a+)+$"])}`,
        { type: "integer" },
      ]),
    ),
  }),
  ({ pick }) => ({ enum: [evil, evil.repeat(50)], pattern: pick(patterns) }),
  ({ pick }) => ({
    type: "object",
    propertyNames: { pattern: pick(patterns), enum: [evil] },
    additionalProperties: { type: "integer" },
    minProperties: 1,
    maxProperties: 2,
  }),
  ({ pick }) => ({
    type: "string",
    pattern: pick(["(", "(?:", "[a", "(a"]).repeat(pick([1, 50, 20_000])),
    maxLength: 20,
  }),
  ({ pick }) => ({ type: "string", pattern: pick(patterns), maxLength: 20 }),
  ({ pick }) => ({
    type: pick(["integer", "number"]),
    multipleOf: pick([1e-7, 3, 1e9, 65_537, 0.1]),
    minimum: pick([-1e300, 0, 1]),
    maximum: pick([1, 1e15, 1e300]),
  }),
  ({ pick }) => ({
    type: "array",
    items: { type: "integer" },
    minItems: pick([0, 5, 1e6, 2 ** 31]),
    maxItems: pick([1, 7, 1e9]),
    uniqueItems: true,
  }),
  ({ pick }) => ({ type: "string", minLength: pick([0, 1000, 1e6, 2 ** 31]), maxLength: pick([1, 1e6, 2 ** 53]) }),
  ({ pick }) => ({
    $ref: pick(["#", "#/$defs/a", "#/properties/a/properties/a", "http://127.0.0.1/x", "#a", "%"]),
    $defs: { a: { $ref: "#/$defs/b" }, b: { anyOf: [{ $ref: "#/$defs/a" }, { type: "null" }] } },
    properties: { a: { $ref: "#" } },
  }),
  ({ pick }, depth) =>
    depth > 200
      ? true
      : { [pick(["not", "if", "contains", "items", "propertyNames", "additionalProperties"])]: { not: { not: {} } } },
  ({ pick }) => {
    let schema = /** @type {object} */ ({ type: "string" });
    for (let n = pick([5, 60, 500, 3000]); n > 0; n--)
      schema = pick([{ type: "array", items: schema }, { properties: { a: schema } }, { allOf: [schema] }]);
    return schema;
  },
  ({ pick }) => ({
    type: "object",
    properties: {
      [pick(["__proto__", "constructor", "\ud800", "</tool_call>"])]: {
        format: pick(["uri", "date-time", "<|im_end|>", "regex", "email"]),
        type: "string",
        maxLength: 30,
      },
    },
    additionalProperties: false,
  }),
];

/** @param {Random} random @param {number} [depth] @returns {unknown} */
export function hostileSchema(random, depth = 0) {
  const made = random.pick([...shapes])(random, depth);
  const whole =
    depth < 2 && random.below(4) === 0
      ? { type: "object", properties: { a: made, b: hostileSchema(random, depth + 1) }, required: ["a"] }
      : made;
  return random.below(3) === 0
    ? mutated(whole, random, () => (random.below(2) ? hostileValue(random) : hostileSchema(random, 3)))
    : whole;
}
