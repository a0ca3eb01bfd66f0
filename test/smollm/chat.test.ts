// Conversations on a real model: a turn pays only for itself, and says what the whole conversation would.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";

let model: Model;
beforeAll(async () => {
  model = await load("smollm2", { format: "hermes", contextSize: 1024, prefixFolder: false });
});
afterAll(() => model.close());
const greedy = { temperature: 0, maxTokens: 30 };

test("the next turn has everything before it cached", async () => {
  const chat = model.chat({ system: "Answer in one short sentence.", ...greedy });
  const first = await chat.send("What is the capital of France?");
  const second = await chat.send("Which river runs through it?");
  const before = first.usage.promptTokens + first.usage.generatedTokens;
  // The last generated token is not in the cache: nothing was computed after it.
  expect(second.usage.cachedTokens).toBeGreaterThanOrEqual(before - 2);
  expect(second.usage.promptTokens - second.usage.cachedTokens).toBeLessThan(30);
});

test("a chat says what the same conversation says when it is sent whole", async () => {
  const chat = model.chat({ ...greedy });
  for (const question of ["Name a fruit.", "And a vegetable?"]) await chat.send(question);
  const whole = await model.reply(chat.messages.slice(0, -1), greedy);
  expect(chat.messages.at(-1)).toEqual({ role: "assistant", content: whole.text });
});

test("forks go on at the same time from what they share", async () => {
  const chat = model.chat({ system: "Answer in one short sentence.", ...greedy });
  await chat.send("What is the capital of France?");
  const branch = chat.fork();
  const questions = ["Which river runs through it?", "Which language is spoken there?"] as const;
  const alone = await Promise.all(
    questions.map((content) => model.reply([...chat.messages, { role: "user", content }], greedy)),
  );
  const [left, right] = await Promise.all([chat.send(questions[0]), branch.send(questions[1])]);
  expect([left.text, right.text]).toEqual(alone.map(({ text }) => text));
  expect(left.text).not.toBe(right.text);
  for (const { usage } of [left, right]) expect(usage.cachedTokens).toBeGreaterThan(usage.promptTokens / 2);
  await chat.close();
  expect((await branch.send("Thank you.")).usage.cachedTokens).toBeGreaterThan(0);
  await branch.close();
});

test("a turn after a cancelled one goes on from before it", async () => {
  const chat = model.chat({ ...greedy });
  await chat.send("My name is Anna. Say hello.");
  for await (const _ of chat.send("Tell a very long story.", { maxTokens: 500 }).textStream) break;
  expect(chat.messages).toHaveLength(2);
  const { usage } = await chat.send("What is my name?");
  expect(usage.cachedTokens).toBeGreaterThan(10);
  expect(chat.messages).toHaveLength(4);
});

test("a turn that ended at a stop string goes on with its text", async () => {
  const chat = model.chat({ ...greedy });
  const first = await chat.send("Count from one to ten in words.", { stop: "four" });
  expect(first.text).not.toContain("four");
  await chat.send("Go on.");
  expect(chat.messages).toHaveLength(4);
});

test("a conversation that outgrows the context says by how much, and is not lost", async () => {
  const chat = model.chat({ ...greedy, maxTokens: 4 });
  await chat.send("Hi.");
  await expect(chat.send("word ".repeat(1200))).rejects.toMatchObject({
    code: "CONTEXT_FULL",
    message: expect.stringMatching(/shorten it by \d+/),
  });
  expect((await chat.send("Still there?")).usage.cachedTokens).toBeGreaterThan(0);
});

test("a reply that fills the context ends with length", async () => {
  const { finishReason, usage } = await model.reply("word ".repeat(1000), {
    temperature: 0,
    logitBias: [
      [model.info.eosToken!, -Infinity],
      [0, -Infinity],
      [1, -Infinity],
      [2, -Infinity],
    ],
  });
  expect(finishReason).toBe("length");
  expect(usage.promptTokens + usage.generatedTokens).toBe(1024);
});

test("fifty turns keep the engine's room within the conversation's size", async () => {
  const chat = model.chat({ ...greedy, maxTokens: 2 });
  for (let turn = 0; turn < 50; turn++) await chat.send("Go on.");
  const { cacheTokens, cacheTokensUsed } = model.stats();
  expect(cacheTokensUsed).toBeLessThanOrEqual(cacheTokens);
  expect(chat.messages).toHaveLength(100);
  await chat.close();
});
