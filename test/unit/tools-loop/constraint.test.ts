// The constraint that each turn asks the engine for. The model's words are scripted.
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { tool } from "../../../src/chat/tools/tool.js";
import type { ToolConstraint } from "../../../src/engine/engine.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

const call = (name: string, args: unknown) =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${JSON.stringify(args)}}\n</tool_call>`;
const add = tool({ name: "add", parameters: z.object({ a: z.number(), b: z.number() }), execute: ({ a, b }) => a + b });
const say = tool({
  name: "say",
  parameters: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
  execute: () => "said",
});
const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
} as const;

async function saying(lines: readonly string[], script: object = {}) {
  let round = 0;
  return scriptedModel({
    markers: hermesMarkers,
    constrained: true,
    answer: () => lines[Math.min(round++, lines.length - 1)] ?? "",
    ...script,
  });
}

const constraintsOf = (engine: { requests: readonly { constraint?: unknown }[] }) =>
  engine.requests.map(({ constraint }) => constraint as ToolConstraint | undefined);

describe("toolChoice", () => {
  test("auto leaves text free and constrains calls to the tools, name first, in every turn", async () => {
    const { model, engine } = await saying([call("add", { a: 1, b: 2 }), "3"]);
    await model.reply("?", { tools: [add, say] });
    const constraint = { kind: "tools", mode: "auto", parallel: true, order: "name-first", bareFurtherCalls: false };
    expect(constraintsOf(engine)).toMatchObject([constraint, constraint]);
    expect(constraintsOf(engine)[0]?.tools.map(({ name }) => name)).toEqual(["add", "say"]);
    expect(constraintsOf(engine)[0]?.tools[1]?.parameters).toEqual({
      type: "object",
      properties: { text: { type: "string" } },
      required: ["text"],
      additionalProperties: false,
    });
  });

  test("required holds until the results of its turn have come back, so that the reply ends", async () => {
    const { model, engine } = await saying([call("add", { a: 1, b: 2 }), "3"]);
    const { text } = await model.reply("?", { tools: [add, say], toolChoice: "required" });
    expect(text).toBe("3");
    expect(constraintsOf(engine).map((constraint) => constraint?.mode)).toEqual(["required", "auto"]);
  });

  test("a named tool is the only one of its turn, and the others are back in the next; the prompt shows all of them", async () => {
    const { model, engine } = await saying([call("say", { text: "x" }), "done"]);
    await model.reply("?", { tools: [add, say], toolChoice: { name: "say" } });
    expect(
      constraintsOf(engine).map((constraint) => [constraint?.mode, constraint?.tools.map(({ name }) => name)]),
    ).toEqual([
      ["required", ["say"]],
      ["auto", ["add", "say"]],
    ]);
    expect(engine.requests[0]?.prompt.map((part) => Object.values(part)[0] as string).join("")).toContain(
      '"name": "add"',
    );
  });

  test("none constrains nothing without a schema, and to the schema alone with one", async () => {
    const { model, engine } = await saying(['{"name": "Anna", "age": 31}']);
    await model.reply("?", { tools: [add], toolChoice: "none" });
    await model.reply("?", { tools: [add], toolChoice: "none", schema: person });
    expect(constraintsOf(engine)).toEqual([
      undefined,
      { kind: "json", schema: { ...person, additionalProperties: false } },
    ]);
  });

  test.each([
    [
      { tools: [add], toolChoice: "required", constrained: false },
      'Invalid value for toolChoice: "required", which needs constrained not to be false. Expected "auto" or "none".',
    ],
    [{ toolChoice: "required" }, 'Invalid value for toolChoice: "required". Expected "auto" or "none" without tools.'],
    [
      { tools: [add], toolChoice: { name: "nope" } },
      'Invalid value for toolChoice.name: "nope". Expected the name of one of the tools.',
    ],
    [
      { tools: [add], callOrder: "first" },
      'Invalid value for callOrder: "first". Expected "name-first" or "arguments-first" or "either".',
    ],
    [{ tools: [add], parallelToolCalls: 1 }, "Invalid value for parallelToolCalls: 1. Expected true or false."],
  ])("is refused in one sentence where it cannot be kept: %#", async (options, message) => {
    const { model } = await saying(["x"]);
    await expect(model.reply("?", options as object)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message });
  });

  test("an engine without constraints refuses what it cannot keep, constrained: true too", async () => {
    const { model } = await saying(["x"], { constrained: false });
    await expect(model.reply("?", { tools: [add], toolChoice: "required" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(model.reply("?", { tools: [add], constrained: true })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(model.capabilities).toMatchObject({
      enforced: [],
      checked: ["tool-arguments", "schema"],
      refused: ["tool-choice", "grammar"],
    });
  });
});

test("constrained: false asks nothing of the engine and says so", async () => {
  const { model, engine } = await saying(['{"name": "Anna", "age": 31}']);
  const reply = model.reply("?", { schema: person, constrained: false });
  expect(reply.unenforced).toEqual([{ path: "schema", keyword: "*", reason: "the reply is not constrained" }]);
  expect((await reply).value).toEqual({ name: "Anna", age: 31 });
  expect(constraintsOf(engine)).toEqual([undefined]);
});

test('undeclaredProperties: "allow" leaves objects open, and the prompt says the same either way', async () => {
  const prompts = await Promise.all(
    (["refuse", "allow"] as const).map(async (undeclaredProperties) => {
      const { model, engine } = await saying(['{"name": "Anna", "age": 31, "x": 1}']);
      const { value } = await model.reply("?", { tools: [say], schema: person, undeclaredProperties });
      // The check is the schema's own.
      expect(value).toEqual({ name: "Anna", age: 31, x: 1 });
      const [constraint] = constraintsOf(engine);
      for (const schema of [constraint?.schema, constraint?.tools[0]?.parameters]) {
        expect(Object.hasOwn(schema as object, "additionalProperties")).toBe(undeclaredProperties === "refuse");
      }
      return JSON.stringify(engine.requests[0]?.prompt);
    }),
  );
  expect(prompts[0]).toBe(prompts[1]);
});

test("parallelToolCalls: false and callOrder reach the engine", async () => {
  const { model, engine } = await saying([call("add", { a: 1, b: 2 }), "3"]);
  await model.reply("?", { tools: [add], parallelToolCalls: false, callOrder: "arguments-first" });
  expect(constraintsOf(engine)[0]).toMatchObject({
    parallel: false,
    order: "arguments-first",
    bareFurtherCalls: false,
  });
});

test("without a constraint, parallelToolCalls: false ends the turn with its first call", async () => {
  const { model, engine } = await saying([`${call("add", { a: 1, b: 2 })}\n${call("add", { a: 3, b: 4 })}`, "done"], {
    constrained: false,
  });
  const results: unknown[] = [];
  for await (const event of model.reply("?", { tools: [add], parallelToolCalls: false }))
    if (event.type === "tool-result") results.push(event.result);
  expect(results).toEqual([3]);
  expect(engine.requests).toHaveLength(2);
});

describe("tools and a schema in one run", () => {
  test("each turn is calls or the object, and the run ends with the object", async () => {
    const { model, engine } = await saying([call("say", { text: "x" }), '{"name": "Anna", "age": 31}']);
    const { value, rounds } = await model.reply("?", { tools: [say], schema: person });
    expect(value).toEqual({ name: "Anna", age: 31 });
    expect(rounds).toHaveLength(2);
    expect(constraintsOf(engine)).toMatchObject([
      { kind: "tools", mode: "auto", schema: person },
      { kind: "tools", mode: "auto", schema: person },
    ]);
  });

  test("what looks like a call inside the object's strings is text", async () => {
    const inside = { name: call("say", { text: "x" }), age: 1 };
    const { model } = await saying([JSON.stringify(inside)]);
    const { value, toolCalls } = await model.reply("?", { tools: [say], schema: person });
    expect(value).toEqual(inside);
    expect(toolCalls).toEqual([]);
  });
});

describe("unenforced", () => {
  const picky = {
    type: "object",
    properties: { email: { type: "string", pattern: "^(?!x)" }, tags: { type: "array", uniqueItems: true } },
  } as const;

  test("is known before the first token, for each tool and for the answer, and what fails of it is named afterwards", async () => {
    const { model } = await saying(['{"email": "xa", "tags": []}']);
    const find = tool({ name: "find", parameters: picky });
    const reply = model.reply("?", { tools: [find], schema: picky });
    expect(reply.unenforced).toEqual([
      {
        tool: "find",
        path: "find.parameters.properties.email",
        keyword: "pattern",
        reason: "it looks ahead or behind",
      },
      {
        tool: "find",
        path: "find.parameters.properties.tags",
        keyword: "uniqueItems",
        reason: "has no form that can be enforced",
      },
      { path: "schema.properties.email", keyword: "pattern", reason: "it looks ahead or behind" },
      { path: "schema.properties.tags", keyword: "uniqueItems", reason: "has no form that can be enforced" },
    ]);
    await expect(reply).rejects.toThrow(/answer\.email must be text that matches/);
  });

  test("explain shows it, and what constrained each turn", async () => {
    const { model } = await saying([call("add", { a: 1, b: 2 }), "3"]);
    const { prompts, unenforced } = await model.reply("?", { tools: [add], toolChoice: "required" }).explain();
    expect(unenforced).toEqual([]);
    expect(prompts.map(({ constraint }) => constraint?.kind === "tools" && constraint.mode)).toEqual([
      "required",
      "auto",
    ]);
  });
});

describe("the token limit", () => {
  test("makes JSON incomplete, never a success", async () => {
    const { model } = await saying(['{"name": "Anna", "age": 31}']);
    await expect(model.reply("?", { schema: person, maxTokens: 12 })).rejects.toMatchObject({
      code: "INCOMPLETE",
      result: { finishReason: "length", incomplete: true },
    });
  });

  test("makes a required call incomplete before its first brace too", async () => {
    const { model } = await saying([call("add", { a: 1, b: 2 })]);
    const result = await model.reply("?", { tools: [add], toolChoice: "required", maxTokens: 5 });
    expect(result).toMatchObject({ finishReason: "length", incomplete: true, toolCalls: [] });
  });
});

describe("complete", () => {
  test("regex and grammar reach the engine; a limit that cuts them off makes the text incomplete", async () => {
    const { model, engine } = await saying(["2024-01-01"]);
    await model.complete("Date: ", { regex: "^\\d{4}-\\d{2}|x.$" });
    await model.complete("Date: ", { grammar: 'start: "yes" | "no"' });
    expect(await model.complete("Date: ", { regex: "\\d+", maxTokens: 3 })).toMatchObject({
      finishReason: "length",
      incomplete: true,
    });
    expect(engine.requests.map(({ constraint }) => constraint)).toEqual([
      { kind: "regex", pattern: "[0-9]{4}\\x{2d}[0-9]{2}|x[^\\x{a}\\x{d}\\x{2028}\\x{2029}]" },
      { kind: "lark", grammar: 'start: "yes" | "no"' },
      { kind: "regex", pattern: "[0-9]+" },
    ]);
  });

  test.each([
    [{ regex: "" }, /for regex: ""\. Expected text that is not empty/],
    [{ regex: /a/ }, /for regex: .*Expected text\./],
    [{ regex: "a".repeat(10_001) }, /for regex: .*Expected at most 10000 characters/],
    [{ regex: "(" }, /it is no regular expression/],
    [{ regex: "a(?=b)" }, /it looks ahead or behind/],
    [{ regex: "(a)\\1" }, /it refers back to a group/],
    [{ grammar: "" }, /for grammar: ""\. Expected text that is not empty/],
    [{ grammar: 7 }, /for grammar: .*Expected text\./],
    [{ grammar: 'root: "a"' }, /a rule called start/],
    [{ grammar: `start: "${"a".repeat(200_000)}"` }, /for grammar: .*Expected at most 200000 characters/],
    [{ regex: "a", grammar: 'start: "a"' }, /regex and grammar cannot be combined/],
  ])("refuses %#", async (options, message) => {
    const { model, engine } = await saying(["x"]);
    await expect(model.complete("x", options as object)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(message) as unknown,
    });
    expect(engine.requests).toHaveLength(0);
  });

  test("refuses both where the engine constrains nothing, in replies too", async () => {
    const { model } = await saying(["x"], { constrained: false });
    await expect(model.complete("x", { regex: "a" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "regex cannot be used: this engine does not enforce it.",
    });
    await expect(model.reply("x", { regex: "a" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "regex cannot be used: this engine does not enforce it.",
    });
  });
});

describe("models not trained on Hermes", () => {
  const two =
    '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>\n{"name": "add", "arguments": {"a": 3, "b": 4}}\n</tool_call>';

  test("may leave out the tag of further calls; the conversation has it, and is read again from there", async () => {
    const { model, engine } = await saying([two, "done"], { markers: undefined });
    const { messages } = await model.reply("?", { tools: [add] });
    expect(constraintsOf(engine)[0]).toMatchObject({ bareFurtherCalls: true });
    expect(messages.filter(({ role }) => role === "tool").map(({ content }) => content)).toEqual(["3", "7"]);
    expect(engine.requests[1]?.after).toBeUndefined();
    const prompt = engine.requests[1]?.prompt.map((part) => Object.values(part)[0] as string).join("") ?? "";
    expect(
      prompt.match(/<tool_call>\n\{"arguments": \{"a": \d, "b": \d\}, "name": "add"\}\n<\/tool_call>/g),
    ).toHaveLength(2);
  });

  test("parallelHint adds its sentence behind the tools, and only when asked for", async () => {
    const sentence =
      "If the user asks for several things, make one call for each of them, one <tool_call> block after the other.";
    const { model, engine } = await saying(["x"], { markers: undefined });
    await model.reply("?", { tools: [add], parallelHint: true });
    await model.reply("?", { tools: [add] });
    await model.reply("?", { parallelHint: true });
    const prompts = engine.requests.map(({ prompt }) =>
      prompt.map((part) => Object.values(part)[0] as string).join(""),
    );
    expect(prompts.map((prompt) => prompt.includes(sentence))).toEqual([true, false, false]);
    expect(prompts[0]).toContain(`</tool_call>\n${sentence}`);
  });
});
