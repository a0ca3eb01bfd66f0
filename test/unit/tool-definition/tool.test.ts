// Defining tools: types of handlers, names, duplicates, OpenAI's form.
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { collectTools, tool, type RunnableTool, type Tool } from "../../../src/chat/tools/tool.js";
import { CaduceusError } from "../../../src/errors.js";

function refusal(define: () => unknown): string {
  try {
    define();
  } catch (error) {
    expect(error).toBeInstanceOf(CaduceusError);
    return `${(error as CaduceusError).code}: ${(error as CaduceusError).message}`;
  }
  throw new Error("the tool was accepted");
}

describe("handlers", () => {
  test("have their arguments typed by zod, valibot, arktype and literal JSON Schemas", () => {
    tool({
      name: "a",
      parameters: z.object({ city: z.string() }),
      execute: (args) => {
        expectTypeOf(args).toEqualTypeOf<{ city: string }>();
      },
    });
    tool({
      name: "b",
      parameters: v.object({ city: v.string() }),
      execute: (args) => {
        expectTypeOf(args).toEqualTypeOf<{ city: string }>();
      },
    });
    tool({
      name: "c",
      parameters: type({ city: "string" }),
      execute: (args) => {
        expectTypeOf(args).toEqualTypeOf<{ city: string }>();
      },
    });
    const add = tool({
      name: "add",
      parameters: {
        type: "object",
        properties: { a: { type: "number" }, b: { type: "number" } },
        required: ["a", "b"],
      },
      execute: ({ a, b }, { signal, callId }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        expectTypeOf(callId).toEqualTypeOf<string>();
        return a + b;
      },
    });
    expectTypeOf(add).toEqualTypeOf<RunnableTool<{ a: number; b: number }, number, "add">>();
    const list: Tool[] = [add, tool({ name: "now" })];
    expect(list.map(({ name }) => name)).toEqual(["add", "now"]);
  });

  test("may be left out, with parameters and description", () => {
    expect(tool({ name: "now" })).toMatchObject({
      name: "now",
      description: undefined,
      parameters: { type: "object", properties: {} },
      execute: undefined,
    });
  });
});

describe("names", () => {
  test.each(["__proto__", "constructor", "get_weather", "a.b-c", "x".repeat(64)])(
    "%s is a name like any other",
    (name) => {
      const tools = collectTools([{ name }, { type: "function", function: { name: "other" } }]);
      expect([...tools.keys()]).toEqual([name, "other"]);
    },
  );

  test.each(["", 'say "hi"', "a b", "<tool_call>", "naïve", "a\n", "x".repeat(65), "x".repeat(10_000), undefined, 7])(
    "%s is refused",
    (name) => {
      expect(refusal(() => tool({ name: name as string }))).toMatch(
        /^INVALID_TOOL: Invalid value for the name of a tool: .{1,80}\. Expected 1 to 64 letters, digits, dots, _ or -\.$/s,
      );
    },
  );

  test("that come twice are refused", () => {
    expect(refusal(() => collectTools([tool({ name: "add" }), { type: "function", function: { name: "add" } }]))).toBe(
      'INVALID_TOOL: Invalid value for tools[1]: "add" a second time. Expected a name of its own.',
    );
  });
});

describe("wrong definitions", () => {
  test.each<[string, unknown, string]>([
    ["no object", 3, "INVALID_TOOL: Invalid value for the tool: 3. Expected an object with name and parameters."],
    [
      "a description that is no string",
      { name: "f", description: 1 },
      "INVALID_TOOL: Invalid value for f.description: 1. Expected a string.",
    ],
    [
      "a handler that is no function",
      { name: "f", execute: "x" },
      'INVALID_TOOL: Invalid value for f.execute: "x". Expected a function.',
    ],
    [
      "a time of nothing",
      { name: "f", timeoutMs: 0 },
      "INVALID_ARGUMENT: Invalid value for f.timeoutMs: 0. Expected a positive number of milliseconds.",
    ],
    [
      "parameters that are no object",
      { name: "f", parameters: { type: "string" } },
      'INVALID_SCHEMA: Invalid value for f.parameters.type: "string". Expected "object".',
    ],
    [
      "a wrong schema",
      { name: "f", parameters: { type: "object", properties: { a: { type: "strin" } } } },
      'INVALID_SCHEMA: Invalid value for f.parameters.properties.a.type: "strin". Expected one of "array", "boolean", "integer", "null", "number", "object", "string".',
    ],
  ])("%s", (_, options, message) => {
    expect(refusal(() => tool(options as { name: string }))).toBe(message);
  });

  test.each<[unknown, string]>([
    [{ name: "f", run: () => 1 }, 'Unknown option of SUBJECT: "run". Did you mean execute?'],
    [{ name: "f", inputSchema: {} }, 'Unknown option of SUBJECT: "inputSchema". Did you mean parameters?'],
    [
      { name: "f", banana: 1 },
      'Unknown option of SUBJECT: "banana". Known are name, description, parameters, execute, timeoutMs.',
    ],
  ])("an unknown name is refused: %j", (options, message) => {
    expect(refusal(() => tool(options as { name: string }))).toBe(
      `INVALID_ARGUMENT: ${message.replace("SUBJECT", "tool")}`,
    );
    expect(refusal(() => collectTools([options]))).toBe(`INVALID_ARGUMENT: ${message.replace("SUBJECT", "tools[0]")}`);
  });

  test("an unknown name in OpenAI's form is refused; its strict is taken", () => {
    const definition = { name: "f", description: null, strict: true };
    expect([...collectTools([{ type: "function", function: definition }]).keys()]).toEqual(["f"]);
    expect(refusal(() => collectTools([{ type: "function", function: { ...definition, paramters: {} } }]))).toBe(
      'INVALID_ARGUMENT: Unknown option of tools[0].function: "paramters". Did you mean parameters?',
    );
    expect(refusal(() => collectTools([{ type: "function", function: definition, execute: () => 1 }]))).toContain(
      'Unknown option of tools[0]: "execute".',
    );
  });

  test("a copy of a tool by spreading is options again", () => {
    expect(tool({ ...tool({ name: "f", execute: () => 1 }), execute: undefined })).toMatchObject({
      name: "f",
      execute: undefined,
    });
  });

  test("in a list are refused with their place", () => {
    expect(refusal(() => collectTools({}))).toBe(
      "INVALID_ARGUMENT: Invalid value for tools: an object. Expected an array of tools.",
    );
    expect(refusal(() => collectTools([null]))).toBe(
      "INVALID_TOOL: Invalid value for tools[0]: null. Expected a tool.",
    );
    expect(refusal(() => collectTools([{ type: "function", function: 1 }]))).toContain("tools[0].function");
  });
});

test("what OpenAI's clients send is taken: null for what is missing, and no handler", () => {
  const tools = collectTools([
    {
      type: "function",
      function: {
        name: "add",
        description: null,
        parameters: { type: "object", properties: { a: { type: "number" } } },
      },
    },
  ]);
  expect(tools.get("add")).toMatchObject({ name: "add", execute: undefined });
  expect(tools.get("add")?.schema.check({ a: "x" })).toMatchObject({ ok: false, path: "value.a" });
  expect(collectTools(undefined).size).toBe(0);
});
