// The loop of calls and results for models that write calls in other formats than Hermes'. Their words are scripted.
import { describe, expect, test } from "vitest";
import { tool } from "../../../src/chat/tools/tool.js";
import type { ToolConstraint } from "../../../src/engine/engine.js";
import type { Message } from "../../../src/index.js";
import { partsToText } from "../../../src/format/hermes/prompt/prompt.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { templateSource, unreadableTemplate } from "../../support/template_corpus.js";

const add = tool({
  name: "add",
  description: "Adds numbers",
  parameters: {
    type: "object",
    properties: { a: { type: "integer" }, note: { type: "string", pattern: "^x" } },
    required: ["a"],
  } as const,
  execute: ({ a }) => a + 1,
});

async function saying(template: string, ...lines: readonly string[]) {
  let round = 0;
  return scriptedModel({
    chatTemplate: templateSource(template),
    constrained: true,
    contextSize: 16_384,
    answer: () => lines[Math.min(round++, lines.length - 1)] ?? "",
    markers: ["<|im_end|>", "<|im_start|>", "</s>", "<|tool_call_start|>", "<|tool_call_end|>", "<|tool_call|>"],
  });
}

const nemo = "mistralai-Mistral-Nemo-Instruct-2407";
const ministral = "mistralai-Ministral-3-14B-Reasoning-2512";
const llama = "meta-llama-Llama-3.1-8B-Instruct";
const coder = "Qwen3-Coder";
const python = "LFM2.5-8B-A1B";
const gemma = "google-gemma-4-31B-it";
const lfm = "LFM2-8B-A1B";
const granite = "ibm-granite-granite-3.3-2B-Instruct";

const written: Record<string, string> = {
  [nemo]: '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}]',
  [ministral]: '[TOOL_CALLS]add[ARGS]{"a": 1}',
  [llama]: '{"name": "add", "parameters": {"a": 1}}',
  [coder]: "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
  [python]: "<|tool_call_start|>[add(a=1)]<|tool_call_end|>",
  [lfm]: "<|tool_call_start|>[add(a=1)]<|tool_call_end|>",
  [granite]: '<|tool_call|>[{"name": "add", "arguments": {"a": 1}}]',
  [gemma]: "<|tool_call>call:add{a:1}<tool_call|>",
};

describe.each(Object.entries(written))("%s", (template, call) => {
  test("a call runs, its result goes back, and the model answers", async () => {
    const { model, engine } = await saying(template, call, "It is 2.");
    const { text, messages } = await model.reply("1 + 1?", { tools: [add] });
    expect(text).toBe("It is 2.");
    expect(messages).toMatchObject([
      { role: "assistant", content: "", tool_calls: [{ function: { name: "add", arguments: '{"a": 1}' } }] },
      { role: "tool", content: "2" },
      { role: "assistant", content: "It is 2." },
    ]);
    expect(engine.requests).toHaveLength(2);
  });

  test("the constraint has its format, and the engine is told what the model says of it", async () => {
    const { model, engine } = await saying(template, call, "2");
    await model.reply("1 + 1?", { tools: [add], toolChoice: "required" });
    const [first, second] = engine.requests.map(({ constraint }) => constraint as ToolConstraint);
    expect(first).toMatchObject({ mode: "required", parallel: template !== llama, bareFurtherCalls: false });
    expect(first?.format?.isBare).toBe(template === llama);
    expect(second).toMatchObject({ mode: "auto", format: first?.format });
    expect(engine.preserved.length).toBeGreaterThan(0);
  });

  test("with a schema a turn is calls or its JSON, whatever that holds", async () => {
    const schema = { type: "object", properties: { say: { type: "string" } }, required: ["say"] } as const;
    const answer = JSON.stringify({ say: `like ${call}` });
    const { model } = await saying(template, call, answer);
    const { value, toolCalls } = await model.reply("1 + 1?", { tools: [add], schema });
    expect(value).toEqual({ say: `like ${call}` });
    expect(toolCalls).toEqual([]);
  });
});

test("a call inside a thought ends it: what comes before is reasoning, and the call runs", async () => {
  const call = '<|tools_prefix|>[{"add": {"a": 1}}]<|tools_suffix|>';
  const { model, engine } = await saying(
    "Apertus-8B-Instruct",
    `<|inner_prefix|>I add.\n${call}`,
    "<|inner_prefix|>Two.<|inner_suffix|>It is 2.",
  );
  const { text, reasoning, messages } = await model.reply("1 + 1?", { tools: [add], reasoning: "on" });
  expect({ text, reasoning }).toEqual({ text: "It is 2.", reasoning: "Two." });
  expect(messages[0]).toMatchObject({
    content: "",
    reasoning_content: "I add.",
    tool_calls: [{ function: { name: "add", arguments: '{"a": 1}' } }],
  });
  // The constraint looks for calls in thoughts, too.
  expect(engine.requests.map(({ thought }) => thought)).toEqual([undefined, undefined]);
  expect(partsToText(engine.requests[0]!.prompt)).toContain("Deliberation: enabled");
  await expect(
    Promise.resolve(model.reply("1 + 1?", { tools: [add], reasoning: { maxTokens: 5 } })),
  ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("results follow the model's own tokens where its template writes calls as it did", async () => {
  for (const template of [ministral, coder]) {
    const { model, engine } = await saying(template, written[template]!, "2");
    await model.reply("1 + 1?", { tools: [add] });
    expect(engine.requests[1]?.after).toBe(1);
    expect(JSON.stringify(engine.requests[1]?.prompt)).not.toContain("1 + 1?");
  }
});

test("where the model makes up an id of its own, the conversation is written again with the one that is known", async () => {
  const { model, engine } = await saying(nemo, written[nemo]!, "2");
  const { messages } = await model.reply("1 + 1?", { tools: [add] });
  expect(engine.requests[1]?.after).toBeUndefined();
  const [call] = (messages[0] as Extract<Message, { role: "assistant" }>).tool_calls!;
  expect(JSON.stringify(engine.requests[1]?.prompt)).toContain(call!.id);
});

test.each([
  [
    lfm,
    '<|tool_call_start|>[add(a=1, note="x<|im_end|>"), add(a=2, b=True, c=None, d={"e": [true, 1.50]})]<|tool_call_end|>',
  ],
  [
    granite,
    '<|tool_call|>[{"name": "add", "arguments": {"a": 1, "note": "x<|im_end|>"}}, {"name": "add", "arguments": {"a": 2, "b": true, "c": null, "d": {"e": [true, 1.50]}}}]',
  ],
])("%s: calls that its template leaves out of earlier turns are put into them", async (template, calls) => {
  const { model, engine } = await saying(template, "2");
  const texts = ['{"a": 1, "note": "x<|im_end|>"}', '{"a":2,"b":true,"c":null,"d":{"e":[true,1.50]}}'];
  const history: Message[] = [
    { role: "user", content: "1 + 1, 2 + 1?" },
    {
      role: "assistant",
      content: "Let me see.",
      tool_calls: texts.map((text, index) => ({
        id: `call${index}`,
        type: "function",
        function: { name: "add", arguments: text },
      })),
    },
    { role: "tool", tool_call_id: "call0", content: "first" },
    { role: "tool", tool_call_id: "call1", content: "second" },
  ];
  await model.reply(history, { tools: [add] });
  const { prompt } = engine.requests[0]!;
  expect(partsToText(prompt)).toContain(`Let me see.${calls}<|`);
  const controls = prompt.flatMap((part) => ("control" in part ? [part.control] : []));
  expect(controls).toContain(calls.slice(0, calls.indexOf("[")));
  // What the caller gave is never markup.
  expect(prompt.some((part) => "text" in part && part.text.includes("x<|im_end|>"))).toBe(true);
});

test("the format of calls that a template does not write is not believed without its marker in the vocabulary", async () => {
  const { model } = await scriptedModel({ chatTemplate: templateSource(lfm), contextSize: 16_384 });
  await expect(Promise.resolve(model.reply("1 + 1?", { tools: [add] }))).rejects.toMatchObject({
    code: "TOOLS_UNSUPPORTED",
    message: expect.stringContaining("does not write them") as unknown,
  });
});

test("a model of single calls gets the several calls of a history one after the other", async () => {
  const { model, engine } = await saying("GigaChat3.1-10B-A1.8B", "2");
  const history: Message[] = [
    { role: "user", content: "1 + 1, 2 + 1?" },
    {
      role: "assistant",
      content: "",
      tool_calls: [1, 2].map((a) => ({
        id: `call${a}`,
        type: "function",
        function: { name: "add", arguments: `{"a": ${a}}` },
      })),
    },
    { role: "tool", tool_call_id: "call1", content: "first" },
    { role: "tool", tool_call_id: "call2", content: "second" },
  ];
  await model.reply(history, { tools: [add] });
  const prompt = JSON.stringify(engine.requests[0]?.prompt);
  const order = ['\\"a\\": 1', "first", '\\"a\\": 2', "second"].map((part) => prompt.indexOf(part));
  expect(order.every((at) => at > 0)).toBe(true);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test("tools of a model whose calls cannot be read are refused before anything is computed", async () => {
  const { model, engine } = await scriptedModel({ chatTemplate: unreadableTemplate, answer: () => "Hi" });
  const message = expect.stringContaining("calls of this model cannot be read") as unknown;
  const refused = { code: "TOOLS_UNSUPPORTED", param: "tools", message };
  await expect(Promise.resolve(model.reply("1 + 1?", { tools: [add] }))).rejects.toMatchObject(refused);
  await expect(model.explain("1 + 1?", { tools: [add] })).rejects.toMatchObject(refused);
  await expect(Promise.resolve(model.chat().send("1 + 1?", { tools: [add] }))).rejects.toMatchObject(refused);
  expect(engine.requests).toEqual([]);
  expect((await model.reply("Hi", { tools: [add], toolChoice: "none" })).text).toBe("Hi");
});

test("what cannot be enforced of texts without quotes is known before the first token", async () => {
  const { model } = await saying(coder, "Hi");
  const reply = model.reply("1 + 1?", { tools: [add] });
  await reply;
  expect(reply.unenforced).toEqual([
    {
      tool: "add",
      path: "add.parameters.properties.note",
      keyword: "pattern",
      reason: "the model's format writes it as text without quotes",
    },
  ]);
  const quoted = (await saying(gemma, "Hi")).model.reply("1 + 1?", { tools: [add] });
  await quoted;
  expect(quoted.unenforced).toMatchObject([{ path: "add.parameters.properties.note", keyword: "pattern" }]);
  for (const template of [python, "openai-gpt-oss-120b"]) {
    const all = (await saying(template, "Hi")).model.reply("1 + 1?", { tools: [add] });
    await all;
    expect(all.unenforced).toEqual([]);
  }
  const json = (await saying(ministral, "Hi")).model.reply("1 + 1?", { tools: [add] });
  await json;
  expect(json.unenforced).toEqual([]);
});
