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

test("tags of other models, which their templates write around earlier thoughts, are read as well", async () => {
  const [opening, closing] = [32002, 32003];
  const path = await hermesModel("control", {
    markup: ["[THINK]", "[/THINK]"],
    chatTemplate:
      "{% for m in messages %}{{ m.role }}:{% if m.reasoning_content %}[THINK]{{ m.reasoning_content }}[/THINK]{% endif %}{{ m.content }}{% endfor %}assistant:",
    tokenBias: { [closing]: 60 },
  });
  const other = await load(path, { format: "template", contextSize: 512, prefixFolder: false });
  expect(await other.detokenize([opening, closing])).toBe("[THINK][/THINK]");
  // The end of a thought that did not begin is no text; a further one is.
  expect(await other.reply("Hi", { maxTokens: 2 })).toMatchObject({ text: "[/THINK]" });
  // What is not constrained is a thought that never ends but by its limit; then comes the answer.
  const { text, reasoning } = await other.reply("Hi", {
    regex: "[0-9]{2}",
    reasoning: { maxTokens: 3 },
    logitBias: [[opening, 100]],
    maxTokens: 20,
  });
  expect(text).toMatch(/^[0-9]{2}$/);
  expect(reasoning ?? "").not.toContain("[/THINK]");
  await other.close();
});

test("a thought ends with its token, and a constraint holds from there on", async () => {
  expect(await model.reply("Hi", { maxTokens: 3 })).toMatchObject({ text: "</think></think>" });
  const { text, reasoning } = await model.reply("Hi", { regex: "[0-9]{2}", maxTokens: 20 });
  expect(text).toMatch(/^[0-9]{2}$/);
  expect(reasoning).toBeUndefined();
});
