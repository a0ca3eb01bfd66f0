// Turns of calls with a real engine: what ends them, and what does not.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, tool, type Model } from "../../src/index.js";
import { smollm2Model } from "../support/models.js";

let model: Model;
beforeAll(async () => {
  model = await load(await smollm2Model(), { contextSize: 1024, prefixFolder: false });
});
afterAll(() => model.close());

const weather = tool({
  name: "get_weather",
  parameters: {
    type: "object",
    properties: { city: { type: "string", maxLength: 12 } },
    required: ["city"],
    additionalProperties: false,
  },
});
const question = "How warm is it in Paris?";
const greedy = { tools: [weather], temperature: 0, maxTokens: 200 } as const;

test("stop strings cut neither a required call nor an answer by schema", async () => {
  for (const stop of ["\n", '"']) {
    const required = await model.reply(question, { ...greedy, toolChoice: "required", parallelToolCalls: false, stop });
    expect(required).toMatchObject({
      finishReason: "tool-calls",
      toolCalls: [{ name: "get_weather", arguments: { city: expect.any(String) } }],
      text: "",
    });
    expect(required).not.toHaveProperty("stopString");
    const { value } = await model.reply(question, {
      temperature: 0,
      schema: {
        type: "object",
        properties: { city: { type: "string", maxLength: 12 } },
        required: ["city"],
        additionalProperties: false,
      } as const,
      stop,
    });
    expect(value).toEqual({ city: expect.any(String) });
  }
});

test("a named tool is called exactly once, and the turn is over", async () => {
  const { toolCalls, rounds, finishReason } = await model.reply(question, {
    ...greedy,
    toolChoice: { name: "get_weather" },
  });
  expect([toolCalls.length, rounds.length, finishReason]).toEqual([1, 1, "tool-calls"]);
});

test("required calls of a turn differ from each other, and the turn ends before a repetition", async () => {
  const { toolCalls } = await model.reply(question, { ...greedy, toolChoice: "required" });
  const texts = toolCalls.map(({ argumentsText }) => argumentsText);
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts.length).toBeGreaterThan(0);
  // The engine has stopped with it, and goes on to answer others.
  expect(model.stats().running).toBe(0);
  expect((await model.reply("Hi", { maxTokens: 3, temperature: 0 })).usage.generatedTokens).toBeLessThanOrEqual(3);
});
