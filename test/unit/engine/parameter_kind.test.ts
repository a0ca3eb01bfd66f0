// Whether a parameter of a tool is written as a plain string or as JSON, decided by its schema.
import { expect, test } from "vitest";
import { parameterKind } from "../../../src/engine/parameter_kind.js";

const root = { $defs: { text: { type: "string" }, "a/b": { enum: [1, null] }, loop: { $ref: "#/$defs/loop" } } };

test.each([
  [{ type: "string" }, "text"],
  [{ enum: ["a", "b"] }, "text"],
  [{ const: "a" }, "text"],
  [{ $ref: "#/$defs/text" }, "text"],
  [{ allOf: [{}, { type: "string" }] }, "text"],
  [{ anyOf: [{ type: "string" }, { const: "x" }] }, "text"],
  [{ type: "integer" }, "json"],
  [{ type: ["number", "null"] }, "json"],
  [{ $ref: "#/$defs/a~1b" }, "json"],
  [{ enum: [1, {}] }, "json"],
  [{ type: ["string", "null"] }, "either"],
  [{ oneOf: [{ type: "string" }, { type: "array" }] }, "either"],
  [{}, "either"],
  [true, "either"],
  [undefined, "either"],
  [{ $ref: "#/$defs/loop" }, "either"],
  [{ $ref: "#/nowhere" }, "either"],
] as const)("%j is %s", (schema, kind) => {
  expect(parameterKind(schema, root)).toBe(kind);
});

test("references that multiply are not followed without end", () => {
  const many = Array.from({ length: 30 }, () => ({ $ref: "#/$defs/many" }));
  expect(parameterKind({ $ref: "#/$defs/many" }, { $defs: { many: { anyOf: many } } })).toBe("either");
});
