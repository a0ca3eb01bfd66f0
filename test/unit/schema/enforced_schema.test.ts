// What becomes of every keyword of both dialects when a schema is enforced. The engine's side of it is in test/schemas.
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { enforcedFormat } from "../../../src/schema/enforced/enforced_formats.js";
import { anchored } from "../../../src/schema/enforced/enforced_pattern.js";
import { keywords } from "../../../src/schema/enforced/enforced_keywords.js";
import { readSchema, type JsonSchema } from "../../../src/schema/read_schema.js";

const enforced = (schema: JsonSchema) => readSchema(schema, "schema").enforced("allow");
const listed = (schema: JsonSchema) => enforced(schema).unenforced.map(({ path, keyword }) => `${path} ${keyword}`);
const draft7 = "http://json-schema.org/draft-07/schema#";

/**
 * A schema in which the keyword says something, and what the engine then gets of it; null where it is left out and
 * listed.
 */
const table: Record<string, readonly [schema: JsonSchema, enforced: unknown]> = {
  $ref: [
    { properties: { a: { $ref: "#/$defs/b" } }, $defs: { b: { type: "string" } } },
    { properties: { a: { $ref: "#/$defs/d0" } }, $defs: { d0: { type: "string" } } },
  ],
  allOf: [{ allOf: [{ minimum: 1 }, { maximum: 2 }] }, { allOf: [{ minimum: 1 }, { maximum: 2 }] }],
  anyOf: [
    { anyOf: [{ minimum: 1 }, { type: "string" }] },
    { allOf: [{ anyOf: [{ minimum: 1 }, { type: "string" }] }] },
  ],
  oneOf: [
    { oneOf: [{ type: "number" }, { type: "string" }] },
    { allOf: [{ anyOf: [{ type: "number" }, { type: "string" }] }] },
  ],
  not: [{ not: { type: "string" } }, null],
  type: [{ type: ["string", "null"] }, { type: ["string", "null"] }],
  const: [{ const: { b: 1, a: [2] } }, { const: { b: 1, a: [2] } }],
  enum: [{ enum: [1, "a", null] }, { enum: [1, "a", null] }],
  minimum: [{ minimum: 1 }, { minimum: 1 }],
  maximum: [{ maximum: 1.5 }, { maximum: 1.5 }],
  exclusiveMinimum: [{ exclusiveMinimum: 1 }, { exclusiveMinimum: 1, multipleOf: 1e-6 }],
  exclusiveMaximum: [
    { type: "integer", exclusiveMaximum: 1 },
    { type: "integer", exclusiveMaximum: 1 },
  ],
  multipleOf: [
    { type: ["number", "null"], multipleOf: 5 },
    { type: ["integer", "null"], multipleOf: 5, minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
  ],
  minLength: [{ minLength: 1 }, { minLength: 1 }],
  maxLength: [{ maxLength: 100_000 }, { maxLength: 100_000 }],
  pattern: [{ pattern: "^a.$" }, { pattern: "^(?:a[^\\x{a}\\x{d}\\x{2028}\\x{2029}])$" }],
  format: [{ format: "ipv4" }, { pattern: anchored((enforcedFormat("ipv4") as { pattern: string }).pattern) }],
  items: [{ items: { type: "string" } }, { items: { type: "string" } }],
  prefixItems: [
    { prefixItems: [{ type: "string" }], items: false },
    { prefixItems: [{ type: "string" }], items: false },
  ],
  additionalItems: [
    { $schema: draft7, items: [{ type: "string" }], additionalItems: false },
    { prefixItems: [{ type: "string" }], items: false },
  ],
  minItems: [{ minItems: 1 }, { minItems: 1 }],
  maxItems: [{ maxItems: 1 }, { maxItems: 1 }],
  uniqueItems: [{ uniqueItems: true }, null],
  contains: [{ contains: { type: "string" }, minContains: 2 }, null],
  properties: [{ properties: { b: {}, a: false } }, { properties: { b: {}, a: false } }],
  patternProperties: [
    { patternProperties: { "^x": { type: "string" } } },
    { patternProperties: { "^(?:x(?s:.)*)$": { type: "string" } } },
  ],
  additionalProperties: [{ additionalProperties: { type: "string" } }, { additionalProperties: { type: "string" } }],
  required: [{ required: ["a"] }, { required: ["a"] }],
  minProperties: [{ minProperties: 1 }, { minProperties: 1 }],
  maxProperties: [{ maxProperties: 1 }, { maxProperties: 1 }],
  propertyNames: [{ propertyNames: { maxLength: 3 } }, null],
  if: [{ if: { type: "string" }, then: { minLength: 1 }, else: false }, null],
  nullable: [{ type: "string", nullable: true }, { type: ["string", "null"] }],
  dependencies: [{ $schema: draft7, dependencies: { a: ["b"] } }, null],
  dependentRequired: [{ dependentRequired: { a: ["b"] } }, null],
  dependentSchemas: [{ dependentSchemas: { a: { required: ["b"] } } }, null],
  unevaluatedItems: [{ anyOf: [{ prefixItems: [true] }], unevaluatedItems: false }, null],
  unevaluatedProperties: [{ anyOf: [{ properties: { a: true } }], unevaluatedProperties: false }, null],
  $dynamicRef: [{ properties: { a: { $dynamicRef: "#b" } }, $defs: { b: { $dynamicAnchor: "b" } } }, null],
};

describe("every keyword that can refuse a value", () => {
  const all = [
    ...new Set(
      Object.values(keywords).flatMap((dialect) =>
        Object.entries(dialect)
          .filter(([, treatment]) => treatment === "enforced" || treatment === "checked")
          .map(([keyword]) => keyword),
      ),
    ),
  ];

  test.each(all)("%s is in the table below, and is enforced or listed", (keyword) => {
    const row = table[keyword];
    if (row === undefined) throw new Error(`there is no example of ${keyword}`);
    const [schema, expected] = row;
    const { schema: part, unenforced } = enforced(schema);
    if (expected === null) {
      expect(unenforced.map((one) => one.keyword)).toContain(keyword);
      expect(JSON.stringify(part)).not.toContain(`"${keyword}"`);
    } else {
      expect(part).toEqual(expected);
      expect(unenforced).toEqual([]);
    }
  });

  test.each(
    Object.entries(keywords).flatMap(([dialect, of]) =>
      Object.entries(of)
        .filter(([, treatment]) => treatment === "annotation")
        .map(([keyword]) => [dialect, keyword]),
    ),
  )("%s: the annotation %s goes without a word", (dialect, keyword) => {
    const values: Record<string, unknown> = {
      readOnly: true,
      writeOnly: true,
      deprecated: true,
      examples: [1],
      contentSchema: {},
      discriminator: { propertyName: "a" },
    };
    const schema = {
      $schema: dialect === "draft-07" ? draft7 : "https://json-schema.org/draft/2020-12/schema",
      [keyword as string]: values[keyword as string] ?? "x",
    };
    expect(enforced(schema)).toEqual({ schema: {}, unenforced: [] });
  });
});

test("a keyword of no dialect is listed, since a slip of the pen looks like that; extensions are not", () => {
  expect(listed({ type: "string", minlength: 3, "x-order": 1 })).toEqual(["schema minlength"]);
  expect(listed({ $schema: draft7, prefixItems: [{}] })).toEqual(["schema prefixItems"]);
  expect(
    JSON.stringify(enforced({ type: "string", "x-guidance": { whitespace_flexible: true } }).schema),
  ).not.toContain("guidance");
});

describe("values decide", () => {
  test.each<[string, JsonSchema, string[]]>([
    ["bounds beyond exact numbers", { minimum: 1e300 }, ["schema minimum"]],
    ["a multipleOf with too many digits", { multipleOf: 1e-8 }, ["schema multipleOf"]],
    ["a multipleOf with too many remainders", { multipleOf: 9_973 }, ["schema multipleOf"]],
    ["a multipleOf far beyond the exact numbers", { multipleOf: 0.5, minimum: 1e15 }, ["schema multipleOf"]],
    [
      "a multipleOf beside others",
      { allOf: [{ multipleOf: 0.5 }, { multipleOf: 101 }] },
      ["schema.allOf[0] multipleOf", "schema.allOf[1] multipleOf"],
    ],
    [
      "a bound that no short decimal is next to",
      { exclusiveMinimum: 2 ** 52, minimum: 1e-9 },
      ["schema minimum", "schema exclusiveMinimum"],
    ],
    ["lookahead", { pattern: "^(?=a)" }, ["schema pattern"]],
    ["a format that no engine knows", { format: "uri-template" }, ["schema format"]],
    ["the length of a hostname", { format: "hostname" }, ["schema format"]],
    ["a long text with a pattern", { pattern: "a", maxLength: 5000 }, ["schema maxLength"]],
    ["overlapping oneOf", { oneOf: [{ type: "integer" }, { type: "number" }] }, ["schema oneOf"]],
    [
      "patterns of names that may overlap",
      { patternProperties: { a: true, b: {} }, additionalProperties: false },
      ["schema patternProperties", "schema additionalProperties"],
    ],
    ["counting optional properties", { properties: { a: {}, b: {} }, minProperties: 1 }, ["schema minProperties"]],
    ["counting free names", { minProperties: 2 }, ["schema minProperties"]],
    [
      "a base of its own",
      { properties: { a: { $id: "http://x.y/a", type: "string" }, b: { $ref: "#/properties/a" } } },
      ["schema.properties.b $ref"],
    ],
  ])("%s is listed", (_, schema, expected) => {
    expect(listed(schema)).toEqual(expected);
  });

  test.each<[string, JsonSchema]>([
    ["disjoint types", { oneOf: [{ type: "integer" }, { type: "string" }, { type: "null" }] }],
    [
      "a discriminator",
      {
        oneOf: ["a", "b"].map((kind) => ({
          type: "object",
          properties: { kind: { const: kind } },
          required: ["kind"],
        })),
      },
    ],
    ["different enums", { oneOf: [{ enum: ["a", "b"] }, { enum: ["c"] }] }],
    [
      "a discriminator behind references",
      {
        oneOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/b" }],
        $defs: { a: { type: "string" }, b: { type: "number" } },
      },
    ],
    [
      "one property of a closed object",
      { properties: { a: {}, b: {} }, additionalProperties: false, minProperties: 1, maxProperties: 1 },
    ],
    [
      "names from a list",
      {
        propertyNames: { enum: ["a", "b"] },
        additionalProperties: { type: "number" },
        minProperties: 1,
        maxProperties: 1,
      },
    ],
    ["names that are strings", { propertyNames: { type: "string" }, additionalProperties: { type: "number" } }],
    ["unevaluated where nothing else evaluates", { properties: { a: {} }, unevaluatedProperties: false }],
    [
      "patterns of names with beginnings of their own",
      { patternProperties: { "^ab": true, "^x_": {} }, additionalProperties: false },
    ],
    ["not, where it refuses nothing or everything", { properties: { a: { not: false }, b: { not: {} } } }],
    ["if without then", { if: { type: "string" } }],
  ])("%s is enforced", (_, schema) => {
    expect(listed(schema)).toEqual([]);
  });
});

describe("references", () => {
  const node = { type: "object", properties: { next: { $ref: "#/definitions/node" } }, required: ["next"] };

  test("may recur, be anchors, and have escaped names", () => {
    expect(enforced({ $ref: "#/definitions/node", definitions: { node } })).toMatchObject({
      schema: {
        $ref: "#/$defs/d0",
        $defs: { d0: { type: "object", properties: { next: { $ref: "#/$defs/d0" } }, required: ["next"] } },
      },
      unenforced: [],
    });
    expect(enforced({ items: { $ref: "#there" }, $defs: { a: { $anchor: "there", type: "null" } } }).schema).toEqual({
      items: { $ref: "#/$defs/d0" },
      $defs: { d0: { type: "null" } },
    });
    expect(
      enforced({ items: { $ref: "#/$defs/a~1b%20c" }, $defs: { "a/b c": { type: "null" } } }).schema,
    ).toMatchObject({ $defs: { d0: { type: "null" } } });
  });

  test("what stands beside one inside its own target is listed, and beside any other enforced", () => {
    const inside = { ...node, properties: { next: { $ref: "#/definitions/node", maxProperties: 1 } } };
    expect(listed({ $ref: "#/definitions/node", definitions: { node: inside } })).toEqual([
      "schema.definitions.node.properties.next type",
    ]);
    expect(listed({ $ref: "#/definitions/text", maxLength: 3, definitions: { text: { type: "string" } } })).toEqual([]);
  });

  test("two that recur in one place cannot be intersected", () => {
    expect(
      listed({
        allOf: [{ $ref: "#/definitions/node" }, { $ref: "#/definitions/other" }],
        definitions: { node, other: node },
      }),
    ).toEqual(["schema allOf"]);
  });
});

test("the order of properties is the declaration's, names like __proto__ are only names, and zod's bounds of whole numbers hold", () => {
  const { schema } = enforced({
    properties: JSON.parse('{"z": {}, "__proto__": {"type": "string"}, "a": {}}') as object,
  });
  expect(Object.keys((schema as { properties: object }).properties)).toEqual(["z", "__proto__", "a"]);
  const zod = readSchema(z.object({ n: z.int(), at: z.iso.date(), tag: z.record(z.string(), z.number()) }), "schema");
  expect(zod.enforced("refuse")).toMatchObject({ schema: { properties: { n: { minimum: Number.MIN_SAFE_INTEGER } } } });
  expect(JSON.stringify(zod.jsonSchema)).not.toContain(String(Number.MAX_SAFE_INTEGER));
});

test("alternatives that multiply beyond measure are listed, and enormous enums are not", () => {
  const many = { anyOf: Array.from({ length: 20 }, (_, index) => ({ required: [`p${index}`] })) };
  expect(listed({ allOf: [many, many, many] })).toEqual(["schema allOf"]);
  expect(listed({ enum: Array.from({ length: 10_000 }, (_, index) => `value ${index}`) })).toEqual([]);
});

test("what is referred to twice in one place is written once", () => {
  const levels = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      `d${index}`,
      { allOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] },
    ]),
  );
  const { schema } = enforced({ $ref: "#/$defs/d0", $defs: { ...levels, d40: { type: "object" } } });
  expect(JSON.stringify(schema).match(/\$ref/g)).toHaveLength(41);
});
