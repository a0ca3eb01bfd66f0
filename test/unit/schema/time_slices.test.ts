// Work on schemas and values that takes long comes in many time slices, and to the same end as at once.
import { expect, test } from "vitest";
import { compileSchema, dialectOf } from "../../../src/schema/check/schema_compiler.js";
import { readSchema, readSchemaInSlices } from "../../../src/schema/read_schema.js";
import { atOnce, type CooperativeWork } from "../../../src/schema/cooperative_work.js";
import { properties, schemas } from "../../hostile/schema_inputs.js";

function counted<T>(work: CooperativeWork<T>): { value: T; slices: number } {
  for (let slices = 1; ; slices++) {
    const step = work.next();
    if (step.done) return { value: step.value, slices };
  }
}

test("a large schema is read in time slices", () => {
  const name = () => `schema of ${Math.random()}`;
  const large = { ...properties(5_000), title: name() };
  expect(counted(readSchemaInSlices(large, "schema")).slices).toBeGreaterThan(5);
  const patterns = { ...schemas["7,000 patternProperties that begin alike"]![0], title: name() };
  expect(counted(readSchemaInSlices(patterns, "schema")).slices).toBeGreaterThan(20);
});

test.each(["oneOf with 2,000 objects", "oneOf with 700 branches of 40 values", "8,000 alternatives"])(
  "what can be enforced of %s is worked out in time slices",
  (name) => {
    const [schema] = schemas[name]!;
    const read = () => readSchema({ ...schema, title: `${Math.random()}` }, "schema");
    const { value, slices } = counted(read().enforcedInSlices("refuse"));
    expect(slices).toBeGreaterThan(5);
    expect(value).toEqual(read().enforced("refuse"));
  },
);

test("a value is checked in time slices", () => {
  const [schema, value] = schemas["dynamic references that double"]!;
  const check = atOnce(compileSchema(schema, dialectOf(schema, "schema"), "schema"));
  const { value: issues, slices } = counted(check(value));
  expect(slices).toBeGreaterThan(5);
  expect(issues).toEqual(atOnce(check(value)));
});
