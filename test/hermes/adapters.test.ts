// Adapters on a real engine: what is generated with them, beside others, from the cache, and while they come and go.
// native/test/adapter compares the tokens with llama.cpp's.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";
import { differing } from "../support/first_difference.js";
import { makeAdapter } from "../support/gguf/make_adapter.mjs";
import { hermesModel } from "../support/models.js";

const tiny = { shape: "tiny", added: "control" } as const;
const options = { contextSize: 512, cacheTokens: 4096, prefixFolder: false } as const;
const greedy = { temperature: 0, maxTokens: 8 } as const;
/** Of any text the model's first token is the same. */
const bos = 1;

let folder: string;
let model: Model;
const file = (name: string) => path.join(folder, `${name}.gguf`);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-adapters-"));
  for (const [index, name] of ["a", "b", "c"].entries()) makeAdapter(file(name), { model: tiny, seed: index + 1 });
  model = await load(await hermesModel(), {
    ...options,
    adapters: [
      { path: file("a"), scale: 0 },
      { path: file("b"), scale: 0 },
    ],
  });
});
afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

test("runs with each adapter, with both and with none, at the same time, give the text that each gives alone", async () => {
  const adapters = [[], ["a"], ["b"], ["a", "b"], [{ name: "a", scale: 0.25 }]];
  const ask = (adapter: (typeof adapters)[number]) =>
    model.complete("Once upon a time", { ...greedy, adapter, logProbabilities: true });
  const alone = [];
  for (const adapter of adapters) alone.push(await ask(adapter));
  expect(new Set(alone.map(({ text }) => text)).size).toBe(adapters.length);
  const before = model.stats().adapterChanges;
  const together = await Promise.all([...adapters, ...adapters, ...adapters].map((adapter) => ask(adapter)));
  // ggml adds up an adapter's part in another order where it has more columns.
  expect(differing([...alone, ...alone, ...alone], together, 1e-2)).toEqual([]);
  expect(model.stats().adapterChanges).toBeGreaterThanOrEqual(before + adapters.length - 1);
});

test("tokens are cached for the same adapters at the same scales, and for no others", async () => {
  const prompt = "Tell me of the mountains and of the long way there.";
  const cached = async (adapter: Parameters<Model["complete"]>[1]) =>
    (await model.complete(prompt, { ...greedy, ...adapter })).usage.cachedTokens;
  const all = (await model.complete(prompt, { ...greedy })).usage.promptTokens - 1;
  expect(await cached({})).toBe(all);
  for (const adapter of ["a", { name: "a", scale: 0.5 }, "b"]) {
    expect(await cached({ adapter })).toBeLessThanOrEqual(bos);
    expect(await cached({ adapter })).toBe(all);
  }
  expect(await cached({ adapter: { name: "a", scale: 0 } })).toBe(all);
  // Whatever a caller calls its scope.
  expect(await cached({ adapter: "a", cacheScope: "mine" })).toBe(0);
});

test("prefixes on disk are found again for the adapters that they were computed with, after a restart too", async () => {
  const prefixFolder = path.join(folder, "prefixes");
  const prompt = "All work and no play makes a dull text. ".repeat(20);
  const cached = async (name: string, adapter: string[]) => {
    const other = await load(await hermesModel(), {
      ...options,
      prefixFolder,
      adapters: [{ path: file(name), name: "given" }],
    });
    const { usage } = await other.complete(prompt, { ...greedy, adapter, keepPrefix: true });
    await other.close();
    return usage.cachedTokens;
  };
  expect(await cached("a", ["given"])).toBe(0);
  expect(await cached("a", ["given"])).toBeGreaterThan(60);
  expect(await cached("b", ["given"])).toBe(0);
  expect(await cached("a", [])).toBe(0);
});

test("an adapter is added and removed while replies go on, which come out as without it", async () => {
  const long = { ...greedy, maxTokens: 150, adapter: "a" };
  const expected = (await model.complete("A long story", long)).text;
  const bytes = model.stats().adapterBytes;
  const running = Promise.all([1, 2, 3].map(() => model.complete("A long story", long)));
  const texts: string[] = [];
  for (let round = 0; round < 4; round++) {
    const { name, sizeBytes } = await model.addAdapter({ path: file("c"), scale: 0 });
    const reply = model.complete("And now", { ...greedy, adapter: name });
    for await (const _ of reply.textStream) break;
    await expect.poll(() => model.stats().adapterBytes).toBe(bytes + sizeBytes);
    const other = model.complete("And now", { ...greedy, adapter: name });
    await other.textStream[Symbol.asyncIterator]().next();
    await model.removeAdapter(name);
    await expect(model.complete("And now", { adapter: name })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    texts.push(name);
  }
  expect(texts).toEqual(["c", "c", "c", "c"]);
  // Greedy texts may part at a tie.
  for (const { text, usage } of await running) {
    expect(text.slice(0, 30)).toBe(expected.slice(0, 30));
    expect(usage.generatedTokens).toBe(150);
  }
  await expect.poll(() => model.stats().adapterBytes).toBe(bytes);
});

test("a chat goes on with another adapter, and reads what was said before with it", async () => {
  const chat = model.chat({ ...greedy, adapter: "a" });
  await chat.send("Hello.");
  const { usage } = await chat.send("Go on.", { adapter: "b" });
  expect(usage.cachedTokens).toBeLessThanOrEqual(bos);
  expect((await chat.send("And on.", { adapter: "b" })).usage.cachedTokens).toBeGreaterThan(10);
  await chat.close();
});

test("files that are no adapter of this model are refused with what is wrong, and load nothing", async () => {
  makeAdapter(file("qwen2"), { model: tiny, architecture: "qwen2" });
  const wrong = { path: file("qwen2") };
  await expect(model.addAdapter(wrong)).rejects.toMatchObject({
    code: "MODEL_INVALID",
    message: expect.stringContaining("was made for a model of the architecture qwen2"),
  });
  await expect(model.addAdapter({ path: file("none") })).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  await expect(load(await hermesModel(), { ...options, adapters: [wrong] })).rejects.toMatchObject({
    code: "MODEL_INVALID",
  });
  await expect(load(file("a"), options)).rejects.toMatchObject({
    code: "MODEL_INVALID",
    message: expect.stringContaining("is an adapter, not a model"),
  });
  expect(model.adapters.map(({ name }) => name)).toEqual(["a", "b"]);
});

test("closing the model ends the loading of an adapter, and replies with one", async () => {
  const other = await load(await hermesModel(), options);
  await other.addAdapter({ path: file("a") });
  const reply = other.complete("Hello", { ...greedy, maxTokens: 400 });
  const adding = other.addAdapter({ path: file("b") });
  const outcomes = Promise.allSettled([reply, adding]);
  await other.close();
  for (const outcome of await outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "MODEL_CLOSED" });
  }
});
