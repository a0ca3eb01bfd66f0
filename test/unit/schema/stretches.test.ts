// Work on schemas and values that takes long comes in many stretches, and to the same end as at once.
import { expect, test } from "vitest";
import { compileSchema, dialectOf } from "../../../src/schema/check/schema_compiler.js";
import { readSchema, readSchemaInStretches } from "../../../src/schema/read_schema.js";
import { atOnce, type Stretches } from "../../../src/schema/stretches.js";
import { properties, schemas } from "../../hostile/schema_inputs.js";

function counted<T>(work: Stretches<T>): { value: T; stretches: number } {
  for (let stretches = 1; ; stretches++) {
    const step = work.next();
    if (step.done) return { value: step.value, stretches };
  }
}

test("a large schema is read in stretches", () => {
  const name = () => `schema of ${Math.random()}`;
  const large = { ...properties(5_000), title: name() };
  expect(counted(readSchemaInStretches(large, "schema")).stretches).toBeGreaterThan(5);
  const patterns = { ...schemas["7,000 patternProperties that begin alike"]![0], title: name() };
  expect(counted(readSchemaInStretches(patterns, "schema")).stretches).toBeGreaterThan(20);
});

test.each(["oneOf with 2,000 objects", "oneOf with 700 branches of 40 values", "8,000 alternatives"])(
  "what can be enforced of %s is worked out in stretches",
  (name) => {
    const [schema] = schemas[name]!;
    const read = () => readSchema({ ...schema, title: `${Math.random()}` }, "schema");
    const { value, stretches } = counted(read().enforcedInStretches("refuse"));
    expect(stretches).toBeGreaterThan(5);
    expect(value).toEqual(read().enforced("refuse"));
  },
);

test("a value is checked in stretches", () => {
  const [schema, value] = schemas["dynamic references that double"]!;
  const check = atOnce(compileSchema(schema, dialectOf(schema, "schema"), "schema"));
  const { value: issues, stretches } = counted(check(value));
  expect(stretches).toBeGreaterThan(5);
  expect(issues).toEqual(atOnce(check(value)));
});
