// What the engine may write of properties that a schema does not declare.
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readSchema, type JsonSchema } from "../../../src/schema/read_schema.js";

describe("properties that a schema does not declare", () => {
  const closed = (schema: JsonSchema) => readSchema(schema, "schema").enforced("refuse").schema;
  const a = { properties: { a: { type: "string" } } };

  test("are left out where properties are declared and nothing is said of others, at every level", () => {
    expect(
      closed({ type: "object", properties: { a: { type: "array", items: a }, b: {}, c: { type: "object" } } }),
    ).toEqual({
      type: "object",
      additionalProperties: false,
      properties: { a: { type: "array", items: { ...a, additionalProperties: false } }, b: {}, c: { type: "object" } },
    });
    expect(closed(readSchema(z.object({ folder: z.string().default(".") }), "schema").jsonSchema)).toMatchObject({
      additionalProperties: false,
    });
    expect(closed({ type: "object", properties: {} })).toEqual({
      type: "object",
      properties: {},
      additionalProperties: false,
    });
  });

  test.each<[string, JsonSchema]>([
    ["an object without properties", { type: "object" }],
    ["additionalProperties: true", { ...a, additionalProperties: true }],
    ["additionalProperties with a schema", { ...a, additionalProperties: { type: "number" } }],
    ["patternProperties", { ...a, patternProperties: { "^x": {} } }],
    ["unevaluatedProperties", { ...a, allOf: [{ properties: { b: {} } }], unevaluatedProperties: false }],
    ["a required name that is not declared", { ...a, required: ["b"] }],
    ["more properties than there are names", { ...a, minProperties: 2 }],
    ["a condition", { ...a, if: { required: ["a"] }, then: { required: ["b"] } }],
    ["a dependency", { ...a, dependentRequired: { a: ["b"] } }],
    ["a constant", { ...a, const: { a: "x", b: 1 } }],
    ["a part that takes others", { allOf: [a, { properties: { b: {} }, additionalProperties: { type: "number" } }] }],
    ["a part that asks for another", { allOf: [a, { required: ["c"] }] }],
    [
      "a reference that cannot be followed",
      { ...a, $ref: "#/$defs/b", $defs: { b: { $id: "http://x.y/b", properties: { b: {} } } } },
    ],
  ])("stay free with %s", (_, schema) => {
    expect(closed(schema)).toEqual(readSchema(schema, "schema").enforced("allow").schema);
  });

  test("count from all schemas of a place, and from all of its alternatives", () => {
    const b = { properties: { b: { type: "null" } } };
    const names = { properties: { a: true, b: true }, additionalProperties: false };
    expect(closed({ allOf: [a, b] })).toEqual({ allOf: [a, b, names] });
    expect(closed({ type: "object", ...a, anyOf: [b, { required: ["a"] }] })).toEqual({
      type: "object",
      ...a,
      allOf: [{ anyOf: [b, { required: ["a"] }] }, names],
    });
    expect(closed({ ...a, $ref: "#/$defs/b", $defs: { b } })).toMatchObject({ ...a, allOf: [names] });
    expect(closed({ $ref: "#/$defs/b", $defs: { b } })).toMatchObject({
      $defs: { d0: { ...b, additionalProperties: false } },
    });
    expect(closed({ anyOf: [a, b, { type: "object" }] })).toEqual({
      allOf: [
        { anyOf: [{ ...a, additionalProperties: false }, { ...b, additionalProperties: false }, { type: "object" }] },
      ],
    });
  });

  test("of a record with listed keys are none, whichever way", () => {
    const record = z.record(z.enum(["red", "green"]), z.number());
    for (const way of ["refuse", "allow"] as const) {
      expect(readSchema(record, "schema").enforced(way)).toMatchObject({
        schema: { properties: { red: { type: "number" }, green: { type: "number" } }, additionalProperties: false },
        unenforced: [],
      });
    }
  });
});
