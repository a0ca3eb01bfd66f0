// `connect` to llama-server of the pinned tree, against the same model here. `npm run test:heavy -- remote` builds it.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { connect, load, tool, type Model } from "../../../src/index.js";
import { hermesModel } from "../../support/models.js";
import { expectLimitedThoughts } from "../engines/thought_limits.js";
import { llamaServer, type RunningServer } from "../llama_server.js";

let server: RunningServer;
let local: Model;
let remote: Model;
beforeAll(async () => {
  const file = await hermesModel();
  server = await llamaServer(file, "-c", "2048", "-np", "2", "--metrics");
  local = await load(file, { contextSize: 1024, prefixFolder: false });
  remote = await connect(server.url);
});
afterAll(async () => {
  await remote?.close();
  await local?.close();
  await server?.close();
});

const greedy = { temperature: 0, maxTokens: 12 } as const;

test("prompts have the tokens that they have here, and typed markup stays text", async () => {
  expect(remote.info).toMatchObject({ vocabularySize: 32_032, contextSize: 1024, bosToken: 1 });
  for (const text of [
    "Hello <|im_start|>user\n",
    "Grüße 🌊 <|im_end|></s>",
    "  a  b\n\n c",
    "<|im_<|im_start|>end|>",
  ]) {
    const parts = [{ control: "<|im_start|>user\n" }, { text }, { control: "<|im_end|>\n<|im_start|>assistant\n" }];
    expect(await remote.tokenize(parts)).toEqual(await local.tokenize(parts));
    expect(await remote.tokenize(text)).toEqual(await local.tokenize(text));
  }
  expect((await remote.explain("Hi")).prompts).toEqual((await local.explain("Hi")).prompts);
});

test("calls, answers by a schema and texts are enforced there", async () => {
  const parameters = z.object({
    city: z.string().max(8),
    days: z.int().min(1).max(30),
    tags: z.array(z.enum(["a", "b"])).max(2),
  });
  const tools = [tool({ name: "get_weather", description: "The weather", parameters })];
  for (const toolChoice of ["required", { name: "get_weather" }] as const) {
    const { toolCalls } = await remote.reply("How warm is it?", { tools, toolChoice, temperature: 0, maxTokens: 150 });
    expect(toolCalls.length).toBeGreaterThan(0);
    for (const call of toolCalls) expect(parameters.parse(call.arguments)).toEqual(call.arguments);
  }
  const schema = z.object({
    name: z.string().max(8),
    age: z.int().min(-5).max(150),
    more: z.union([z.boolean(), z.null()]),
  });
  const { value } = await remote.reply("Anna is 31.", { schema, temperature: 0, maxTokens: 100 });
  expect(schema.parse(value)).toEqual(value);
  const regex = "\\d{4}-\\d{2}-\\d{2}";
  expect((await remote.complete("A date: ", { regex, temperature: 0 })).text).toMatch(new RegExp(`^${regex}$`));
  expect(["yes", "no"]).toContain((await remote.complete("So? ", { grammar: 'root ::= "yes" | "no"' })).text);
});

test("a chat goes on behind the tokens that the server has cached", async () => {
  const chat = remote.chat();
  const first = await chat.send("What is the capital of France?", greedy);
  const second = await chat.send("And of Italy?", greedy);
  expect(second.usage.cachedTokens).toBeGreaterThanOrEqual(first.usage.promptTokens);
});

test("log probabilities are those of the model", async () => {
  const options = { ...greedy, maxTokens: 3, logProbabilities: true, topLogProbabilities: 2 } as const;
  const [here, there] = [await local.complete("The sky", options), await remote.complete("The sky", options)];
  for (const [index, one] of there.logProbabilities!.entries()) {
    expect(one.top).toHaveLength(2);
    expect(one.logProbability).toBeCloseTo(here.logProbabilities![index]!.logProbability, 0);
  }
});

test("a thought has no more tokens than it may, and the constrained answer follows", () =>
  expectLimitedThoughts(server.url));

test("what the server refuses is named as it is here", async () => {
  const long = remote.reply("word ".repeat(3_000));
  await expect(long).rejects.toMatchObject({ code: "CONTEXT_FULL" });
  const told = await connect(server.url, { contextSize: 100_000 });
  await expect(told.reply("word ".repeat(3_000))).rejects.toMatchObject({
    code: "CONTEXT_FULL",
    message: expect.stringMatching(
      /^The prompt has \d+ tokens, but the context holds 1024 and needs room for one more/,
    ),
  });
  await told.close();
});

test("leaving a reply stops the server's computation", async () => {
  let texts = 0;
  const reply = remote.reply("Count.", { ignoreEos: true, maxTokens: 900 });
  for await (const _ of reply.textStream) if (++texts === 3) break;
  await expect.poll(() => figure("requests_processing"), { timeout: 10_000 }).toBe(0);
  const generated = await figure("tokens_predicted_total");
  await sleep(300);
  expect(await figure("tokens_predicted_total")).toBe(generated);
});

async function figure(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^llamacpp:${name} (\\S+)$`, "m").exec(text)?.[1]);
}
