// JSON in Python's spacing: the same values as JSON.stringify, and clear refusals of what has no JSON form.
import fc from "fast-check";
import { expect, test } from "vitest";
import { hideTags, respaceJson, toPythonJson, UnwritableValue } from "../../../src/format/hermes/prompt/prompt_json.js";
import { copySchema } from "../../../src/schema/json_schema.js";

test("decodes to what JSON.stringify gives, for any JSON value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(toPythonJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("respacing any JSON text gives the writer's own text", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(0, 2, "\t"), (value, indent) => {
      expect(respaceJson(JSON.stringify(value, null, indent))).toBe(toPythonJson(JSON.parse(JSON.stringify(value))));
    }),
  );
});

test("what was copied of a schema is written as it is otherwise", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const copy = copySchema(value, "schema");
      expect(toPythonJson({ copy })).toBe(toPythonJson({ copy: JSON.parse(JSON.stringify(value)) }));
    }),
  );
});

test("hiding tags keeps the value and leaves neither </ nor <tool", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("<", "/", "tool", "TOOL", "\\", '"', "x"), { maxLength: 12 }), (pieces) => {
      const hidden = hideTags(toPythonJson(pieces.join("")));
      expect(hidden).not.toMatch(/<\/|<tool/i);
      expect(JSON.parse(hidden)).toBe(pieces.join(""));
    }),
  );
});

test("has one space after colons and commas and none elsewhere", () => {
  expect(toPythonJson({ a: [1, { b: null }], c: {}, d: [] })).toBe('{"a": [1, {"b": null}], "c": {}, "d": []}');
});

test.each([
  [12345678901234567890n, "12345678901234567890"],
  [undefined, "null"],
  [[undefined], "[null]"],
  [{ a: undefined, b: 1 }, '{"b": 1}'],
  [NaN, "null"],
  [-0, "0"],
  [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  [new Map([["a", 1n]]), '{"a": 1}'],
  [new Map([[1, 2]]), "[[1, 2]]"],
  [new Set(["a"]), '["a"]'],
  [new Float32Array([1, 2]), "[1, 2]"],
  [new TypeError("no"), '{"name": "TypeError", "message": "no"}'],
  [new URL("http://a/b"), '"http://a/b"'],
  ["\ud800", '"\\ud800"'],
  [JSON.parse('{"__proto__": 1}'), '{"__proto__": 1}'],
  [Object(1), "1"],
])("writes %s", (value, json) => {
  expect(toPythonJson(value)).toBe(json);
});

test("names the place of what has no JSON form", () => {
  const cycle: { items: unknown[] } = { items: [1] };
  cycle.items.push({ owner: cycle });
  const deep = JSON.parse("[".repeat(5_000) + "]".repeat(5_000)) as unknown;
  const cases: [unknown, string, string][] = [
    [{ a: [() => 1] }, ".a[0]", "a function"],
    [Symbol("x"), "", "a symbol"],
    [cycle, ".items[1].owner", "an object that contains itself"],
    [{ p: Promise.resolve() }, ".p", "a promise"],
    [{ b: Buffer.from("x") }, ".b", "bytes"],
    [
      {
        get x() {
          throw new Error("boom");
        },
      },
      "",
      "unreadable (boom)",
    ],
    [
      {
        x: {
          toJSON() {
            throw new Error("boom");
          },
        },
      },
      ".x",
      "unreadable (boom)",
    ],
  ];
  for (const [value, path, found] of cases) {
    expect(() => toPythonJson(value)).toThrow(expect.objectContaining({ path, found }));
  }
  expect(() => toPythonJson(deep)).toThrow(UnwritableValue);
});

test("the same object twice is no cycle", () => {
  const shared = { a: 1 };
  expect(toPythonJson([shared, shared])).toBe('[{"a": 1}, {"a": 1}]');
});

test("text that is not JSON is not respaced, long strings are no trouble, and above a million characters nothing changes", () => {
  expect(respaceJson("{'a': 1}")).toBeUndefined();
  expect(respaceJson("")).toBeUndefined();
  const long = JSON.stringify({ a: "x, ".repeat(200_000), b: "\n".repeat(150_000) });
  expect(respaceJson(long)).toHaveLength(long.length + 3);
  const longer = JSON.stringify({ a: "\n".repeat(10_000_000) });
  expect(respaceJson(longer)).toBe(longer);
});
