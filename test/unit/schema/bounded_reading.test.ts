// What schemas could still cost, throw or close wrongly, found by reading the code.
import { expect, test } from "vitest";
import { createCallCheck } from "../../../src/format/hermes/calls/argument_check.js";
import { canonicalJson } from "../../../src/schema/canonical_json.js";
import { readSchema, type JsonSchema } from "../../../src/schema/read_schema.js";

test.each([
  [
    "a billion empty groups as a name",
    { properties: { a: {} }, patternProperties: { "(?:(?:(?:){100000}){100000}){100000}": {} } },
  ],
  ["nine quadrillion empty groups", { type: "string", pattern: "(?:){9007199254740991}" }],
  ["an empty choice, very often", { type: "string", pattern: "(?:(?:|){99999}){0,1}" }],
])("%s are read and checked at once", (_, schema) => {
  const read = readSchema(schema, "schema");
  expect(() => read.enforced("refuse")).not.toThrow();
  expect([true, false]).toContain(read.check("text").ok);
});

test.each([
  { $id: 1 },
  { $id: null },
  { properties: { a: { $id: 1 } } },
  { properties: { a: { $anchor: 5 } } },
  { $id: "http://h/" + "a/".repeat(2000) },
])("an address that is none is refused with its place: %#", (schema) => {
  expect(() => readSchema(schema as unknown as JsonSchema, "schema")).toThrow(
    expect.objectContaining({ code: "INVALID_SCHEMA" }) as Error,
  );
});

test.each([
  [
    {
      allOf: [
        { properties: { user: { type: "object", properties: { name: {} }, required: ["name"] } } },
        { properties: { user: { type: "object", properties: { age: {} }, required: ["age"] } } },
      ],
    },
  ],
  [{ properties: { user: { properties: { x: {} } } }, allOf: [{ properties: { user: { required: ["y"] } } }] }],
])("what each of several schemas says of a part closes it for none of them: %#", (schema) => {
  const text = JSON.stringify(readSchema(schema as unknown as JsonSchema, "schema").enforced("refuse").schema);
  // The place itself is known whole; its parts are not.
  expect(text.match(/"additionalProperties":false/g)).toHaveLength(1);
  expect(
    JSON.stringify(
      readSchema({ properties: { user: { properties: { x: {} } } } }, "schema").enforced("refuse").schema,
    ).match(/"additionalProperties":false/g),
  ).toHaveLength(2);
});

test("a place whose reference leads back to it is not closed beside it", () => {
  const schema = readSchema(
    { properties: { v: {}, child: { $ref: "#", properties: { extra: {} } } } },
    "schema",
  ).enforced("refuse").schema as { $defs: Record<string, { properties: { child: object } }> };
  for (const { properties } of Object.values(schema.$defs))
    expect(properties.child).toEqual({ $ref: expect.any(String) });
});

test("groups are counted though a class or an escape stands alone in one", () => {
  expect(readSchema({ type: "string", pattern: "^([ab]?)x\\1\\-$" }, "schema").check("axa-").ok).toBe(true);
  expect(readSchema({ type: "string", pattern: "^([ab]?)x\\1\\-$" }, "schema").check("axb-").ok).toBe(false);
});

test("a pattern of 250 groups within each other is checked, and one more is refused", () => {
  const nested = (depth: number) => ({
    properties: { a: {} },
    patternProperties: { [`${"(".repeat(depth)}a${")".repeat(depth)}`]: { type: "integer" } },
  });
  const read = readSchema(nested(250), "schema");
  expect(() => read.enforced("refuse")).not.toThrow();
  expect([read.check({ aa: 1 }).ok, read.check({ aa: "x" }).ok]).toEqual([true, false]);
  expect(() => readSchema(nested(251), "schema")).toThrow(/at most 250 groups/);
});

test.each([
  [2n ** 53n, {}],
  [10n ** 400n, {}],
  [-(10n ** 400n), { maximum: 0 }],
  [10n ** 400n, { minimum: 1e308, multipleOf: 2 }],
])("an integer of any size is one, for answers and for arguments: %#", (value, bounds) => {
  const schema = { type: "object", properties: { a: { type: "integer", ...bounds }, b: { const: "x" } } } as const;
  expect(readSchema(schema, "schema").check({ a: value, b: "x" })).toMatchObject({ ok: true });
  expect(createCallCheck([{ name: "f", parameters: schema }])("f", { a: value, b: "x" })).toBeUndefined();
  expect(readSchema({ maximum: 5, minimum: -5 }, "schema").check(value).ok).toBe(false);
});

test("equal values have one text, and others have another", () => {
  expect(canonicalJson({ b: [1, -0, "x"], a: { "": null } })).toBe(canonicalJson({ a: { "": null }, b: [1, 0, "x"] }));
  const different = [
    0,
    1,
    2n ** 64n,
    "18446744073709551616",
    "18446744073709551616n",
    "a",
    "",
    null,
    true,
    [],
    {},
    [[]],
    { a: 1 },
    { a: "1" },
    { 'a":1': 1 },
    ["a,b"],
    ["a", "b"],
  ];
  expect(new Set(different.map(canonicalJson)).size).toBe(different.length);
});

test("a schema may have 8,000 schemas in it, and one more is refused by their number", () => {
  const properties = (count: number) => ({
    properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, {}])),
  });
  expect(readSchema(properties(7_999), "schema").enforced("refuse").unenforced).toEqual([]);
  expect(() => readSchema(properties(8_000), "schema")).toThrow(
    expect.objectContaining({
      code: "CONSTRAINT_TOO_COMPLEX",
      message:
        "Invalid value for schema: more schemas. Expected a schema with at most 8000 schemas in it. Simplify it.",
    }) as Error,
  );
});
