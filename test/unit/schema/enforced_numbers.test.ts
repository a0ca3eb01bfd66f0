// Bounds and steps of numbers: the constraint leaves something to write wherever the schema does.
import fc from "fast-check";
import { expect, test } from "vitest";
import { hasMultipleWithin } from "../../../src/schema/check/multiple_of.js";
import { readSchema, type JsonSchema } from "../../../src/schema/read_schema.js";

const place = fc.constantFrom(
  0,
  1,
  0.1,
  -1,
  1.5,
  123.456,
  1e3,
  1e9 + 0.5,
  1e13,
  9_007_199_254_740_980,
  99_999_999_999_999.9,
  -99_999_999_999_999.9,
);
const distance = fc.constantFrom(0, 1e-7, 5e-7, 1e-6, 1.5e-6, 1e-3, 0.1, 1, 7, 1e6);
const bounds = fc
  .record({
    at: place,
    by: distance,
    lower: fc.constantFrom("minimum", "exclusiveMinimum", "both", "none"),
    upper: fc.constantFrom("maximum", "exclusiveMaximum", "none"),
    multipleOf: fc.constantFrom(undefined, undefined, 0.1, 0.25, 2, 5, 7),
    type: fc.constantFrom("number", "integer", undefined),
  })
  .map(
    ({ at, by, lower, upper, multipleOf, type }): JsonSchema => ({
      ...(type === undefined ? {} : { type }),
      ...(lower === "none" ? {} : lower === "both" ? { minimum: at, exclusiveMinimum: at } : { [lower]: at }),
      ...(upper === "none" ? {} : { [upper]: at + by }),
      ...(multipleOf === undefined ? {} : { multipleOf }),
    }),
  );

/** What lies in and beside the bounds, in many lengths. */
function candidates(schema: JsonSchema): number[] {
  const given = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"]
    .map((keyword) => schema[keyword])
    .filter((one) => typeof one === "number");
  const middle = given.length === 0 ? 0 : given.reduce((sum, one) => sum + one, 0) / given.length;
  const places = [...given, middle].flatMap((one) => [
    ...[0, 1, 5, 6, 7].flatMap((digits) =>
      [-1, 0, 1].map((by) => (Math.round(one * 10 ** digits) + by) / 10 ** digits),
    ),
    one,
  ]);
  const step = schema["multipleOf"];
  return typeof step === "number"
    ? [
        ...places,
        ...places.flatMap((one) =>
          [-1, 0, 1].map((by) => Number(((Math.round(one / step) + by) * step).toPrecision(15))),
        ),
      ]
    : places;
}

test("where a number satisfies the bounds, one does that the constraint lets through", () => {
  fc.assert(
    fc.property(bounds, (schema) => {
      const read = readSchema(schema, "schema");
      const { schema: enforced, unenforced } = read.enforced("refuse");
      const tried = [...new Set([...candidates(schema), ...candidates(enforced as JsonSchema)])];
      const fitting = tried.filter((value) => read.check(value).ok);
      const constraint = readSchema(enforced as JsonSchema, "enforced");
      const written = tried.filter((value) => constraint.check(value).ok);
      expect(fitting.length > 0 && written.length === 0, JSON.stringify({ enforced, value: fitting[0] })).toBe(false);
      // And where nothing is left to the check, it refuses none of those.
      if (unenforced.length === 0)
        for (const value of written) expect(read.check(value).ok, `${value} ${JSON.stringify(enforced)}`).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test.each<[JsonSchema, object, string[]]>([
  [{ exclusiveMinimum: 1, maximum: 1.0000005 }, { exclusiveMinimum: 1, maximum: 1.0000005 }, ["exclusiveMinimum"]],
  [
    { exclusiveMinimum: 0, exclusiveMaximum: 1e-6 },
    { exclusiveMinimum: 0, exclusiveMaximum: 1e-6 },
    ["exclusiveMinimum", "exclusiveMaximum"],
  ],
  [
    { exclusiveMinimum: 1, maximum: 1.000001 },
    { exclusiveMinimum: 1, maximum: 1.000001, multipleOf: 1e-6 },
    ["exclusiveMinimum"],
  ],
  [
    { minimum: -2.5, exclusiveMaximum: -2 },
    { minimum: -2.5, exclusiveMaximum: -2, multipleOf: 1e-6 },
    ["exclusiveMaximum"],
  ],
  [{ exclusiveMinimum: 0, maximum: 1 }, { exclusiveMinimum: 0, maximum: 1, multipleOf: 1e-6 }, []],
  [{ type: "integer", exclusiveMinimum: 1, maximum: 2 }, { type: "integer", exclusiveMinimum: 1, maximum: 2 }, []],
])(
  "the constraint of %j has its bounds, and those that it cannot enforce are listed",
  (schema, enforced, unenforced) => {
    const reading = readSchema(schema, "schema").enforced("refuse");
    expect(reading.schema).toEqual(enforced);
    expect(reading.unenforced.map(({ keyword }) => keyword)).toEqual(unenforced);
  },
);

test("bounds of several schemas in one place leave room, whatever the others say", () => {
  const { schema, unenforced } = readSchema(
    { allOf: [{ exclusiveMinimum: 0 }, { maximum: 0.0005 }] },
    "schema",
  ).enforced("refuse");
  expect(schema).toEqual({ allOf: [{ exclusiveMinimum: 0 }, { maximum: 0.0005 }] });
  expect(unenforced).toMatchObject([{ path: "schema.allOf[0]", keyword: "exclusiveMinimum" }]);
});

test("multiples within bounds are found by hand as well", () => {
  const number = fc.integer({ min: -300, max: 300 }).map((one) => one / 10);
  const bound = fc.option(number, { nil: undefined });
  fc.assert(
    fc.property(
      fc.constantFrom(0.1, 0.2, 0.3, 0.5, 1, 2, 7),
      bound,
      bound,
      bound,
      bound,
      (step, minimum, exclusiveMinimum, maximum, exclusiveMaximum) => {
        const byHand = Array.from({ length: 1_400 }, (_, index) => Math.round((index - 700) * step * 10)).some(
          (tenths) =>
            !(
              tenths < 10 * (minimum ?? -1e4) ||
              tenths <= Math.round(10 * (exclusiveMinimum ?? -1e4)) ||
              tenths > Math.round(10 * (maximum ?? 1e4)) ||
              tenths >= Math.round(10 * (exclusiveMaximum ?? 1e4))
            ),
        );
        expect(hasMultipleWithin(step, { minimum, exclusiveMinimum, maximum, exclusiveMaximum })).toBe(byHand);
      },
    ),
  );
});
