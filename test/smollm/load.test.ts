// Loading a real model: what is known of it, how it is cancelled, and which sizes are refused.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { load, type LoadOptions, type LoadProgress } from "../../src/index.js";
import { heldBuffers } from "../support/held_memory.js";

test("info tells what the file is and how it was loaded", async () => {
  const model = await load("smollm2", { contextSize: 512, cacheTokens: 600, kvType: "q8_0", threads: 1 });
  expect(model.info).toMatchObject({
    architecture: "llama",
    vocabularySize: 49152,
    trainingContextSize: 8192,
    layers: 30,
    contextSize: 512,
    kvType: "q8_0",
    threads: 1,
    vocabularyType: "bpe",
    // The one whose prompts are compared with Python's.
    chatTemplate: readFileSync(
      new URL("../support/golden/templates/SmolLM2-135M-Instruct.jinja", import.meta.url),
      "utf8",
    ),
  });
  expect(model.info.cacheTokens).toBeGreaterThanOrEqual(600);
  expect((await model.reply("Hi", { maxTokens: 2 })).text).not.toBe("");
  await model.close();
});

test("defaults are the model's own context, at most 8,192, and twice that for the cache", async () => {
  const model = await load("smollm2");
  expect(model.info).toMatchObject({ contextSize: 8192, cacheTokens: 16384, kvType: "f16" });
  await model.close();
});

test.each<[LoadOptions, string, string]>([
  [{ contextSize: 8193 }, "INVALID_ARGUMENT", "8192"],
  [{ cacheTokens: 2 ** 31 - 1 }, "OUT_OF_MEMORY", "GiB"],
])("%o is refused with %s", async (options, code, words) => {
  await expect(load("smollm2", options)).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
});

test("progress rises to 1, and the event loop runs meanwhile", async () => {
  const seen: LoadProgress[] = [];
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 2);
  const model = await load("smollm2", { onProgress: (progress) => seen.push(progress) });
  clearInterval(ticking);
  await model.close();
  const fractions = seen.filter(({ stage }) => stage === "load").map(({ fraction }) => fraction);
  expect(fractions.length).toBeGreaterThan(2);
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  expect(fractions.at(-1)).toBe(1);
  expect(ticks).toBeGreaterThan(0);
});

test("aborting a load, before and in the middle, rejects with the signal's own reason", async () => {
  const reason = new Error("mine");
  await expect(load("smollm2", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  for (const at of [0, 0.5]) {
    const controller = new AbortController();
    const onProgress = ({ stage, fraction }: LoadProgress) => {
      if (stage === "load" && fraction >= at) controller.abort(reason);
    };
    await expect(load("smollm2", { signal: controller.signal, onProgress })).rejects.toBe(reason);
  }
});

test("an error thrown by the progress function is what load rejects with", async () => {
  const error = new RangeError("mine");
  await expect(
    load("smollm2", {
      onProgress: () => {
        throw error;
      },
    }),
  ).rejects.toBe(error);
});

test("models come and go without holding memory back", async () => {
  const memory: number[] = [];
  for (let round = 0; round < 4; round++) {
    const model = await load("smollm2", { contextSize: 1024 });
    await model.reply("Hi", { maxTokens: 2 });
    await model.close();
    heldBuffers(); // After a collection.
    memory.push(process.memoryUsage.rss());
  }
  expect(memory.at(-1)! - memory[0]!).toBeLessThan(60e6);
});

test("Symbol.asyncDispose closes", async () => {
  const model = await load("smollm2", { contextSize: 256 });
  await model[Symbol.asyncDispose]();
  expect(() => model.stats()).toThrow(expect.objectContaining({ code: "MODEL_CLOSED" }));
});
