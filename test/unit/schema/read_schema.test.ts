// Schemas of every kind: what they become for the prompt, what they accept, and how wrong ones are refused.
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { CaduceusError } from "../../../src/errors.js";
import { readSchema, type JsonSchema, type Schema } from "../../../src/schema/read_schema.js";

function refusal(schema: unknown, code = "INVALID_SCHEMA"): string {
  try {
    readSchema(schema as Schema, "schema");
  } catch (error) {
    expect(error).toBeInstanceOf(CaduceusError);
    expect((error as CaduceusError).code).toBe(code);
    return (error as CaduceusError).message;
  }
  throw new Error("the schema was accepted");
}

const problem = (schema: Schema, value: unknown) => {
  const result = readSchema(schema, "schema").check(value, "arguments");
  return result.ok ? undefined : result.problem;
};

describe("Standard Schemas", () => {
  const person = {
    type: "object",
    properties: { name: { type: "string" }, age: { type: "integer" } },
    required: ["name", "age"],
  };

  test.each([
    ["zod", z.object({ name: z.string(), age: z.int() })],
    ["valibot", v.object({ name: v.string(), age: v.pipe(v.number(), v.integer()) })],
    [
      "valibot with its Standard JSON Schema",
      toStandardJsonSchema(v.object({ name: v.string(), age: v.pipe(v.number(), v.integer()) })),
    ],
    ["arktype", type({ name: "string", age: "number.integer" })],
  ])(
    "%s gives its JSON Schema in the declaration's order, without $schema and the bounds of safe integers",
    (_, schema) => {
      const read = readSchema(schema as Schema, "schema");
      expect(read.jsonSchema).toEqual({ ...person, required: expect.arrayContaining(["name", "age"]) as unknown });
      expect(read.check({ name: "Anna", age: 31 })).toEqual({ ok: true, value: { name: "Anna", age: 31 } });
      expect(read.check({ name: "Anna", age: "31" })).toMatchObject({ ok: false, path: "value.age" });
    },
  );

  test.each([
    ["zod", z.object({ n: z.string().transform((text) => text.length) })],
    [
      "valibot",
      v.object({
        n: v.pipe(
          v.string(),
          v.transform((text) => text.length),
        ),
      }),
    ],
    ["arktype", type({ n: type("string").pipe((text) => text.length) })],
  ])("%s: the prompt shows what goes in, parse gives what comes out", async (_, schema) => {
    const read = readSchema(schema as Schema, "schema");
    expect(read.jsonSchema["properties"]).toEqual({ n: { type: "string" } });
    expect(await read.parse({ n: "four" })).toEqual({ ok: true, value: { n: 4 } });
  });

  test("a refinement, also one that waits or throws, has the last word, with its path", async () => {
    const schema = z.object({ list: z.array(z.object({ n: z.number().refine(async (n) => n > 3, "too small") })) });
    expect(await readSchema(schema, "s").parse({ list: [{ n: 5 }, { n: 1 }] }, "arguments")).toMatchObject({
      ok: false,
      path: "arguments.list[1].n",
      problem: "arguments.list[1].n is wrong: too small.",
    });
    const throwing = z.object({
      n: z.number().refine(() => {
        throw new Error("boom");
      }),
    });
    expect(await readSchema(throwing, "s").parse({ n: 1 })).toMatchObject({
      ok: false,
      problem: "value could not be checked: boom.",
    });
  });

  test("types without a JSON form are refused with the library's reason", () => {
    expect(refusal(z.object({ at: z.date() }))).toMatch(
      /^Invalid value for schema: a schema without one \(Date cannot/,
    );
    expect(refusal({ "~standard": { version: 1, vendor: "other", validate: () => ({ value: 1 }) } })).toMatch(
      /of other, which cannot/,
    );
    expect(refusal({ "~standard": { version: 2 } })).toMatch(/Standard Schema or a JSON Schema/);
  });

  test("integers beyond 2^53 pass a number's check and keep their digits", async () => {
    const big = 2n ** 70n;
    expect(await readSchema({ type: "object", properties: { n: { type: "integer" } } }, "s").parse({ n: big })).toEqual(
      { ok: true, value: { n: big } },
    );
    expect(await readSchema(z.object({ n: z.number() }), "s").parse({ n: big, m: [1n] })).toEqual({
      ok: true,
      value: { n: Number(big) },
    });
    expect(problem({ type: "string" }, 1n)).toBe("arguments must be a string, not 1.");
  });
});

describe("plain JSON Schemas", () => {
  test("are copied: changing one afterwards changes nothing", () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    const read = readSchema(schema, "schema");
    schema.properties.a.type = "number";
    expect(read.check({ a: "x" }).ok).toBe(true);
    expect(read.jsonSchema).toEqual({ type: "object", properties: { a: { type: "string" } } });
  });

  test.each<[string, JsonSchema, string, unknown, unknown]>([
    [
      "2020-12 by default",
      { type: "array", prefixItems: [{ type: "string" }], items: false },
      "2020-12",
      ["a"],
      ["a", "b"],
    ],
    [
      "draft-07 by $schema",
      {
        $schema: "http://json-schema.org/draft-07/schema#",
        type: "array",
        items: [{ type: "string" }],
        additionalItems: false,
      },
      "draft-07",
      ["a"],
      ["a", "b"],
    ],
    ["draft-07 by its keywords", { items: [{ type: "string" }, { type: "number" }] }, "draft-07", ["a", 1], ["a", "b"]],
    ["draft-07 dependencies", { dependencies: { a: ["b"] } }, "draft-07", { a: 1, b: 1 }, { a: 1 }],
    ["2020-12 dependentRequired", { dependentRequired: { a: ["b"] } }, "2020-12", { a: 1, b: 1 }, { a: 1 }],
  ])("%s", (_, schema, dialect, right, wrong) => {
    const read = readSchema(schema, "schema");
    expect(read.dialect).toBe(dialect);
    expect(read.check(right).ok).toBe(true);
    expect(read.check(wrong).ok).toBe(false);
  });

  test("recursion by $ref works, at the root and in $defs", () => {
    expect(
      problem(
        { type: "object", properties: { next: { $ref: "#" } }, additionalProperties: false },
        { next: { next: { other: 1 } } },
      ),
    ).toBe("arguments.next.next.other is not a known property.");
    const list = {
      $ref: "#/$defs/node",
      $defs: { node: { type: "object", properties: { value: { type: "number" }, next: { $ref: "#/$defs/node" } } } },
    };
    expect(problem(list, { next: { next: { value: "x" } } })).toBe(
      'arguments.next.next.value must be a number, not "x".',
    );
  });

  test("properties called __proto__, constructor and toString are only properties, and prototypes stay clean", () => {
    const schema = JSON.parse(
      '{"type":"object","properties":{"__proto__":{"type":"object","properties":{"polluted":{"type":"boolean"}}},"constructor":{"type":"string"}},"required":["toString","__proto__"],"additionalProperties":true}',
    ) as JsonSchema;
    const read = readSchema(schema, "schema");
    expect(read.check(JSON.parse('{"__proto__":{"polluted":true},"toString":1}')).ok).toBe(true);
    expect(problem(schema, JSON.parse('{"__proto__":{"polluted":1},"toString":1}'))).toBe(
      "arguments.__proto__.polluted must be a boolean, not 1.",
    );
    expect(problem(schema, {})).toBe("arguments.toString is required. arguments.__proto__ is required.");
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("a problem names up to five places and counts the others", () => {
    const schema = {
      type: "object",
      properties: {
        unit: { enum: ["C", "F"] },
        n: { type: "integer", maximum: 5 },
        "odd key": { type: ["string", "null"] },
        list: { type: "array", items: { type: "string", minLength: 2 } },
      },
      required: ["city"],
    };
    expect(problem(schema, { unit: "K", n: 9, "odd key": 1, list: ["ab", "c"] })).toBe(
      'arguments.city is required. arguments.unit must be one of "C", "F", not "K". arguments.n must be <= 5, not 9. arguments["odd key"] must be a string or null, not 1. arguments.list[1] must be text of at least 2 characters, not "c".',
    );
    const many = problem(
      { type: "array", items: { type: "string" } },
      Array.from({ length: 12 }, (_, i) => i),
    );
    expect(many).toMatch(/There are 7 more problems\.$/);
  });

  test("formats are checked, unknown formats and keywords are left alone", () => {
    expect(problem({ type: "string", format: "email" }, "nobody")).toBe(
      'arguments must be text of the format email, not "nobody".',
    );
    expect(problem({ type: "string", format: "favorite", "x-ui": { pattern: "[" } }, "x")).toBeUndefined();
  });

  test("a pattern that is only valid without the Unicode flag is taken", () => {
    expect(problem({ type: "string", pattern: "^\\_a$" }, "_a")).toBeUndefined();
    expect(problem({ type: "string", pattern: "^\\p{L}$" }, "é")).toBeUndefined();
  });

  test("contradictory schemas are schemas: nothing satisfies them", () => {
    expect(problem({ type: "string", minLength: 5, maxLength: 2 }, "abc")).toBeDefined();
  });
});

describe("wrong schemas are refused with the path inside them", () => {
  const cyclic: Record<string, unknown> = { type: "object" };
  cyclic["properties"] = { self: cyclic };

  test.each<[string, unknown, string]>([
    [
      "a wrong type",
      { properties: { age: { type: "integr" } } },
      'Invalid value for schema.properties.age.type: "integr". Expected one of "array", "boolean", "integer", "null", "number", "object", "string".',
    ],
    [
      "a negative length",
      { properties: { a: { minLength: -1 } } },
      "Invalid value for schema.properties.a.minLength: -1. Expected a whole number of at least 0.",
    ],
    [
      "properties that are no object",
      { properties: [] },
      "Invalid value for schema.properties: an array of 0 entries. Expected an object.",
    ],
    [
      "a remote reference",
      { properties: { a: { $ref: "https://example.com/a.json" } } },
      'Invalid value for schema.properties.a.$ref: "https://example.com/a.json". Expected a reference inside the schema (nothing is fetched).',
    ],
    [
      "a relative reference",
      { properties: { a: { $ref: "other.json" } } },
      'Invalid value for schema.properties.a.$ref: "other.json". Expected a reference to a part of the schema.',
    ],
    [
      "a dangling reference",
      { properties: { a: { $ref: "#/$defs/none" } } },
      'Invalid value for schema.properties.a.$ref: "#/$defs/none". Expected a reference to a part of the schema.',
    ],
    [
      "a reference to itself",
      { $ref: "#" },
      'Invalid value for schema.$ref: "#", which leads back to itself without going deeper. Expected a reference that ends.',
    ],
    [
      "a definition of itself",
      { properties: { x: { $ref: "#/$defs/a b" } }, $defs: { "a b": { $ref: "#/$defs/a b" } } },
      'Invalid value for schema.$defs["a b"].$ref: "#/$defs/a b", which leads back to itself without going deeper. Expected a reference that ends.',
    ],
    [
      "definitions of each other",
      {
        $defs: { a: { allOf: [{ $ref: "#/$defs/b" }] }, b: { anyOf: [{ type: "string" }, { $ref: "#/$defs/a" }] } },
        $ref: "#/$defs/a",
      },
      'Invalid value for schema.$defs.b.anyOf[1].$ref: "#/$defs/a", which leads back to itself without going deeper. Expected a reference that ends.',
    ],
    [
      "a broken pattern",
      { properties: { a: { pattern: "[" } } },
      'Invalid value for schema.properties.a.pattern: "[". Expected a regular expression.',
    ],
    [
      "a broken key of patternProperties",
      { patternProperties: { "(": {} } },
      'Invalid value for schema.patternProperties: "(". Expected a regular expression.',
    ],
    [
      "another dialect",
      { $schema: "http://json-schema.org/draft-04/schema#" },
      'Invalid value for schema.$schema: "http://json-schema.org/draft-04/schema#". Expected JSON Schema draft 2020-12 or draft-07.',
    ],
    [
      "a function",
      { properties: { a: { default: () => 1 } } },
      "Invalid value for schema.properties.a.default: a function. Expected a JSON value.",
    ],
    ["NaN", { minimum: NaN }, "Invalid value for schema.minimum: NaN. Expected a JSON value."],
    [
      "a class instance",
      { properties: { a: { default: new Date() } } },
      "Invalid value for schema.properties.a.default: an object of class Date. Expected a plain object.",
    ],
    [
      "a cycle of objects",
      cyclic,
      "Invalid value for schema.properties.self: an object that contains itself. Expected a schema without cycles (use $ref).",
    ],
    ["ajv's $async", { $async: true }, "Invalid value for schema.$async: true. Expected a standard keyword."],
    ["null", null, "Invalid value for schema: null. Expected a Standard Schema or a JSON Schema object."],
    [
      "an array",
      [],
      "Invalid value for schema: an array of 0 entries. Expected a Standard Schema or a JSON Schema object.",
    ],
  ])("%s", (_, schema, message) => {
    expect(refusal(schema)).toBe(message);
  });

  test("references that go round in a circle are refused, also through $dynamicRef", () => {
    expect(refusal({ $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } })).toMatch(
      /recurs|leads back to itself/,
    );
    expect(refusal({ anyOf: [{ $ref: "#" }, { type: "string" }] })).toMatch(/recurs|leads back to itself/);
  });

  test.each([129, 500, 5_000])("%i nested levels crash nothing: the place is named", (levels) => {
    let schema: JsonSchema = { type: "string" };
    for (let i = 0; i < levels; i++) schema = { type: "object", properties: { a: schema } };
    expect(refusal(schema)).toMatch(
      /^Invalid value for schema\.properties\.a.* … .*: more levels\. Expected at most 256 levels of nesting \(use \$ref\)\.$/,
    );
  });

  test("100 nested levels work, and values nested deeper than the stack are no crash", () => {
    let schema: JsonSchema = { type: "string" };
    let value: unknown = 1;
    for (let i = 0; i < 100; i++) [schema, value] = [{ type: "object", properties: { a: schema } }, { a: value }];
    expect(problem(schema, value)).toMatch(/^arguments(\.a){100} must be a string, not 1\.$/);
    const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000)) as unknown;
    expect(problem({ type: "array", items: { $ref: "#" } }, deep)).toBe(
      "arguments is nested too deeply to be checked.",
    );
  });

  test("sizes beyond the limits are refused", () => {
    expect(refusal({ enum: Array.from({ length: 60_000 }, (_, i) => i) }, "CONSTRAINT_TOO_COMPLEX")).toBe(
      "Invalid value for schema: a larger schema. Expected a schema of at most 30000 values.",
    );
    expect(refusal({ description: "x".repeat(1_000_001) }, "CONSTRAINT_TOO_COMPLEX")).toMatch(
      /at most 1000000 characters/,
    );
  });
});
