// A turn that is one call without its markup: it is written with it, and the model goes on behind it. Its words are
// scripted.
import { describe, expect, test } from "vitest";
import { tool } from "../../../src/chat/tools/tool.js";
import type { ToolConstraint } from "../../../src/engine/engine.js";
import { partsToText } from "../../../src/format/hermes/prompt/prompt.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { templateSource } from "../../support/template_corpus.js";

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
