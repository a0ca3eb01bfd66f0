// The types that schemas give to values.
import { type } from "arktype";
import * as v from "valibot";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { readSchema } from "../../../src/schema/read_schema.js";
import type { InferSchema, JsonSchema } from "../../../src/schema/read_schema.js";

test("a literal JSON Schema types its values", () => {
  const person = {
    type: "object",
    properties: {
      name: { type: "string" },
      age: { type: "integer" },
      tags: { type: "array", items: { enum: ["a", "b"] } },
      nested: { type: "object", properties: { on: { type: ["boolean", "null"] } }, required: ["on"] },
      either: { anyOf: [{ type: "string" }, { const: 3 }] },
      any: {},
    },
    required: ["name", "tags"],
  } as const;
  expectTypeOf<InferSchema<typeof person>>().toEqualTypeOf<{
    name: string;
    tags: ("a" | "b")[];
    age?: number;
    nested?: { on: boolean | null };
    either?: string | 3;
    any?: unknown;
  }>();
  expectTypeOf(readSchema({ type: "array", items: { type: "number" } }, "s").parse)
    .returns.resolves.extract<{ ok: true }>()
    .toHaveProperty("value")
    .toEqualTypeOf<number[]>();
});

test("a Standard Schema types its output, and what is not a literal stays unknown", () => {
  const zod = z.object({ n: z.string().transform(Number) });
  expectTypeOf<InferSchema<typeof zod>>().toEqualTypeOf<{ n: number }>();
  const valibot = v.object({ n: v.optional(v.number(), 3) });
  expectTypeOf<InferSchema<typeof valibot>>().toEqualTypeOf<{ n: number }>();
  const ark = type({ n: "number" });
  expectTypeOf<InferSchema<typeof ark>>().toEqualTypeOf<{ n: number }>();
  expectTypeOf<InferSchema<JsonSchema>>().toEqualTypeOf<unknown>();
  expectTypeOf<InferSchema<{ type: "object" }>>().toEqualTypeOf<Record<string, unknown>>();
});
