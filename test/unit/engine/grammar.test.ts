// The grammar text that constraints become: what is exact in it, and what waits for a trigger.
import { describe, expect, test } from "vitest";
import { toNativeConstraint } from "../../../src/engine/addon/grammar.js";
import type { EnforcedSchema, ToolConstraint } from "../../../src/engine/engine.js";

const spacing = { item_separator: ", ", key_separator: ": ", whitespace_flexible: false };
const shortEscapes = { ...spacing, json_allowed_escapes: 'nrbtf\\"' };
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools: ToolConstraint = {
  kind: "tools",
  tools: [
    { name: "get_weather", parameters: city },
    { name: 'say "hi"', parameters: true },
  ],
  mode: "required",
  parallel: false,
  order: "name-first",
  bareFurtherCalls: false,
};
const lines = (constraint: ToolConstraint) => toNativeConstraint(constraint).text.trimEnd().split("\n");
const rule = (constraint: ToolConstraint, name: string) =>
  lines(constraint)
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2);

test("a schema keeps its own words and gets the spacing", () => {
  const { kind, text, trigger } = toNativeConstraint({ kind: "json", schema: city });
  expect([kind, trigger]).toEqual(["json", undefined]);
  expect(JSON.parse(text)).toEqual({ ...city, "x-guidance": shortEscapes });
});

const withPattern = (pattern: string) => ({ ...city, properties: { key: { type: "string", pattern } } });

test.each<[string, EnforcedSchema, object]>([
  [
    "an object that takes further properties beside its own has no long escapes, which could write the name of a declared one",
    city,
    shortEscapes,
  ],
  ["so has one inside", { type: "array", items: city }, shortEscapes],
  ["a closed one has them", { ...city, additionalProperties: false }, spacing],
  ["one that declares nothing has them", { type: "object", additionalProperties: { type: "string" } }, spacing],
  [
    "values that cannot do without keep them",
    { ...city, properties: { key: { enum: ["\u001b", "\u007f"] } } },
    spacing,
  ],
  ["so does a pattern of them", withPattern("^\\x{2}$"), spacing],
  ["so does a class of them", withPattern("^[\\x{0}-\\x{1f}]{3}$"), spacing],
  ["so does an alternative", withPattern("a|\\x{7f}"), spacing],
  ["so do names", { ...city, patternProperties: { "^\\x{1b}": {} } }, spacing],
  ["a pattern without them has none", withPattern("^[^\\x{0}-\\x{1f}]$"), shortEscapes],
  ["a class that has others too has none", withPattern("[\\x{0}-\\x{10ffff}]"), shortEscapes],
  ["white space has none", withPattern("[\\x{9}-\\x{d}\\x{20}]\\x{a}"), shortEscapes],
])("%s", (_, schema, guidance) => {
  expect(JSON.parse(toNativeConstraint({ kind: "json", schema }).text)).toMatchObject({ "x-guidance": guidance });
});

describe("a call", () => {
  test("has the name as JSON writes it, then the arguments, or the other way round", () => {
    expect(rule(tools, "call_1")).toBe(String.raw`"{\"name\": \"say \\\"hi\\\"\", \"arguments\": " json_1 "}"`);
    expect(rule({ ...tools, order: "arguments-first" }, "call_0")).toBe(
      String.raw`"{\"arguments\": " json_0 ", \"name\": \"get_weather\"}"`,
    );
    expect(rule({ ...tools, order: "either" }, "call_0")).toContain(" | ");
  });

  test("has an object as arguments, whatever its schema leaves open", () => {
    expect(rule(tools, "json_1")).toBe(`%json ${JSON.stringify({ type: "object", "x-guidance": spacing })}`);
  });

  test("shares a schema that several tools have", () => {
    const same = {
      ...tools,
      tools: [
        { name: "a", parameters: city },
        { name: "b", parameters: city },
      ],
    };
    expect(lines(same).filter((line) => line.startsWith("json_"))).toHaveLength(1);
  });
});

describe("a turn", () => {
  test("of required calls is one, or several with a newline between them", () => {
    expect(rule(tools, "start")).toBe(String.raw`"<tool_call>\n" call "\n</tool_call>"`);
    expect(rule({ ...tools, parallel: true }, "start")).toBe(
      String.raw`"<tool_call>\n" call "\n</tool_call>" ("\n<tool_call>\n" call "\n</tool_call>")*`,
    );
    expect(rule({ ...tools, parallel: true, bareFurtherCalls: true }, "start")).toBe(
      String.raw`"<tool_call>\n" call "\n</tool_call>" ("\n" "<tool_call>\n"? call "\n</tool_call>")*`,
    );
    expect(toNativeConstraint(tools).trigger).toBeUndefined();
  });

  test("that goes on behind a call has further calls, with or without their tag, or a line break, or nothing", () => {
    const further = { ...tools, parallel: true, bareFurtherCalls: true, continues: true } as const;
    expect(rule(further, "start")).toBe(String.raw`("\n" "<tool_call>\n"? call "\n</tool_call>")* "\n"?`);
  });

  test("that need not call begins its grammar where a call begins", () => {
    const auto = { ...tools, mode: "auto" } as const;
    expect(rule(auto, "start")).toBe(String.raw`call "\n</tool_call>"`);
    expect(toNativeConstraint(auto).trigger).toMatchObject({ tag: "<tool_call>", further: false, bare: false });
    expect(toNativeConstraint({ ...auto, parallel: true, bareFurtherCalls: true }).trigger).toMatchObject({
      tag: "<tool_call>",
      further: true,
      bare: true,
    });
    expect(toNativeConstraint({ ...auto, bareFurtherCalls: true }).trigger).toMatchObject({ bare: false });
  });

  test("with a schema is its JSON or calls, and with required calls alone", () => {
    const answer = { ...tools, mode: "auto", schema: { type: "object" } } as const;
    expect(rule(answer, "start")).toMatch(/^calls \| json_\d$/);
    expect(toNativeConstraint(answer).trigger).toBeUndefined();
    expect(rule({ ...answer, mode: "required" }, "start")).toBe(rule(tools, "start"));
  });
});

test("what is no JSON is refused with a code", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  for (const schema of [false, loop, { minimum: 1n }]) {
    expect(() => toNativeConstraint({ kind: "json", schema })).toThrow(
      expect.objectContaining({ code: "CONSTRAINT_INVALID" }),
    );
  }
});
