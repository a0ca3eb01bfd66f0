// Calls in the formats of other models' templates, written by a real model under the constraint and read back.
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { load, tool, type Model, type ReplyOptions } from "../../src/index.js";
import { smollm2Model } from "../support/models.js";

const template = (name: string) =>
  readFileSync(new URL(`../../llama.cpp/source/models/templates/${name}.jinja`, import.meta.url), "utf8");

let model: Model | undefined;
afterEach(async () => {
  await model?.close();
  model = undefined;
});

async function loaded(name: string): Promise<Model> {
  return (model = await load(await smollm2Model(), {
    contextSize: 4096,
    prefixFolder: false,
    chatTemplate: template(name),
  }));
}

const weather = tool({
  name: "get_weather",
  description: "The weather of some days",
  parameters: {
    type: "object",
    properties: {
      city: { type: "string", enum: ["Paris", "Rome"] },
      note: { type: "string", maxLength: 20 },
      days: { type: "integer", minimum: 1, maximum: 7 },
      at: { type: "object", properties: { hour: { type: "integer", minimum: 0, maximum: 23 } }, required: ["hour"] },
    },
    required: ["city", "note", "days", "at"],
  },
});
const question = "How warm is it in Paris? Call get_weather.";
const options = { tools: [weather], temperature: 0, maxTokens: 300 } as const satisfies ReplyOptions;

const formats: readonly (readonly [name: string, beginning: string])[] = [
  ["mistralai-Mistral-Nemo-Instruct-2407", '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "'],
  ["mistralai-Ministral-3-14B-Reasoning-2512", '[TOOL_CALLS]get_weather[ARGS]{"city": "'],
  ["meta-llama-Llama-3.1-8B-Instruct", '{"name": "get_weather", "parameters": {"city": "'],
  ["Qwen3-Coder", "<tool_call>\n<function=get_weather>\n<parameter=city>\n"],
  ["GLM-4.6", "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>"],
  ["LFM2.5-8B-A1B", '<|tool_call_start|>[get_weather(city="'],
  ["google-gemma-4-31B-it", '<|tool_call>call:get_weather{city:<|"|>'],
  [
    "Kimi-K3",
    '<|open|>response<|sep|><|close|>response<|sep|><|open|>tools<|sep|><|open|>call tool="get_weather" index="',
  ],
  ["MiniMax-M3", ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="get_weather">]<]minimax[>[<city>'],
  ["meetkai-functionary-medium-v3.2", 'get_weather\n{"city": "'],
];

const thinks = (name: string) => /GLM-4\.6|Reasoning|LFM2\.5|gemma-4|Kimi-K3|MiniMax-M3/.test(name);

test.each(formats)("%s: a required call is written in its format, and is right", async (name, beginning) => {
  const model = await loaded(name);
  const { toolCalls, text, finishReason, logProbabilities } = await model.reply(question, {
    ...options,
    ...(thinks(name) ? { reasoning: "off" } : {}),
    toolChoice: "required",
    parallelToolCalls: false,
    logProbabilities: true,
  });
  const raw = await model.detokenize(
    logProbabilities!.map(({ token }) => token),
    { special: true },
  );
  expect(raw.slice(0, beginning.length)).toBe(beginning);
  expect([toolCalls.length, text, finishReason]).toEqual([1, "", "tool-calls"]);
  const [{ arguments: args, ...call }] = toolCalls as [(typeof toolCalls)[number]];
  expect(call).toMatchObject({ name: "get_weather", repaired: false });
  expect(call.problem).toBeUndefined();
  const { city, note, days, at } = args as { city: string; note: string; days: number; at: { hour: number } };
  expect(["Paris", "Rome"]).toContain(city);
  expect(note.length).toBeLessThanOrEqual(20);
  expect(Number.isInteger(days) && days >= 1 && days <= 7).toBe(true);
  expect(at.hour >= 0 && at.hour <= 23).toBe(true);
  // The same, cut off by the limit: no call of a part.
  const cut = await model.reply(question, {
    ...options,
    ...(thinks(name) ? { reasoning: "off" } : {}),
    toolChoice: "required",
    maxTokens: 24,
  });
  expect(cut).toMatchObject({ finishReason: "length", toolCalls: [], incomplete: true });
});

test.each([
  [
    "openai-gpt-oss-120b",
    String.raw`(<\|channel\|>(commentary|analysis) to=functions\.get_weather| to=functions\.get_weather<\|channel\|>commentary)( <\|constrain\|>json)?( json)?<\|message\|>\{"city": "`,
  ],
  ["muse-glimmer", String.raw` to=get_weather<\|message\|><atem:function_calls>\n<atem:invoke name="get_weather">\n`],
])("%s: behind a thought that its limit ends, a required call is a message, and is right", async (name, call) => {
  const model = await loaded(name);
  const { toolCalls, text, logProbabilities } = await model.reply(question, {
    ...options,
    reasoning: { maxTokens: 5 },
    toolChoice: "required",
    parallelToolCalls: false,
    logProbabilities: true,
  });
  const raw = await model.detokenize(
    logProbabilities!.map(({ token }) => token),
    { special: true },
  );
  expect(raw).toMatch(new RegExp(String.raw`^([^]*<\|(end|eom)\|><\|start\|>assistant)?${call}`));
  expect([toolCalls.length, text]).toEqual([1, ""]);
  expect(toolCalls[0]).toMatchObject({ name: "get_weather", repaired: false });
  expect(toolCalls[0]?.problem).toBeUndefined();
});
