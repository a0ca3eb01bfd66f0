// Which oneOf the engine can enforce.
import { describe, expect, test } from "vitest";
import { readSchema, type JsonSchema } from "../../../src/schema/read_schema.js";

const enforced = (schema: JsonSchema) => readSchema(schema, "schema").enforced("allow");
const listed = (schema: JsonSchema) => enforced(schema).unenforced.map(({ path, keyword }) => `${path} ${keyword}`);

describe("oneOf is exact where its branches can be told apart, however many there are", () => {
  const branch = (kind: unknown, more: object = {}) => ({
    type: "object",
    properties: { kind: { const: kind }, ...more },
    required: ["kind"],
  });
  const many = (count: number, make: (index: number) => unknown) => ({
    oneOf: Array.from({ length: count }, (_, index) => make(index)),
  });

  test.each<[string, JsonSchema, boolean]>([
    ["1,000 objects by one property", many(1_000, (index) => branch(index)), true],
    ["two of 1,000 that are the same", many(1_000, (index) => branch(Math.max(1, index))), false],
    [
      "300 lists of 20 values",
      many(300, (index) => ({ enum: Array.from({ length: 20 }, (_, value) => `${index} ${value}`) })),
      true,
    ],
    ["a value in two lists", many(300, (index) => ({ enum: [index, `${index % 299}`] })), false],
    ["types", { oneOf: [{ type: "string" }, { type: ["number", "null"] }, { type: "array" }] }, true],
    ["a number and an integer", { oneOf: [{ type: "number" }, { type: "integer" }] }, false],
    [
      "by another property for each two",
      {
        oneOf: [
          branch(1, { a: { const: 1 } }),
          branch(2, { a: { const: 1 } }),
          { type: "object", properties: { a: { const: 2 } }, required: ["a"] },
        ],
      },
      true,
    ],
    [
      "by what a reference says",
      {
        $defs: { a: branch("a"), b: branch("b") },
        oneOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/b", description: "b" }],
      },
      true,
    ],
    ["by what stands in allOf", { oneOf: [{ allOf: [branch("a")] }, branch("b")] }, true],
    [
      "one reference twice",
      { $defs: { a: branch("a") }, oneOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] },
      false,
    ],
    ["1 and true", { oneOf: [{ const: 1 }, { const: true }] }, true],
    ["-0 and 0", { oneOf: [{ const: -0 }, { const: 0 }] }, false],
    [
      "a closed object without the other's required name",
      {
        oneOf: [
          { type: "object", properties: { a: {} }, additionalProperties: false },
          { type: "object", required: ["b"] },
        ],
      },
      true,
    ],
  ])("%s", (_, schema, isExact) => {
    expect(listed(schema)).toEqual(isExact ? [] : ["schema oneOf"]);
  });

  test("too much to compare is listed, and not compared for ever", () => {
    const overlapping = many(500, (index) => ({
      type: "object",
      properties: Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`p${at}`, { minLength: index + at }])),
      required: ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"],
    }));
    expect(listed(overlapping)).toEqual(["schema oneOf"]);
  });
});
