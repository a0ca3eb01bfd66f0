// Thoughts of a real model whose template opens them: ended at their limit, and the answer behind them enforced.
import { afterAll, beforeAll, expect, test } from "vitest";
import { tool, type Model } from "../../src/index.js";
import { thinkingModel } from "../support/thinking_model.js";

let model: Model;
beforeAll(async () => {
  model = await thinkingModel();
});
afterAll(() => model.close());

const limit = { reasoning: { maxTokens: 12 }, temperature: 0.8, seed: 3, maxTokens: 200 } as const;
const tokensOf = async (text: string) => (await model.tokenize(text)).length;

test("an answer by schema comes behind a thought of at most so many tokens", async () => {
  const schema = {
    type: "object",
    properties: { city: { enum: ["Paris", "Rome"] }, warm: { type: "boolean" } },
    required: ["city", "warm"],
    additionalProperties: false,
  } as const;
  const { value, text, reasoning } = await model.reply("Is it warm in Paris?", { ...limit, schema });
  expect(["Paris", "Rome"]).toContain(value.city);
  expect(JSON.parse(text)).toEqual(value);
  expect(reasoning).not.toBe("");
  expect(await tokensOf(reasoning!)).toBeLessThanOrEqual(14);
});

test("a required call comes behind one, and each later turn thinks again", async () => {
  const add = tool({
    name: "add",
    parameters: {
      type: "object",
      properties: { a: { type: "integer", maximum: 99 }, b: { type: "integer", maximum: 99 } },
      required: ["a", "b"],
      additionalProperties: false,
    },
    execute: ({ a, b }) => a + b,
  });
  const { messages, rounds } = await model.reply("What is 17 plus 25?", {
    ...limit,
    tools: [add],
    toolChoice: "required",
    parallelToolCalls: false,
    maxRounds: 2,
  });
  expect(rounds).toHaveLength(2);
  expect(messages[0]).toMatchObject({
    role: "assistant",
    content: "",
    reasoning_content: expect.any(String),
    tool_calls: [{ function: { name: "add" } }],
  });
  expect(messages[1]).toMatchObject({ role: "tool" });
});

test("free text comes behind one, and stop strings do not count in it", async () => {
  const { text, reasoning, stopString } = await model.reply("Count from 1 to 9.", {
    ...limit,
    temperature: 0,
    minTokens: 60,
    stop: ["1", "2", "the", " "],
  });
  expect(reasoning).toMatch(/1|2|the| /);
  expect(text).not.toMatch(/1|2|the| /);
  expect(stopString).toBeDefined();
});

test("reasoning that is off begins with the answer", async () => {
  const { reasoning, text } = await model.reply("Count from 1 to 9.", {
    reasoning: "off",
    temperature: 0,
    maxTokens: 8,
  });
  expect(reasoning).toBeUndefined();
  expect(text).not.toBe("");
});
