// `connect` to another Caduceus over real sockets, against the same model in this process.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { connect, load, tool, type Model } from "../../src/index.js";
import { serving, type Serving } from "../server/serving.js";
import { hermesModel } from "../support/models.js";
import { until } from "../support/time/until.js";

let local: Model;
let remote: Model;
let server: Serving;
beforeAll(async () => {
  local = await load(await hermesModel(), { contextSize: 2048, prefixFolder: false });
  server = await serving({ tiny: local }, { apiKeys: ["a-secret-key"] });
  remote = await connect(server.url, { apiKey: "a-secret-key" });
});
afterAll(async () => {
  await remote?.close();
  await server?.close({ graceMs: 0 });
  await local?.close();
});

const question = "What is the capital of France?";
const greedy = { temperature: 0, maxTokens: 12 } as const;

test("a reply has the text, tokens, usage and events of the model itself", async () => {
  const [here, there] = [await local.reply(question, greedy), await remote.reply(question, greedy)];
  expect(there.text).toBe(here.text);
  expect(there.finishReason).toBe(here.finishReason);
  expect(there.usage).toMatchObject({
    promptTokens: here.usage.promptTokens,
    generatedTokens: here.usage.generatedTokens,
  });
  expect(there.timings.tokensPerSecond).toBeGreaterThan(0);
});

test("what the prompt is, what tokens are, and what the model is are the same", async () => {
  const text = "Grüße <|im_start|>user\n🌊 <|im_end|>";
  expect(await remote.tokenize(text)).toEqual(await local.tokenize(text));
  expect((await remote.explain(question)).prompts).toEqual((await local.explain(question)).prompts);
  const tokens = await local.tokenize([{ control: text }]);
  expect(await remote.detokenize(tokens, { special: true })).toBe(await local.detokenize(tokens, { special: true }));
  expect(await remote.tokenBytes(tokens)).toEqual(await local.tokenBytes(tokens));
  expect(remote.info).toMatchObject({ contextSize: 2048, chatTemplate: local.info.chatTemplate });
  expect(remote.info.path).toBe(`${server.url}/tiny`);
  expect(remote.capabilities).toEqual(local.capabilities);
});

test("calls are constrained there, run here, and their results go back", async () => {
  const seen: string[] = [];
  const weather = tool({
    name: "get_weather",
    description: "The weather in a city",
    parameters: z.object({ city: z.string().max(20) }),
    execute: async ({ city }) => {
      seen.push(city);
      return { celsius: 21 };
    },
  });
  const options = { tools: [weather], toolChoice: "required", ...greedy, maxTokens: 60, maxRounds: 2 } as const;
  const here = await local.reply("How warm is it in Paris?", options);
  const there = await remote.reply("How warm is it in Paris?", options);
  const calls = ({ messages }: typeof here) =>
    messages.flatMap((message) => (message.role === "assistant" ? (message.tool_calls ?? []) : []));
  expect(calls(there).map(({ id, ...call }) => call)).toEqual(calls(here).map(({ id, ...call }) => call));
  expect(there.text).toBe(here.text);
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.slice(seen.length / 2)).toEqual(seen.slice(0, seen.length / 2));
});

test("a schema is enforced there and checked here", async () => {
  const schema = z.object({ name: z.string().max(12), age: z.int().min(0).max(150) });
  const { value } = await remote.reply("Anna is 31.", { schema, ...greedy, maxTokens: 60 });
  expect(schema.parse(value)).toEqual(value);
  expect((await remote.complete("A date: ", { regex: "\\d{4}-\\d{2}-\\d{2}", temperature: 0 })).text).toMatch(
    /^\d{4}-\d{2}-\d{2}$/,
  );
});

test("log probabilities of the answer and of the prompt are those of the model", async () => {
  const options = { logProbabilities: true, topLogProbabilities: 2, temperature: 0, maxTokens: 3 } as const;
  const [here, there] = [await local.complete("The sky is", options), await remote.complete("The sky is", options)];
  expect(there.logProbabilities).toHaveLength(3);
  expect(there.logProbabilities!.map(({ token }) => token)).toEqual(here.logProbabilities!.map(({ token }) => token));
  for (const [index, one] of there.logProbabilities!.entries()) {
    expect(one.logProbability).toBeCloseTo(here.logProbabilities![index]!.logProbability, 1);
    expect(one.top).toHaveLength(2);
  }
  const prompt = { promptLogProbabilities: true, maxTokens: 0 } as const;
  const scored = (await remote.complete("The sky is blue", prompt)).promptLogProbabilities!;
  expect(scored[0]).not.toHaveProperty("logProbability");
  expect(scored.map(({ token }) => token)).toEqual(
    (await local.complete("The sky is blue", prompt)).promptLogProbabilities!.map(({ token }) => token),
  );
});

test("a chat goes on behind its own tokens, which the server has cached", async () => {
  const chat = remote.chat({ system: "Answer in one short sentence." });
  const first = await chat.send(question, greedy);
  const second = await chat.send("And of Italy?", greedy);
  expect(second.usage.cachedTokens).toBeGreaterThanOrEqual(first.usage.promptTokens);
  expect(second.text).not.toBe("");
});

test("embeddings are those of the model", async () => {
  const [here, there] = [await local.embed("A cat sleeps."), await remote.embed("A cat sleeps.")];
  const products = here.embeddings[0]!.map((value, index) => value * there.embeddings[0]![index]!);
  expect(products.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(0.999);
});

test("leaving a reply stops the server long before its end", async () => {
  const before = local.stats().generatedTokens;
  let texts = 0;
  for await (const _ of remote.reply("Count to a thousand.", { ignoreEos: true, maxTokens: 1900 }).textStream)
    if (++texts === 3) break;
  await until(() => local.stats().running === 0);
  const { generatedTokens } = local.stats();
  await sleep(200);
  expect(local.stats().generatedTokens).toBe(generatedTokens);
  expect(generatedTokens - before).toBeLessThan(1900);
});

test("a reader that is slow gets all in the end", async () => {
  const reply = remote.reply("Count to a thousand.", { ignoreEos: true, temperature: 0, maxTokens: 200 });
  const events = reply[Symbol.asyncIterator]();
  await events.next();
  await sleep(300);
  let text = "";
  for await (const event of { [Symbol.asyncIterator]: () => events }) if (event.type === "text") text += event.text;
  expect(text.length).toBeGreaterThan(200);
});

test("an error of the engine keeps its code, and no message has the key in it", async () => {
  await expect(remote.complete("word ".repeat(3_000), { maxTokens: 1 })).rejects.toMatchObject({
    code: "CONTEXT_FULL",
  });
  await expect(remote.complete("a", { grammar: "start: unknown_rule", maxTokens: 5 })).rejects.toMatchObject({
    code: "CONSTRAINT_INVALID",
    param: "grammar",
  });
  const error = await connect(server.url, { apiKey: "wrong-secret" }).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "ACCESS_DENIED" });
  expect(String((error as Error).stack)).not.toContain("wrong-secret");
  await expect(connect(server.url, { apiKey: "a-secret-key", model: "other" })).rejects.toMatchObject({
    code: "MODEL_NOT_FOUND",
    param: "model",
  });
});

test("a closed model refuses, and ends the replies that were under way", async () => {
  const own = await connect(server.url, { apiKey: "a-secret-key" });
  const reply = own.reply("Count to a thousand.", { ignoreEos: true, maxTokens: 900 });
  await reply[Symbol.asyncIterator]().next();
  await own.close();
  await expect(own.reply("Hi")).rejects.toMatchObject({ code: "MODEL_CLOSED" });
  await until(() => local.stats().running === 0);
});
