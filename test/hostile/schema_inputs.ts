// Schemas that a stranger may send. Each once took seconds, or for ever.
type Schema = Record<string, unknown>;

const each = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const map = (count: number, make: (index: number) => readonly [string, unknown]): Schema =>
  Object.fromEntries(each(count, make));
const text = { type: "string" };
const backtracks = `${"a".repeat(40)}!`;
const evil = "^(?=a)(a+)+$";
const defs = (count: number, make: (index: number) => unknown, last: unknown = { type: "object" }): Schema => ({
  $ref: "#/$defs/d0",
  $defs: { ...map(count, (index) => [`d${index}`, make(index)]), [`d${count}`]: last },
});
const next = (index: number) => ({ $ref: `#/$defs/d${index + 1}` });
const object = (count: number, inner: (index: number) => unknown): Schema => ({
  type: "object",
  properties: map(count, (index) => [`p${index}`, inner(index)]),
  required: each(count, (index) => `p${index}`),
});

export const properties = (count: number): Schema =>
  object(count, (index) => ({ type: "string", description: `number ${index}` }));
export const tools = (count: number) =>
  each(count, (index) => ({
    type: "function" as const,
    function: {
      name: `tool_${index}`,
      description: `does ${index}`,
      parameters: {
        type: "object",
        properties: { [`a${index}`]: text, b: { type: "integer", minimum: index }, c: { type: "array", items: text } },
        required: [`a${index}`],
      },
    },
  }));

/** A schema, and a value that it is asked about: what an answer might be. */
export const schemas: Readonly<Record<string, readonly [schema: Schema, value: unknown]>> = {
  "a pattern that goes back without end": [{ enum: [backtracks], pattern: evil }, backtracks],
  "such a pattern of names": [
    { type: "object", properties: { [backtracks]: {} }, propertyNames: { pattern: evil } },
    { [backtracks]: 1 },
  ],
  "such a pattern of properties": [
    { type: "object", properties: { [backtracks]: text }, patternProperties: { "^(a+)+$": {}, "(a|a)*b$": {} } },
    { [backtracks]: "" },
  ],
  "a pattern that refers back": [{ enum: [backtracks], pattern: "^(a+)+\\1$" }, backtracks],
  "a pattern against a long constant": [
    { const: "a".repeat(400_000), pattern: "a*b", format: "email" },
    "a".repeat(400_000),
  ],
  "an expression that goes back, as a format": [
    { const: `http://${"a-".repeat(20_000)}`, format: "url" },
    `http://${"a-".repeat(20_000)}`,
  ],
  "40 levels that double": [defs(40, (index) => ({ allOf: [next(index), next(index)] })), {}],
  "40 levels that double by different names": [
    {
      $ref: "#/$defs/d0",
      $defs: {
        ...map(40, (index) => [`d${index}`, { allOf: [next(index), { $ref: `#/$defs/e${index + 1}` }] }]),
        ...map(40, (index) => [`e${index}`, { allOf: [next(index), { $ref: `#/$defs/e${index + 1}` }] }]),
        d40: {},
        e40: {},
      },
    },
    {},
  ],
  "200 levels of alternatives that double": [
    defs(200, (index) => ({ type: "object", anyOf: [next(index), next(index)], allOf: [{ minProperties: 1 }] })),
    {},
  ],
  "3,000 levels that double": [defs(3_000, (index) => ({ allOf: [next(index), next(index)] })), {}],
  "oneOf with 300 branches of 20 values": [
    { oneOf: each(300, (index) => ({ enum: each(20, (value) => `v${index}_${value}`) })) },
    "none",
  ],
  "oneOf with 700 branches of 40 values": [
    { oneOf: each(700, (index) => ({ enum: each(40, (value) => `v${index}_${value}`) })) },
    "none",
  ],
  "oneOf with 2,000 objects": [
    {
      oneOf: each(2_000, (index) => ({
        type: "object",
        properties: { kind: { const: index }, v: text },
        required: ["kind"],
      })),
    },
    { kind: 1_999 },
  ],
  "oneOf of objects without a property that tells them apart": [
    { oneOf: each(400, (index) => object(8, (at) => ({ minLength: index + at }))) },
    {},
  ],
  "two branches of 60 required properties with one reference": [
    { $defs: { s: object(1, () => text) }, oneOf: each(2, () => object(60, () => ({ $ref: "#/$defs/s" }))) },
    {},
  ],
  "such branches six levels deep": [
    {
      oneOf: [{ $ref: "#/$defs/d0" }, { $ref: "#/$defs/d0" }],
      $defs: map(7, (level) => [`d${level}`, object(60, () => (level === 6 ? text : next(level)))]),
    },
    {},
  ],
  "3,000 patternProperties": [
    { type: "object", patternProperties: map(3_000, (index) => [`^x${index}_`, text]) },
    { x7_: 1 },
  ],
  "7,000 patternProperties that begin alike": [
    { type: "object", patternProperties: map(7_000, (index) => [`^${"a".repeat(20)}${index}b`, text]) },
    { a: 1 },
  ],
  "2,000 patterns for 2,000 names": [
    { ...object(2_000, () => text), patternProperties: map(2_000, (index) => [`(p|q)*${index}$`, text]) },
    Object.fromEntries(each(2_000, (index) => [`p${index}`, "x"])),
  ],
  "100,000 properties": [properties(100_000), {}],
  "a chain of 9,000 references": [defs(9_000, next), {}],
  "a chain of 5,000 objects": [
    defs(5_000, (index) => ({ type: "object", properties: { a: next(index) } })),
    { a: { a: {} } },
  ],
  "80 schemas that refer to each other": [defs(80, () => object(80, (index) => ({ $ref: `#/$defs/d${index}` }))), {}],
  "2,000 schemas in one circle": [
    defs(2_000, (index) => ({
      type: "object",
      anyOf: [
        { properties: { x: { $ref: `#/$defs/d${(index + 1) % 2_000}` } } },
        { properties: { y: { $ref: `#/$defs/d${(index * 7 + 3) % 2_000}` } } },
      ],
    })),
    { x: { y: {} } },
  ],
  "a pattern nested 20,000 deep": [{ pattern: `${"(".repeat(20_000)}a${")".repeat(20_000)}` }, "a"],
  "a pattern of half a million brackets": [{ pattern: "[".repeat(500_000) }, "a"],
  "a pattern of 400 kB": [{ type: "string", pattern: "a?[b-c]".repeat(57_000) }, "abc"],
  "90 patterns of 10 kB": [
    object(90, (index) => ({ pattern: `(a|b${index})*c`.repeat(1_000) })),
    Object.fromEntries(each(90, (index) => [`p${index}`, "abc".repeat(100)])),
  ],
  "a repetition of repetitions": [{ type: "string", pattern: "^(((a{0,90}){0,90}){0,90}){0,90}$" }, "a".repeat(2_000)],
  "120 times not": [each(120, () => 0).reduce<Schema>((inner) => ({ not: inner }), text), 1],
  "28,000 values": [{ enum: each(28_000, (index) => `value ${index}`) }, "value 28000"],
  "28,000 required names": [{ required: each(28_000, (index) => `n${index}`) }, {}],
  "8,000 alternatives": [{ anyOf: each(5_000, (index) => ({ type: "object", required: [`a${index}`] })) }, {}],
  "unevaluated names in 60 levels": [
    defs(60, (index) => ({ allOf: [next(index)], anyOf: [next(index), {}], unevaluatedProperties: false })),
    Object.fromEntries(each(500, (index) => [`p${index}`, 1])),
  ],
  "7,900 dynamic anchors, each with an address": [
    { anyOf: each(7_900, (index) => ({ $id: `a${index}`, $dynamicAnchor: `a${index}` })) },
    1,
  ],
  "addresses within addresses": [
    each(240, () => 0).reduce<Schema>((inner) => ({ $id: `${"a".repeat(1_990)}/`, not: inner }), {
      anyOf: each(3_000, (index) => ({ $id: `x${index}` })),
    }),
    1,
  ],
  "2,000 references to an object of 2,500 properties": [
    { properties: map(2_000, (index) => [`r${index}`, { $ref: "#/$defs/d" }]), $defs: { d: properties(2_500) } },
    {},
  ],
  "2,000 of them beside others": [
    {
      properties: map(2_000, (index) => [`r${index}`, { $ref: "#/$defs/d", minProperties: 1 }]),
      $defs: { d: properties(2_500) },
    },
    {},
  ],
  "29,000 empty alternatives": [{ anyOf: each(29_000, () => ({})) }, 1],
  "dynamic references that double": [
    {
      $dynamicAnchor: "a",
      $ref: "#/$defs/d0",
      $defs: {
        ...map(30, (index) => [`d${index}`, { allOf: [next(index), next(index)] }]),
        d30: { properties: { a: { $dynamicRef: "#a" } } },
      },
    },
    { a: {} },
  ],
};
