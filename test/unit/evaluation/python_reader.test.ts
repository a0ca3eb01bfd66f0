// JSON and Python literals, read into the values that Python would read, for the leaderboard's rules.
import { describe, expect, test } from "vitest";
import {
  PythonSyntaxError,
  readJson,
  readJsonOrLiteral,
  readLiteral,
} from "../../../src/evaluation/berkeley/python_reader.js";
import {
  jsonEquals,
  pythonEquals,
  PythonTuple,
  pythonType,
  show,
  toJson,
  type PythonValue,
} from "../../../src/evaluation/berkeley/python_value.js";

const dict = (members: Record<string, PythonValue>) => new Map(Object.entries(members));

describe("json.loads", () => {
  test("tells 5 from 5.0 and 5e0, and keeps the digits of long integers", () => {
    expect(["5", "5.0", "5e0", "-0", "12345678901234567890"].map((text) => readJson(text))).toEqual([
      5n,
      5,
      5,
      0n,
      12345678901234567890n,
    ]);
  });

  test("reads objects, lists, words and escapes", () => {
    expect(readJson(' {"a": [true, false, null, "\\u00e9\\n\\/"], "__proto__": {}} ')).toEqual(
      new Map<string, PythonValue>([
        ["a", [true, false, null, "é\n/"]],
        ["__proto__", new Map()],
      ]),
    );
  });

  test.each([
    "",
    "{",
    "[1,]",
    "{'a': 1}",
    '{"a" 1}',
    "01",
    "1.",
    "True",
    '"a\nb"',
    "1 2",
    '{"a": 1} x',
    "[1 2]",
    '"\\x41"',
    "+1",
    "_",
  ])("refuses %j", (text) => {
    expect(() => readJson(text)).toThrow(PythonSyntaxError);
  });

  test("takes NaN and Infinity, as Python does", () => {
    expect(readJson("[NaN, -Infinity]")).toEqual([Number.NaN, -Infinity]);
  });

  test("a hundred thousand brackets are refused without exhausting the stack", () => {
    expect(() => readJson("[".repeat(100_000))).toThrow(PythonSyntaxError);
  });
});

describe("ast.literal_eval", () => {
  test.each<[string, PythonValue]>([
    [
      "{'name': 'f', 'arguments': {'a': True, 'b': None,},}",
      dict({ name: "f", arguments: dict({ a: true, b: null }) }),
    ],
    ["('a' \"b\"\n'c')", "abc"],
    ["(1,)", new PythonTuple([1n])],
    ["1, 2", new PythonTuple([1n, 2n])],
    ["()", new PythonTuple([])],
    ["[0x1F, 1_000, .5, 1., -3, +2]", [31n, 1000n, 0.5, 1, -3n, 2n]],
    ["r'\\n' '\\x41\\u00e9\\101\\q'", "\\nAéA\\q"],
    ["'''a\nb'''", "a\nb"],
    ["[1, # one\n 2]", [1n, 2n]],
  ])("reads %s", (text, value) => {
    expect(readLiteral(text)).toEqual(value);
  });

  test.each(["true", "{'a': f(1)}", "x", "'a", "[1 2]", "{1, 2}", "b'x'", "012", "'a\nb'", "1 + 2", "[,]"])(
    "refuses %j",
    (text) => {
      expect(() => readLiteral(text)).toThrow(PythonSyntaxError);
    },
  );
});

test("JSON comes first: an escaped slash loses its backslash, which a Python literal would keep", () => {
  expect(readJsonOrLiteral('"a\\/b"')).toBe("a/b");
  expect(readJsonOrLiteral("'a\\/b'")).toBe("a\\/b");
});

describe("equality", () => {
  test("in Python True, 1 and 1.0 are equal however deep, in JSON only the numbers are", () => {
    expect(pythonEquals([dict({ a: true })], [dict({ a: 1 })])).toBe(true);
    expect(pythonEquals(true, 1n)).toBe(true);
    expect(jsonEquals(1n, 1)).toBe(true);
    expect(jsonEquals(true, 1n)).toBe(false);
    expect(jsonEquals([dict({ a: true })], [dict({ a: 1n })])).toBe(false);
  });

  test("is exact beyond 2^53, minds the order of lists and not that of keys, and keeps text, null and tuples apart", () => {
    expect(pythonEquals(9007199254740993n, 9007199254740992)).toBe(false);
    expect(pythonEquals([1n, 2n], [2n, 1n])).toBe(false);
    expect(pythonEquals(dict({ a: 1n, b: 2n }), dict({ b: 2, a: 1 }))).toBe(true);
    expect(pythonEquals(dict({ a: 1n }), dict({ b: 1n }))).toBe(false);
    expect(pythonEquals("1", 1n)).toBe(false);
    expect(pythonEquals(null, false)).toBe(false);
    expect(pythonEquals(new PythonTuple([1n]), [1n])).toBe(false);
    expect(pythonEquals(new PythonTuple([1n]), new PythonTuple([true]))).toBe(true);
  });
});

test("a value is shown with its type, and long ones are cut", () => {
  expect(show(dict({ a: [1n, 1, "x", null, true] }))).toBe('{"a": [1, 1.0, "x", null, true]}');
  expect(show("x".repeat(500))).toHaveLength(118);
  expect([1n, 1, null, true, "", [], new Map(), new PythonTuple([])].map(pythonType)).toEqual([
    "int",
    "float",
    "NoneType",
    "bool",
    "str",
    "list",
    "dict",
    "tuple",
  ]);
  expect(toJson(dict({ a: [1n, new PythonTuple([2.5])] }))).toEqual({ a: [1, [2.5]] });
});
