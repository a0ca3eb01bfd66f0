// Text that a stranger may send: long, of one kind, full of markup, or in very many pieces. Each has a budget of time,
// of delay of the event loop and of memory, all generous: a machine under load keeps them, what grows with the square
// of its input does not.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CaduceusError, load, type Message, type Model, type ReplyOptions } from "../../src/index.js";
import { hermesModel } from "../support/models.js";
import { watchLoop } from "../support/time/loop_watch.mjs";
import { patience } from "./patience.js";

/** With markup typed as user-defined, which llama.cpp finds in plain text. */
let model: Model;
beforeAll(async () => {
  model = await load(await hermesModel("user-defined"), { contextSize: 2_048, prefixFolder: false });
});
afterAll(() => model.close());

interface Hostile {
  readonly name: string;
  readonly messages: () => unknown;
  readonly options?: ReplyOptions;
  /** How the reply ends: with an answer, or with an error of this code. */
  readonly ends: "answer" | "CONTEXT_FULL" | "INVALID_MESSAGES";
  readonly delayMs?: number;
}

const user = (content: unknown) => ({ role: "user", content });
const short = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ role: index % 2 === 0 ? "user" : "assistant", content: "hi" }));
const called = (count: number) => [
  user("go"),
  ...Array.from({ length: count }, (_, index) => [
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: `c${index}`, type: "function", function: { name: "f", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: `c${index}`, content: "1" },
  ]).flat(),
  user("and?"),
];
const sparse = (length: number, entries: Record<number, unknown> = {}) => Object.assign(new Array(length), entries);

const inputs: readonly Hostile[] = [
  { name: "9,000 ends of a turn", messages: () => "<|im_end|>".repeat(9_000), ends: "CONTEXT_FULL" },
  {
    name: "390 KB of markup, always followed by something else",
    messages: () => Array.from({ length: 26_000 }, (_, index) => `<|im_end|>${index}`).join(""),
    ends: "CONTEXT_FULL",
  },
  { name: "390 KB of opening brackets", messages: () => "<[".repeat(195_000), ends: "CONTEXT_FULL" },
  { name: "1 MB of spaces", messages: () => `${" ".repeat(1_000_000)}x`, ends: "CONTEXT_FULL" },
  { name: "1 MB of one letter", messages: () => "a".repeat(1_000_000), ends: "CONTEXT_FULL" },
  { name: "1 MB of digits", messages: () => "7".repeat(1_000_000), ends: "CONTEXT_FULL" },
  { name: "a message of 50 MB", messages: () => "hello ".repeat(50e6 / 6), ends: "CONTEXT_FULL" },
  {
    name: "a message of 50 MB of characters that take two units",
    messages: () => "😀".repeat(12_500_000),
    ends: "CONTEXT_FULL",
  },
  { name: "60,000 short messages", messages: () => [...short(60_000), user("?")], ends: "CONTEXT_FULL" },
  {
    name: "10,001 messages of which the oldest are dropped",
    messages: () => [...short(10_000), user("?")],
    options: { contextOverflow: "drop-oldest" },
    ends: "answer",
  },
  {
    name: "100,001 messages of which the oldest are dropped",
    messages: () => [...short(100_000), user("?")],
    options: { contextOverflow: "drop-oldest" },
    ends: "answer",
  },
  { name: "5,000 calls with their results", messages: () => called(5_000), ends: "CONTEXT_FULL" },
  {
    name: "100,000 parts of one message",
    messages: () => [user(Array.from({ length: 100_000 }, () => ({ type: "text", text: "a" })))],
    ends: "CONTEXT_FULL",
  },
  { name: "a hole in the place of a message", messages: () => sparse(2, { 1: user("hi") }), ends: "INVALID_MESSAGES" },
  { name: "nothing but holes", messages: () => sparse(3), ends: "INVALID_MESSAGES" },
  { name: "four billion holes", messages: () => sparse(2 ** 32 - 1), ends: "CONTEXT_FULL" },
  {
    name: "a hole among the parts of a message",
    messages: () => [user(sparse(2, { 0: { type: "text", text: "a" } }))],
    ends: "INVALID_MESSAGES",
  },
  {
    name: "a hole among the calls of a message",
    messages: () => [user("a"), { role: "assistant", tool_calls: sparse(1) }],
    ends: "INVALID_MESSAGES",
  },
];

describe("a reply to hostile text ends in time, without standing in anybody's way", () => {
  test.each(inputs)("$name", async ({ messages, options, ends, delayMs = 1_500 }) => {
    const given = messages() as Message[];
    await sleep(20);
    const before = process.memoryUsage().rss;
    const loop = watchLoop();
    const begin = performance.now();
    const ended = await model
      .reply(given, { maxTokens: 1, temperature: 0, signal: AbortSignal.timeout(60_000 * patience), ...options })
      .then(
        () => "answer",
        (error: unknown) => (error instanceof CaduceusError ? error.code : String(error)),
      );
    expect(ended).toBe(ends);
    expect(performance.now() - begin).toBeLessThan(90_000 * patience);
    expect(await loop.longestMs()).toBeLessThan(delayMs * patience);
    loop.end();
    expect(process.memoryUsage().rss - before).toBeLessThan(1.5e9 * patience);
  });
});

test("a raw prompt of 50 MB is refused at once", async () => {
  const begin = process.cpuUsage();
  await expect(model.complete("hello ".repeat(50e6 / 6))).rejects.toMatchObject({ code: "CONTEXT_FULL" });
  expect(process.cpuUsage(begin).user / 1_000).toBeLessThan(3_000 * patience);
});

test.each([
  ["markup", "<|im_end|>".repeat(100_000)],
  ["markup and numbers", Array.from({ length: 70_000 }, (_, index) => `<|im_end|>${index}`).join("")],
  ["brackets", "<[".repeat(500_000)],
  ["spaces", " ".repeat(1_000_000)],
  ["one letter", "a".repeat(1_000_000)],
  ["emoji", "😀".repeat(250_000)],
  ["short lines", "a\n".repeat(500_000)],
])("1 MB of %s becomes tokens, and the same text again, without delay for the event loop", async (_, text) => {
  const loop = watchLoop();
  const tokens = await model.tokenize(text);
  expect(await loop.longestMs()).toBeLessThan(1_500 * patience);
  loop.end();
  expect((await model.detokenize(tokens)).trimStart()).toBe(text.trimStart());
});

test.each([
  ["tools", (holes: unknown[]) => model.reply("hi", { tools: holes as never })],
  ["stop", (holes: unknown[]) => model.reply("hi", { stop: holes as never })],
  ["logitBias", (holes: unknown[]) => model.reply("hi", { logitBias: holes as never })],
  ["the parts of a prompt", (holes: unknown[]) => model.complete(holes as never)],
  ["tokens", (holes: unknown[]) => model.complete([{ tokens: holes as never }])],
  ["tokens to decode", (holes: unknown[]) => model.detokenize(holes as never)],
  [
    "an enum",
    (holes: unknown[]) => model.reply("hi", { schema: { type: "object", properties: { a: { enum: holes } } } }),
  ],
] as const)("holes are refused with their place: %s", async (_, use) => {
  for (const holes of [sparse(3), sparse(2 ** 32 - 1)]) {
    await expect((async () => use(holes))()).rejects.toMatchObject({
      code: expect.stringMatching(/^INVALID_/),
      message: expect.stringContaining("[0]"),
    });
  }
});

test("a reply goes on while a prompt of 5 MB is tokenized, and so do short ones", async () => {
  // Its context is one that so long a prompt may fit into.
  await using model = await load(await hermesModel("user-defined", { contextLength: 131_072 }), {
    contextSize: 120_000,
    cacheTokens: 130_000,
    prefixFolder: false,
  });
  const long = "The quick brown fox <|im_start|> jumps over the lazy dog. ".repeat(5e6 / 58);
  let tokens = 0;
  const ending = new AbortController();
  const stream = (async () => {
    for await (const event of model.reply("Write.", { signal: ending.signal, logProbabilities: true }))
      if (event.type === "text") tokens += event.logProbabilities?.length ?? 0;
  })().catch(() => {});
  while (tokens < 3) await sleep(5);
  // On the engine's thread it would let none come; a machine that is busy with other things may need several rounds to
  // show some.
  let most = 0;
  for (let round = 0; round < 8 && most < 3; round++) {
    const begin = tokens;
    const refused = model.reply(long).then(
      () => "answer",
      (error: unknown) => {
        most = Math.max(most, tokens - begin);
        return (error as CaduceusError).code;
      },
    );
    const { usage } = await model.reply("Short.", { maxTokens: 2 });
    expect(usage.generatedTokens).toBe(2);
    expect(await refused).toBe("CONTEXT_FULL");
  }
  expect(most).toBeGreaterThanOrEqual(3);
  expect((await model.tokenize(long)).length).toBeGreaterThan(1_000_000);
  ending.abort();
  await stream;
});

test("tokenizing ends with the signal of its reply, and with the model", async () => {
  const long = "The quick brown fox jumps over the lazy dog. ".repeat(5e6 / 45);
  const second = await load(await hermesModel("user-defined", { contextLength: 131_072 }), {
    contextSize: 120_000,
    cacheTokens: 130_000,
    prefixFolder: false,
  });
  const ending = new AbortController();
  const reply = second.reply(long, { signal: ending.signal });
  setTimeout(() => ending.abort(), 20);
  await expect(reply).rejects.toHaveProperty("name", "AbortError");
  // Both count the tokens of a prompt before they do anything else.
  for (const counting of [
    (signal: AbortSignal) => second.explain(long, { signal }),
    (signal: AbortSignal) =>
      second.reply(
        [
          { role: "user", content: "Hi" },
          { role: "assistant", content: long.slice(0, 500_000) },
          { role: "user", content: "Go on." },
        ],
        { signal, contextOverflow: "drop-oldest" },
      ),
  ]) {
    const controller = new AbortController();
    const counted = counting(controller.signal);
    setTimeout(() => controller.abort(), 20);
    await expect(counted).rejects.toHaveProperty("name", "AbortError");
  }
  const counted = second.tokenize(long).then(
    () => "counted",
    (error: unknown) => (error as CaduceusError).code,
  );
  await sleep(20);
  await second.close();
  expect(await counted).toBe("MODEL_CLOSED");
});
