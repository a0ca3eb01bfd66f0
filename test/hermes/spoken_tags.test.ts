// Tags that a model says are read as text, also where its vocabulary types them as control tokens.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";
import { hermesModel } from "../support/models.js";

const [think, thinkEnd] = [32002, 32003];
let model: Model;
beforeAll(async () => {
  const path = await hermesModel("control", {
    markup: ["<think>", "</think>"],
    chatTemplate: "{{ messages[0].content }}<think>",
    // It says nothing else.
    tokenBias: { [thinkEnd]: 60 },
  });
  model = await load(path, { format: "template", contextSize: 512, prefixFolder: false });
});
afterAll(() => model.close());

test("they are one token each, and have a text", async () => {
  expect([...(await model.tokenize([{ control: "<think>" }]))].at(-1)).toBe(think);
  expect(await model.detokenize([think, thinkEnd])).toBe("<think></think>");
  expect(await model.detokenize([32004])).toBe("");
});

test("what a user types is still not one of them", async () => {
  expect([...(await model.tokenize("<think></think>"))]).not.toContain(think);
});

test("a thought ends with its token, and a constraint holds from there on", async () => {
  expect(await model.reply("Hi", { maxTokens: 3 })).toMatchObject({ text: "</think></think>" });
  const { text, reasoning } = await model.reply("Hi", { regex: "[0-9]{2}", maxTokens: 20 });
  expect(text).toMatch(/^[0-9]{2}$/);
  expect(reasoning).toBeUndefined();
});
