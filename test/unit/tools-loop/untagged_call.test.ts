// A turn that is one call without its markup: it is written with it, and the model goes on behind it. Its words are
// scripted.
import { describe, expect, test } from "vitest";
import { tool } from "../../../src/chat/tools/tool.js";
import type { ToolConstraint } from "../../../src/engine/engine.js";
import { partsToText } from "../../../src/format/hermes/prompt/prompt.js";
import { CallIntent } from "../../../src/format/hermes/calls/call_intent.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { templateSource } from "../../support/template_corpus.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const add = tool({
  name: "add",
  parameters: { type: "object", properties: { a: { type: "integer" } }, required: ["a"] } as const,
  execute: ({ a }) => a + 1,
});
const bare = (a: number) => `{"name": "add", "arguments": {"a": ${a}}}`;
const tagged = (a: number) => `<tool_call>\n${bare(a)}\n</tool_call>`;

async function saying(lines: readonly string[], script: object = {}) {
  let round = 0;
  return scriptedModel({
    constrained: true,
    answer: () => lines[Math.min(round++, lines.length - 1)] ?? "",
    ...script,
  });
}

const constraintsOf = (engine: { requests: readonly { constraint?: unknown }[] }) =>
  engine.requests.map(({ constraint }) => constraint as ToolConstraint | undefined);

test("further calls follow the first, each told once and run once, and their results go on from their tokens", async () => {
  const { model, engine } = await saying([bare(1), `\n${tagged(2)}\n${tagged(3)}`, "2, 3 and 4"]);
  const seen: string[] = [];
  const reply = model.reply("?", { tools: [add] });
  for await (const event of reply) {
    if (event.type === "tool-call-start" || event.type === "tool-call" || event.type === "tool-run")
      seen.push(event.type);
    if (event.type === "finish") {
      expect(event.text).toBe("2, 3 and 4");
      expect(event.rounds).toHaveLength(2);
      expect(event.messages[0]).toMatchObject({
        content: "",
        tool_calls: [1, 2, 3].map((a) => ({ function: { arguments: `{"a": ${a}}` } })),
      });
    }
  }
  expect(seen.filter((type) => type === "tool-call-start")).toHaveLength(3);
  expect(seen.filter((type) => type === "tool-call")).toHaveLength(3);
  expect(seen.filter((type) => type === "tool-run")).toHaveLength(3);
  const [first, second] = engine.requests.map(({ prompt }) => partsToText(prompt));
  expect(second).toBe(`${first}${tagged(1)}`);
  expect(constraintsOf(engine)).toMatchObject([
    { mode: "auto" },
    { mode: "required", continues: true },
    { mode: "auto" },
  ]);
  expect(engine.requests[2]?.after).toBe(2);
  expect(engine.live.size).toBe(0);
});

test("so it is in later rounds, whose second run goes on from the same tokens as its first", async () => {
  const { model, engine } = await saying([tagged(1), bare(2), "", "3"]);
  const { text, rounds } = await model.reply("?", { tools: [add] });
  expect(text).toBe("3");
  expect(rounds).toHaveLength(3);
  expect(engine.requests.map(({ after }) => after)).toEqual([undefined, 1, 1, 3]);
  expect(engine.live.size).toBe(0);
});

test("a model that adds nothing has made the one call", async () => {
  const { model } = await saying([bare(1), "", "2"]);
  const { text, messages } = await model.reply("?", { tools: [add] });
  expect(text).toBe("2");
  expect(messages[0]).toMatchObject({ tool_calls: [{ function: { name: "add" } }] });
});

test("the tokens of both runs count, and together they keep to maxTokens", async () => {
  const { model, engine } = await saying([bare(1), `\n${tagged(2)}`]);
  const call = tool({ name: "add", parameters: add.parameters });
  const { usage, toolCalls, finishReason } = await model.reply("?", { tools: [call], maxTokens: 70 });
  const generated = bare(1).length;
  expect(engine.requests[1]?.maxTokens).toBe(70 - generated);
  expect([usage.generatedTokens, finishReason, toolCalls.length]).toEqual([70, "length", 1]);
});

describe("the turn stays as it was", () => {
  const once = async (lines: readonly string[], options: object, script: object = {}) => {
    const { model, engine } = await saying(lines, script);
    await model.reply("?", { tools: [tool({ name: "add", parameters: add.parameters })], ...options });
    return engine.requests.length;
  };

  test.each([
    ["with one call a turn", [bare(1)], { parallelToolCalls: false }],
    ["without a constraint", [bare(1)], { constrained: false }],
    ["with log probabilities", [bare(1)], { logProbabilities: true }],
    ["where its arguments are wrong", ['{"name": "add", "arguments": {"b": 1}}'], {}],
    ["where something follows the call", [`${bare(1)} is the call.`], {}],
    ["where another function is named", ['{"name": "sub", "arguments": {"a": 1}}'], {}],
    ["where the call has its markup", [tagged(1)], {}],
    ["where untagged calls are text", [bare(1)], { untaggedCalls: "off" }],
    ["where the limit leaves no token", [bare(1)], { maxTokens: bare(1).length }],
  ])("%s", async (_, lines, options) => {
    expect(await once(lines, options)).toBe(1);
  });
});

test("in a format of its own, the call is written in that", async () => {
  const { model, engine } = await saying([bare(1), '[TOOL_CALLS]add[ARGS]{"a": 2}', "5"], {
    chatTemplate: templateSource("mistralai-Ministral-3-14B-Reasoning-2512"),
    contextSize: 16_384,
  });
  const { messages } = await model.reply("?", { tools: [add] });
  expect(partsToText(engine.requests[1]!.prompt)).toMatch(/\[TOOL_CALLS\]add\[ARGS\]\{"a": 1\}$/);
  expect(messages[0]).toMatchObject({
    tool_calls: [{ function: { arguments: '{"a": 1}' } }, { function: { arguments: '{"a": 2}' } }],
  });
});

describe('with untaggedCalls "rewrite" a turn that means to call is generated again as calls', () => {
  const rewrite = { tools: [add], untaggedCalls: "rewrite" } as const;

  test.each([
    ["JSON with wrong arguments", '{"name": "add", "arguments": {"b": 1}}'],
    ["the same in a fence", '```json\n{"name": "add", "arguments": {"a": "one"}}\n```'],
    ["Python's form", "add(a=1)"],
    ["the same with a position", " add(1) "],
    ["the same in a list", '[add(a=1), add(a=2, note=["x)", {"y": \'z\\\'\'}])]'],
    ["the same in a fence", "```python\nadd(a=1)\nadd(a=2)\n```"],
  ])("%s: %j", async (_, said) => {
    const { model, engine } = await saying([said, `${tagged(1)}\n${tagged(2)}`, "2 and 3"]);
    const seen: string[] = [];
    for await (const event of model.reply("?", rewrite)) {
      if (event.type === "text") seen.push(event.text);
      if (event.type === "tool-call") seen.push(`call ${event.argumentsText}`);
      if (event.type === "finish") {
        expect(event.messages[0]).toMatchObject({ content: "", tool_calls: [{}, {}] });
        expect(event.rounds[0]?.usage.generatedTokens).toBe(said.length + `${tagged(1)}\n${tagged(2)}`.length);
      }
    }
    expect(seen.filter((one) => one.startsWith("call"))).toEqual(['call {"a": 1}', 'call {"a": 2}']);
    expect(seen.join("")).toBe('call {"a": 1}call {"a": 2}2 and 3');
    const [first, second] = engine.requests;
    expect(partsToText(second!.prompt)).toBe(partsToText(first!.prompt));
    expect(constraintsOf(engine)).toMatchObject([
      { mode: "auto" },
      { mode: "required", parallel: true },
      { mode: "auto" },
    ]);
    expect(constraintsOf(engine)[1]?.continues).toBeUndefined();
    expect(engine.live.size).toBe(0);
  });

  test("in a format of its own too", async () => {
    const { model, engine } = await saying(["add(a=1)", "<|tool_call>call:add{a:1}<tool_call|>", "2"], {
      chatTemplate: templateSource("google-gemma-4-31B-it"),
      contextSize: 16_384,
    });
    const { text, messages } = await model.reply("?", rewrite);
    expect([text, engine.requests.length]).toEqual(["2", 3]);
    expect(messages[0]).toMatchObject({ tool_calls: [{ function: { arguments: '{"a": 1}' } }] });
  });

  test("a valid call in JSON is kept and gone on with, as before", async () => {
    const { model, engine } = await saying([bare(1), "", "2"]);
    await model.reply("?", rewrite);
    expect(constraintsOf(engine)[1]).toMatchObject({ mode: "required", continues: true });
  });

  test.each<[string, string, object]>([
    ["prose", "add(a=1) adds one.", {}],
    ["a function that is not given", "sub(a=1)", {}],
    ["a name alone", "add", {}],
    ["an open call", "add(a=1", {}],
    ["an open list", "[add(a=1)", {}],
    ["other JSON", '{"a": 1}', {}],
    ["a call of what is not given", '{"name": "sub", "arguments": {}}', {}],
    ["what is cut off", "add(a=1)", { maxTokens: 8 }],
    ["a reply without a constraint", "add(a=1)", { constrained: false }],
    ["a reply with log probabilities", "add(a=1)", { logProbabilities: true }],
    ["the default", "add(a=1)", { untaggedCalls: undefined }],
  ])("but not %s, whose text is told whole", async (_, said, options) => {
    const { model, engine } = await saying([said]);
    const { text } = await model.reply("?", { ...rewrite, ...options });
    expect([text, engine.requests.length]).toEqual([said, 1]);
  });

  test("prose is told as it comes, from where it cannot be calls any more", async () => {
    const { model } = await saying(["add the numbers"]);
    const texts: string[] = [];
    for await (const event of model.reply("?", rewrite)) if (event.type === "text") texts.push(event.text);
    expect(texts[0]).toBe("add");
    expect(texts.join("")).toBe("add the numbers");
  });
});

test("whether a reply is calls takes time in proportion to its length", () => {
  const began = cpuMs();
  for (const text of [`add(${"(".repeat(200_000)}`, `add("${"\\".repeat(200_000)}`, "add()\n".repeat(40_000)]) {
    const intent = new CallIntent(["add"]);
    for (let at = 0; at < text.length; at += 7) intent.feed(text.slice(at, at + 7));
    intent.finish(() => true);
  }
  expect(cpuMs() - began).toBeLessThan(5_000);
});
