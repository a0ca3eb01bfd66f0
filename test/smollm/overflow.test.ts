// Conversations longer than the context on a real model: the oldest turns go, and what is left is counted to the token.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";

let model: Model;
beforeAll(async () => {
  model = await load("smollm2", { format: "hermes", contextSize: 256, prefixFolder: false });
});
afterAll(() => model.close());
const options = { temperature: 0, maxTokens: 12, contextOverflow: "drop-oldest" } as const;
const system = { role: "system", content: "Answer in one short sentence." } as const;

test("a chat outlives its context: every turn is answered, and what went is what is missing", async () => {
  const chat = model.chat({ system: system.content, ...options });
  const said: unknown[] = [];
  const gone: unknown[] = [];
  for (let turn = 0; turn < 14; turn++) {
    const question = `This is message number ${turn} of our conversation. Which number was it?`;
    const { dropped = [], message, usage } = await chat.send(question);
    said.push({ role: "user", content: question }, message);
    gone.push(...dropped);
    expect(usage.promptTokens).toBeLessThanOrEqual(256 - 12);
    // Without a turn dropped, only the new one is read.
    if (turn > 0 && dropped.length === 0) expect(usage.promptTokens - usage.cachedTokens).toBeLessThan(40);
  }
  expect(gone.length).toBeGreaterThan(4);
  expect(chat.messages[0]).toEqual(system);
  expect([...gone, ...chat.messages.slice(1)]).toEqual(said);
  await chat.close();
});

test("no turn more goes than must, by the engine's own count", async () => {
  const messages = [
    system,
    ...Array.from({ length: 12 }, (_, turn) => [
      { role: "user", content: `Tell me about the number ${turn}.` } as const,
      { role: "assistant", content: `It comes after ${turn - 1}.` } as const,
    ]).flat(),
    { role: "user", content: "And the next one?" } as const,
  ];
  const { dropped = [], usage } = await model.reply(messages, options);
  expect(dropped).toEqual(messages.slice(1, 1 + dropped.length));
  expect(usage.promptTokens).toBeLessThanOrEqual(256 - 12);
  const withOneMore = await model
    .reply([system, ...messages.slice(1 + dropped.length - 2)], { ...options, contextOverflow: "error", maxTokens: 1 })
    .then(
      ({ usage }) => usage.promptTokens,
      () => Infinity,
    );
  expect(withOneMore).toBeGreaterThan(256 - 12);
});

test("a last turn that is too long by itself still fails, saying by how much", async () => {
  await expect(model.reply("word ".repeat(400), options)).rejects.toMatchObject({
    code: "CONTEXT_FULL",
    message: expect.stringMatching(/shorten it by \d+/),
  });
});
