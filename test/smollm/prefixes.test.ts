// Prompts that need not be computed twice, in one process and across restarts; and replies that come out the same to
// the bit.
import { mkdtemp, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, setLog, type LoadOptions, type LogEntry, type Model } from "../../src/index.js";

let folder: string;
beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "caduceus-prefixes-"))));
afterAll(() => rm(folder, { recursive: true }));

const system = `You answer in one word. ${"RetryPolicy is a virtue, and so is brevity. ".repeat(20)}`;
const short = { maxTokens: 4, temperature: 0 };

async function withModel<T>(options: LoadOptions, use: (model: Model) => PromiseLike<T>): Promise<T> {
  const model = await load("smollm2", { format: "hermes", contextSize: 1024, ...options });
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

const firstTurn = (model: Model) => model.chat({ system }).send("What is the capital of France?", short);

test("the system turn of a chat comes back after a restart, and its answer is the same", async () => {
  const prefixFolder = path.join(folder, "restart");
  const before = await withModel({ prefixFolder }, firstTurn);
  expect(before.usage.cachedTokens).toBe(0);
  const files = await readdir(prefixFolder);
  expect(files).toHaveLength(1);
  expect((await stat(path.join(prefixFolder, files[0]!))).mode & 0o077).toBe(0);

  await withModel({ prefixFolder }, async (model) => {
    const after = await firstTurn(model);
    expect(after.usage.cachedTokens).toBeGreaterThan(150);
    expect(after.usage.promptTokens - after.usage.cachedTokens).toBeLessThan(20);
    expect(after.text).toBe(before.text);
    expect(model.stats().restoredTokens).toBe(after.usage.cachedTokens);
  });
  const other = await withModel({ prefixFolder: false }, firstTurn);
  expect(other.usage.cachedTokens).toBe(0);
});

test("a file that was cut off is told to the log, computed again and replaced", async () => {
  const prefixFolder = path.join(folder, "damage");
  await withModel({ prefixFolder }, firstTurn);
  const file = path.join(prefixFolder, (await readdir(prefixFolder))[0]!);
  const { size } = await stat(file);
  await truncate(file, size - 1);

  const log: LogEntry[] = [];
  setLog((entry) => log.push(entry), "warn");
  const reply = await withModel({ prefixFolder }, firstTurn);
  await expect.poll(() => log.length).toBeGreaterThan(0); // It comes on a later turn of the event loop.
  setLog(undefined);
  expect(reply.usage.cachedTokens).toBe(0);
  expect(log.map(({ message }) => message)).toEqual([expect.stringContaining(`the kept prefix ${file} `)]);
  expect((await stat(file)).size).toBe(size);
});

test("keepPrefix keeps what stands before the last message, and of a raw prompt all of it; the limit holds", async () => {
  const prefixFolder = path.join(folder, "asked");
  const messages = [
    { role: "user", content: system },
    { role: "assistant", content: "Yes." },
    { role: "user", content: "And Spain?" },
  ] as const;
  await withModel({ prefixFolder }, async (model) => {
    await model.reply(messages, short);
    await model.complete(system, short);
  });
  await expect(readdir(prefixFolder)).rejects.toThrow("ENOENT");
  await withModel({ prefixFolder }, async (model) => {
    await model.reply(messages, { ...short, keepPrefix: true });
    await model.complete(system, { ...short, keepPrefix: true });
  });
  expect(await readdir(prefixFolder)).toHaveLength(2);
  await withModel({ prefixFolder }, async (model) => {
    const { usage } = await model.reply([...messages.slice(0, 2), { role: "user", content: "And Portugal?" }], short);
    expect(usage.promptTokens - usage.cachedTokens).toBeLessThan(20);
    expect((await model.complete(`${system} More.`, short)).usage.cachedTokens).toBeGreaterThan(150);
  });
  await withModel({ prefixFolder, prefixFolderBytes: 1000 }, (model) =>
    model.reply(`${system} Again.`, { ...short, keepPrefix: true }),
  );
  expect(await readdir(prefixFolder)).toHaveLength(2);
});

test("a deterministic reply has the same tokens and probabilities to the bit, alone and among others", async () => {
  await withModel({ prefixFolder: false }, async (model) => {
    const exact = () =>
      model.reply(`${system} Tell me a story.`, {
        maxTokens: 24,
        temperature: 1,
        seed: 5,
        deterministic: true,
        logProbabilities: true,
      });
    const alone = await exact();
    const others = Array.from({ length: 5 }, (_, n) =>
      model.reply(`Tell me about the number ${n}.`, { maxTokens: 60 }),
    );
    const [again, last] = await Promise.all([exact(), exact()]);
    await Promise.all(others);
    expect(again.logProbabilities).toEqual(alone.logProbabilities);
    expect(last.logProbabilities).toEqual(alone.logProbabilities);
    expect(again.usage.cachedTokens).toBe(0);
  });
});

test("idle conversations leave the cache for memory, and go on from there at once", async () => {
  await withModel({ prefixFolder: false, hostCacheBytes: 2 ** 30 }, async (model) => {
    const chats = [1, 2, 3, 4].map((n) => model.chat({ system: `${n} ${system}` }));
    for (const chat of chats) await chat.send("What is the capital of France?", short);
    while (model.stats().hostCacheBytes === 0) await sleep(5);
    const { usage } = await chats[0]!.send("And of Spain?", short);
    expect(usage.promptTokens - usage.cachedTokens).toBeLessThan(20);
    expect(model.stats().restoredTokens).toBeGreaterThan(150);
  });
});
