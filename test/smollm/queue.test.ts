// The queue on a real model with room for one conversation at a time: priorities, time limits, and scopes of the cache.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";

let model: Model;
beforeAll(async () => {
  model = await load("smollm2", {
    format: "hermes",
    contextSize: 512,
    cacheTokens: 512,
    hostCacheBytes: 0,
    prefixFolder: false,
  });
});
afterAll(() => model.close());

/** Takes nearly all of the cache; none shares its beginning with another. */
const long = (name: string) => `${name}! ${"All work and no play makes a dull text. ".repeat(40)}`;
const endless = { temperature: 0, logitBias: [0, 1, 2].map((token) => [token, -Infinity] as const) };

test("of those that wait, the highest priority goes first", async () => {
  const first = model.reply(long("first"), { ...endless, maxTokens: 20 });
  const waiting = [-5, 0, 7].map(async (priority) => {
    const { timings } = await model.reply(long(`${priority}`), { priority, temperature: 0, maxTokens: 2 });
    return { priority, queueMs: timings.queueMs };
  });
  await first;
  // By the engine's clock: answers that are read late are read in the order in which they were asked for.
  const order = (await Promise.all(waiting)).sort((a, b) => a.queueMs - b.queueMs);
  expect(order.map(({ priority }) => priority)).toEqual([7, 0, -5]);
});

test("one that waits longer than it may fails with QUEUE_TIMEOUT, and the others come to their end", async () => {
  const first = model.reply(long("second"), { ...endless, maxTokens: 40 });
  const late = model.reply(long("late"), { queueTimeoutMs: 50, maxTokens: 2 });
  const patient = model.reply(long("patient"), { queueTimeoutMs: 100_000, maxTokens: 2 });
  await expect(late).rejects.toMatchObject({
    code: "QUEUE_TIMEOUT",
    param: "queueTimeoutMs",
    message: expect.stringContaining("50 ms"),
  });
  expect((await first).usage.generatedTokens).toBe(40);
  expect((await patient).usage.generatedTokens).toBeGreaterThan(0);
});

test("the same prompt is cached within its scope and never across scopes", async () => {
  const ask = async (cacheScope: string) =>
    (await model.reply("What does the other tenant ask about?", { cacheScope, temperature: 0, maxTokens: 2 })).usage;
  const usages = [];
  for (const scope of ["a", "a", "b", "c", "a"]) usages.push(await ask(scope));
  const rest = usages[0]!.promptTokens - 1;
  expect(usages.map(({ cachedTokens }) => cachedTokens)).toEqual([0, rest, 0, 0, rest]);
});

test("a chat that changes its scope reads everything again", async () => {
  const chat = model.chat({ temperature: 0, maxTokens: 4, cacheScope: "left" });
  await chat.send("Hi.");
  expect((await chat.send("Go on.")).usage.cachedTokens).toBeGreaterThan(0);
  expect((await chat.send("Go on.", { cacheScope: "right" })).usage.cachedTokens).toBe(0);
  await chat.close();
});
