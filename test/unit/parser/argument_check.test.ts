// Arguments of calls, checked by their tools' schemas.

import { expect, test } from "vitest";
import { createCallCheck, parseReply } from "../../../src/format/hermes/index.js";

const checkOf = (parameters: unknown) => createCallCheck([{ name: "a", parameters }]);

test("draft-06 is checked as draft-07 is", () => {
  const check = checkOf({
    $schema: "http://json-schema.org/draft-06/schema#",
    type: "object",
    properties: { a: { exclusiveMinimum: 1 } },
  });
  expect([check("a", { a: 2 }), check("a", { a: 1 })?.message]).toEqual([
    undefined,
    "The argument a must be > 1, not 1.",
  ]);
});

test("draft-07 and 2020-12 are told apart by $schema", () => {
  const tuple = { type: "object", properties: { x: { type: "array", items: [{ type: "string" }] } } };
  const older = checkOf({ $schema: "http://json-schema.org/draft-07/schema#", ...tuple });
  expect(older("a", { x: [1] })?.message).toBe("The argument x[0] must be a string, not 1.");
  expect(checkOf(tuple)("a", { x: [1] })?.problem).toBe("invalid-arguments");
  const newer = checkOf({ type: "object", properties: { x: { type: "array", prefixItems: [{ type: "string" }] } } });
  expect(newer("a", { x: [1] })?.problem).toBe("invalid-arguments");
});

test("a schema that can't be compiled leaves the arguments unchecked, but for being an object", () => {
  const check = checkOf({ type: "strange", $ref: "#/nowhere" });
  expect(check("a", { x: 1 })).toBeUndefined();
  expect(check("a", [1])?.message).toBe(
    'Invalid value for the arguments of "a": an array of 1 entries. Expected an object.',
  );
});

test("a tool without a schema takes any object", () => {
  expect(checkOf(undefined)("a", { x: 1 })).toBeUndefined();
});

test("large integers are integers, and are not changed by being judged", () => {
  const tools = [
    { name: "a", parameters: { type: "object", properties: { n: { type: "integer" }, s: { type: "string" } } } },
  ];
  const parse = (args: string) =>
    parseReply(`<tool_call>{"name":"a","arguments":${args}}</tool_call>`, { tools }).calls[0];
  expect(parse('{"n": 12345678901234567890}')).toEqual({ name: "a", arguments: { n: 12345678901234567890n } });
  expect(parse(`{"n": ${"9".repeat(400)}}`)?.problem).toBeUndefined();
  expect(parse('{"s": 12345678901234567890}')?.problem).toBe("invalid-arguments");
});

test("allowed values are named", () => {
  const check = checkOf({ properties: { unit: { enum: ["c", "f"] } } });
  expect(check("a", { unit: "k" })?.message).toBe('The argument unit must be one of "c", "f", not "k".');
});

test("tools named like members of every object are only names", () => {
  const check = createCallCheck([{ name: "__proto__" }, { name: "toString" }]);
  expect(check("__proto__", {})).toBeUndefined();
  expect(check("constructor", {})?.problem).toBe("unknown-tool");
});

test("calls are read and not judged when no tools are given", () => {
  expect(parseReply('<tool_call>{"name":"x","arguments":[1]}</tool_call>')).toEqual({
    content: "",
    calls: [{ name: "x", arguments: [1] }],
  });
});
