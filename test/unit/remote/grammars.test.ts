// Constraints in GBNF: each is read back as a grammar, and says what its schema does.
import { expect, test } from "vitest";
import { checkedCalls } from "../../../src/engine/remote/checked_calls.js";
import { constraintGbnf } from "../../../src/engine/remote/grammar/constraint_gbnf.js";
import { boundedInteger, integerRange } from "../../../src/engine/remote/grammar/integer_gbnf.js";
import type { ServerPiece } from "../../../src/engine/remote/remote_server.js";
import type { Constraint, JsonSchema, ToolConstraint } from "../../../src/index.js";
import { gbnfToLark } from "../../../src/schema/gbnf.js";

const tools: ToolConstraint = {
  kind: "tools",
  tools: [
    { name: 'say "hi"', parameters: { type: "object", properties: { a: { type: "integer" } }, required: ["a"] } },
  ],
  mode: "required",
  parallel: true,
  order: "either",
  bareFurtherCalls: false,
};

test.each<[string, Constraint, RegExp]>([
  ["any value", { kind: "json", schema: true }, /root/],
  [
    "an object",
    { kind: "json", schema: { type: "object", properties: { a: {}, b: {} }, required: ["b"] } },
    /\\"b\\": /,
  ],
  ["a value that is given", { kind: "json", schema: { const: { a: [1, "ü"] } } }, /\{\\"a\\": \[1, \\"\\u00fc|\\xfc/],
  [
    "a reference to itself",
    { kind: "json", schema: { $ref: "#/$defs/n", $defs: { n: { type: "array", items: { $ref: "#/$defs/n" } } } } },
    /root/,
  ],
  ["bounds", { kind: "json", schema: { type: "string", minLength: 2, maxLength: 5 } }, /\{2,5\}/],
  [
    "a pattern",
    { kind: "json", schema: { type: "string", pattern: "^(?:[0-9]{3}-[a-z\\x{e0}-\\x{fc}]+)$" } },
    /\{3,3\}/,
  ],
  [
    "a tuple",
    { kind: "json", schema: { type: "array", prefixItems: [{ const: 1 }, { const: 2 }], minItems: 1, maxItems: 3 } },
    /root/,
  ],
  ["a regular expression", { kind: "regex", pattern: "(?:a|[^b]\\x{22}){1,3}" }, /\{1,3\}/],
  ["calls", tools, /<tool_call>\\x0a/],
  ["calls or an answer", { ...tools, mode: "auto", schema: { type: "object" } }, /\| r\d+\)/],
])("%s becomes a grammar that is one", (_, constraint, has) => {
  const gbnf = constraintGbnf(constraint)!;
  expect(gbnf.kind).toBe("whole");
  expect(gbnf.grammar).toMatch(has);
  expect(gbnfToLark(gbnf.grammar)).toMatch(/^start/m);
});

const text = { type: "string" } as const;
const itself = { $ref: "#/$defs/a" };
test.each<[string, JsonSchema, JsonSchema]>([
  [
    "among alternatives",
    { type: "object", properties: { y: false, x: { anyOf: [itself, text] } }, required: ["y"] },
    { anyOf: [itself, text] },
  ],
  [
    "in a list",
    { type: "object", properties: { y: { enum: [] }, x: { type: "array", items: itself } }, required: ["y"] },
    { type: "object", properties: { z: itself, u: text } },
  ],
  [
    "by way of another",
    { type: "object", properties: { y: false, x: { $ref: "#/$defs/b" } }, required: ["y"] },
    { type: "object", properties: { u: { $ref: "#/$defs/b" }, z: itself } },
  ],
])("a grammar has no rule for what allows nothing and names itself %s, and names none", (_, a, schema) => {
  const $defs = { a, b: { type: "array", items: itself } };
  const { grammar } = constraintGbnf({ kind: "json", schema: { ...(schema as object), $defs } })!;
  const rules = new Set([...grammar.matchAll(/^(\w+) ::=/gm)].map(([, name]) => name));
  const bare = grammar.replaceAll(/"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]/g, "");
  expect([...bare.matchAll(/\br\d+\b/g)].filter(([name]) => !rules.has(name))).toEqual([]);
  expect(grammar).not.toContain('z\\": ');
});

test("calls in free text are lazy, and begin with their tag", () => {
  const gbnf = constraintGbnf({ ...tools, mode: "auto" });
  expect(gbnf).toMatchObject({ kind: "lazy", trigger: "<tool_call>", several: true });
  expect(gbnfToLark(gbnf!.grammar)).toMatch(/^start/m);
});

test("a schema that nothing fits is refused, and so is what GBNF cannot say", () => {
  const never = { type: "object", properties: { a: false }, required: ["a"] };
  expect(() => constraintGbnf({ kind: "json", schema: never })).toThrow(/allows nothing/);
  for (const crossed of [
    { type: "string", minLength: 300, maxLength: 14 },
    { type: "array", minItems: 3, maxItems: 2 },
  ] as const)
    expect(() => constraintGbnf({ kind: "json", schema: crossed })).toThrow(/allows nothing/);
  expect(() => constraintGbnf({ kind: "regex", pattern: "\\p{L}" })).toThrow(/no form/);
  expect(() => constraintGbnf({ kind: "lark", grammar: 'start: "a"' })).toThrow(/GBNF/);
});

test.each([
  [{ minimum: 0, maximum: 150 }, [0, 9, 10, 99, 150], [-1, 151, 200, 1000]],
  [{ minimum: -12, maximum: 7 }, [-12, -1, 0, 7], [-13, 8, 12]],
  [{ minimum: 7 }, [7, 10, 123_456], [-7, 0, 6]],
  [{ exclusiveMaximum: -3 }, [-4, -30, -1_000], [-3, 0, 4]],
  [{ minimum: 1999, maximum: 2024 }, [1999, 2000, 2019, 2024], [1998, 2025, 199, 20_000]],
])("whole numbers of %j are those within", (schema, right, wrong) => {
  // The few forms of GBNF that occur are those of regular expressions.
  const pattern = new RegExp(
    `^(?:${boundedInteger(integerRange(schema)!)!
      .replaceAll('"', "")
      .replaceAll(/\s+(?!\|)|(?<=\|)\s+|\s+(?=\|)/g, "")})$`,
  );
  for (const value of right) expect([value, pattern.test(String(value))]).toEqual([value, true]);
  for (const value of wrong) expect([value, pattern.test(String(value))]).toEqual([value, false]);
});

test("a server that ends without the call it was asked for is found out", async () => {
  async function* says(text: string, finishReason: "stop" | "length"): AsyncGenerator<ServerPiece> {
    yield { type: "delta", text, tokens: new Int32Array() };
    yield { type: "end", finishReason };
  }
  const read = async (pieces: AsyncIterable<ServerPiece>, constraint: Constraint) => {
    for await (const _ of checkedCalls(pieces, { constraint, thought: undefined }));
  };
  await expect(read(says("I will not.", "stop"), tools)).rejects.toMatchObject({ code: "UPSTREAM_INVALID" });
  await read(says("I wi", "length"), tools);
  await read(says('<tool_call>\n{"name"', "stop"), tools);
  await read(says("I will not.", "stop"), { ...tools, mode: "auto" });
});
