// What a Reply promises to its reader, whoever reads it and however it ends.
import { getEventListeners } from "node:events";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CaduceusError } from "../../../src/errors.js";
import type { Reply } from "../../../src/chat/reply/reply.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { turns, until } from "../../support/time/until.js";

const long = "all work and no play makes a dull text ".repeat(20);
const rejections: unknown[] = [];
const onRejection = (reason: unknown) => rejections.push(reason);
const warnings: Error[] = [];
const onWarning = (warning: Error) => warnings.push(warning);
beforeEach(() => {
  process.on("unhandledRejection", onRejection);
  process.on("warning", onWarning);
});
afterEach(async () => {
  await sleep(5);
  process.off("unhandledRejection", onRejection);
  process.off("warning", onWarning);
  expect(rejections.splice(0)).toEqual([]);
  expect(warnings.splice(0)).toEqual([]);
});

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
const codeOf = (promise: PromiseLike<unknown>) =>
  Promise.resolve(promise).then(
    () => "none",
    (error: unknown) => (error instanceof CaduceusError ? error.code : error),
  );

test("awaiting a reply gives its text, finish reason, usage, timings and message", async () => {
  const { model } = await scriptedModel({ answer: () => "Hello 🌍!" });
  const result = await model.reply("Hi");
  expect(result).toEqual({
    text: "Hello 🌍!",
    finishReason: "stop",
    toolCalls: [],
    message: { role: "assistant", content: "Hello 🌍!" },
    messages: [{ role: "assistant", content: "Hello 🌍!" }],
    rounds: [{ finishReason: "stop", usage: result.usage, timings: result.timings }],
    usage: { promptTokens: expect.any(Number), cachedTokens: 0, generatedTokens: 8 },
    timings: expect.objectContaining({ firstTokenMs: 1 }),
  });
});

test("iterating gives text events, the end of the round, then one finish event with what awaiting gives", async () => {
  const { model } = await scriptedModel({ answer: () => "abc" });
  const reply = model.reply("Hi");
  const events = await collect(reply);
  expect(events.map((event) => event.type)).toEqual(["text", "text", "text", "round", "finish"]);
  const { type: _, ...result } = events[4] as { type: string };
  expect(await reply).toEqual(result);
  expect(await reply).toEqual(result);
});

test("textStream gives the same text as awaiting", async () => {
  const { model } = await scriptedModel();
  expect((await collect(model.reply("Hi").textStream)).join("")).toBe((await model.reply("Hi")).text);
});

test("a reply begins before it is read", async () => {
  const { model, engine } = await scriptedModel();
  model.reply("Hi");
  await setImmediate();
  expect(engine.requests).toHaveLength(1);
});

test("an unread reply pauses with a full buffer and goes no further", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long, bufferSize: 4 });
  const reply = model.reply("Hi");
  await until(() => model.stats().paused === 1);
  await turns(20);
  expect(model.stats()).toMatchObject({ running: 1, paused: 1 });
  expect(engine.generated).toBe(4);
  expect((await reply).text).toBe(long);
});

test("a reader that stops for a while holds the engine back and loses nothing", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long, bufferSize: 4 });
  let text = "";
  for await (const piece of model.reply("Hi").textStream) {
    text += piece;
    if (text.length === 10) {
      await turns(20);
      expect(engine.generated).toBeLessThanOrEqual(10 + 5);
    }
  }
  expect(text).toBe(long);
});

test("leaving the loop cancels, and the engine has stopped before the next line runs", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long });
  let seen = 0;
  for await (const _ of model.reply("Hi").textStream) if (++seen === 5) break;
  expect([seen, model.stats().running, engine.live.size]).toEqual([5, 0, 0]);
});

test("an error thrown inside the loop comes out of it and cancels the reply", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long });
  const read = async () => {
    for await (const _ of model.reply("Hi")) throw new RangeError("mine");
  };
  await expect(read()).rejects.toThrow(RangeError);
  expect([model.stats().running, engine.live.size]).toEqual([0, 0]);
});

test("leaving before the first event cancels too", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long });
  const iterator = model.reply("Hi")[Symbol.asyncIterator]();
  await iterator.return!();
  expect(engine.live.size).toBe(0);
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

test("leaving at the finish event still leaves a result", async () => {
  const { model } = await scriptedModel({ answer: () => "abc" });
  const reply = model.reply("Hi");
  for await (const event of reply) if (event.type === "finish") break;
  expect((await reply).text).toBe("abc");
});

test("awaiting a reply whose reader left rejects instead of hanging", async () => {
  const { model } = await scriptedModel({ answer: () => long });
  const reply = model.reply("Hi");
  const waiting = codeOf(
    reply.textStream[Symbol.asyncIterator]()
      .next()
      .then(() => reply),
  );
  const left = model.reply("Hi");
  for await (const _ of left) break;
  expect(await codeOf(left)).toBe("ALREADY_CONSUMED");
  await model.close();
  expect(await waiting).toBe("MODEL_CLOSED");
});

test("a reply is read once: each second reading is ALREADY_CONSUMED", async () => {
  const { model } = await scriptedModel();
  const readers: ((reply: Reply) => Promise<unknown>)[] = [
    async (reply) => collect(reply),
    async (reply) => collect(reply.textStream),
    async (reply) => reply,
  ];
  for (const first of readers) {
    for (const second of readers.slice(0, 2)) {
      const reply = model.reply("Hi");
      await first(reply);
      expect(await codeOf(second(reply))).toBe("ALREADY_CONSUMED");
    }
  }
});

test("awaiting while another reads gives the result when that reader is done", async () => {
  const { model } = await scriptedModel();
  const reply = model.reply("Hi");
  const [texts, result] = await Promise.all([collect(reply.textStream), reply]);
  expect(result.text).toBe(texts.join(""));
});

test("calling next several times at once keeps the order", async () => {
  const { model } = await scriptedModel({ answer: () => "abc" });
  const iterator = model.reply("Hi").textStream[Symbol.asyncIterator]();
  const results = await Promise.all([1, 2, 3, 4].map(() => iterator.next()));
  expect(results.map(({ value }) => value)).toEqual(["a", "b", "c", undefined]);
});

test("an already aborted signal rejects with its own reason and never touches the engine", async () => {
  const { model, engine } = await scriptedModel();
  const reason = new Error("mine");
  expect(await codeOf(model.reply("Hi", { signal: AbortSignal.abort(reason) }))).toBe(reason);
  await expect(collect(model.reply("Hi", { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
  expect(engine.requests).toHaveLength(0);
});

test("aborting rejects an awaiting reader with the signal's own reason, after the engine has stopped", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long, paceMs: 1 });
  const controller = new AbortController();
  const reason = { any: "thing" };
  setTimeout(() => controller.abort(reason), 5);
  const outcome = await codeOf(model.reply("Hi", { signal: controller.signal }));
  expect(outcome).toBe(reason);
  expect([model.stats().running, engine.live.size]).toEqual([0, 0]);
  expect(((await codeOf(model.reply("Hi", { signal: AbortSignal.timeout(5) }))) as unknown as Error).name).toBe(
    "TimeoutError",
  );
});

test("aborting inside the loop ends it with the signal's reason at the next step, buffered text or not", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long });
  const controller = new AbortController();
  const reason = new Error("mine");
  const seen: string[] = [];
  const read = async () => {
    for await (const text of model.reply("Hi", { signal: controller.signal }).textStream) {
      seen.push(text);
      if (seen.length === 3) {
        await sleep(5);
        controller.abort(reason);
      }
    }
  };
  await expect(read()).rejects.toBe(reason);
  expect(seen).toHaveLength(3);
  expect(engine.live.size).toBe(0);
});

test("aborting an unread reply stops the engine, and reading it later gives the reason", async () => {
  const { model, engine } = await scriptedModel({ answer: () => long });
  const controller = new AbortController();
  const reply = model.reply("Hi", { signal: controller.signal });
  await until(() => model.stats().paused === 1);
  controller.abort();
  await until(() => engine.live.size === 0);
  await expect(collect(reply)).rejects.toBe(controller.signal.reason);
  expect(await codeOf(reply)).toBe(controller.signal.reason);
});

test("aborting after the end changes nothing", async () => {
  const { model } = await scriptedModel({ answer: () => "abc" });
  const controller = new AbortController();
  const reply = model.reply("Hi", { signal: controller.signal });
  await reply;
  controller.abort();
  expect((await reply).text).toBe("abc");
});

test("a thousand replies on one signal leave no listener behind, however they end", async () => {
  const { model } = await scriptedModel({ answer: () => "abc" });
  const { signal } = new AbortController();
  await Promise.all(
    Array.from({ length: 1000 }, async (_, index) => {
      const reply = model.reply(index % 3 === 0 ? "" : "Hi", { signal });
      if (index % 2 === 0) await codeOf(reply);
      else for await (const _ of reply.textStream) break;
    }).map((reading) => reading.catch(() => {})),
  );
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a failure of the engine is thrown where the reply is read, and nowhere else", async () => {
  const error = new CaduceusError("ENGINE_FAILED", "llama_decode returned -3.");
  const { model, engine } = await scriptedModel({ answer: () => long, failAfter: { tokens: 3, error } });
  model.reply("nobody reads this one");
  expect(await codeOf(model.reply("Hi"))).toBe("ENGINE_FAILED");
  const seen: string[] = [];
  await expect(
    (async () => {
      for await (const text of model.reply("Hi").textStream) seen.push(text);
    })(),
  ).rejects.toBe(error);
  expect(seen).toHaveLength(3);
  const reply = model.reply("Hi");
  await expect(collect(reply)).rejects.toBe(error);
  expect(await codeOf(reply)).toBe("ENGINE_FAILED");
  expect(engine.stats().running).toBe(0);
});

test("closing the model ends running, paused and unread replies with MODEL_CLOSED", async () => {
  const { model } = await scriptedModel({ answer: () => long });
  const awaited = codeOf(model.reply("Hi"));
  const iterated = codeOf(collect(model.reply("Hi")));
  const paused = model.reply("Hi");
  await sleep(5);
  await model.close();
  await model.close();
  expect(await Promise.all([awaited, iterated, codeOf(paused)])).toEqual([
    "MODEL_CLOSED",
    "MODEL_CLOSED",
    "MODEL_CLOSED",
  ]);
});

test("every use after closing is MODEL_CLOSED", async () => {
  const { model } = await scriptedModel();
  const chat = model.chat();
  await model.close();
  expect(await codeOf(model.reply("Hi"))).toBe("MODEL_CLOSED");
  expect(await codeOf(model.complete("Hi"))).toBe("MODEL_CLOSED");
  expect(await codeOf(chat.send("Hi"))).toBe("MODEL_CLOSED");
  expect(await codeOf(model.tokenize("Hi"))).toBe("MODEL_CLOSED");
  expect(await codeOf(model.detokenize([20]))).toBe("MODEL_CLOSED");
  expect(await codeOf(model.tokenBytes([20]))).toBe("MODEL_CLOSED");
  for (const use of [() => model.stats(), () => model.chat(), () => chat.fork()]) {
    expect(use).toThrow(expect.objectContaining({ code: "MODEL_CLOSED" }));
  }
  expect(model.info.description).toBe("scripted");
});

test("a stop string and maxTokens end the text and say so", async () => {
  const { model } = await scriptedModel({ answer: () => "one two three" });
  expect(await model.reply("Hi", { stop: " three" })).toMatchObject({
    text: "one two",
    finishReason: "stop",
    stopString: " three",
  });
  expect(await model.reply("Hi", { maxTokens: 3 })).toMatchObject({ text: "one", finishReason: "length" });
});

test("log probabilities come with their tokens when asked for, and only then", async () => {
  const { model } = await scriptedModel({ answer: () => "ab" });
  expect((await model.reply("Hi", { logProbabilities: true })).logProbabilities).toEqual([
    { token: 16 + 97, logProbability: -0.5 },
    { token: 16 + 98, logProbability: -0.5 },
  ]);
  expect(await model.reply("Hi")).not.toHaveProperty("logProbabilities");
  const alternatives = (token: number) => [
    { token, logProbability: -0.5 },
    { token: token + 1, logProbability: -1.5 },
  ];
  expect((await model.reply("Hi", { logProbabilities: true, topLogProbabilities: 2 })).logProbabilities).toEqual([
    { token: 16 + 97, logProbability: -0.5, top: alternatives(16 + 97) },
    { token: 16 + 98, logProbability: -0.5, top: alternatives(16 + 98) },
  ]);
});

test("a prompt's log probabilities are the first event and part of the result, and nothing need be written", async () => {
  const { model, engine } = await scriptedModel({ answer: () => "ab" });
  const prompt = [{ token: 0 }, { token: 16 + 72, logProbability: -0.25 }, { token: 16 + 105, logProbability: -0.25 }];
  const events = await collect(model.complete("Hi", { promptLogProbabilities: true }));
  expect(events.map(({ type }) => type)).toEqual(["prompt", "text", "text", "finish"]);
  expect(events[0]).toEqual({ type: "prompt", logProbabilities: prompt });
  expect(events[3]).toMatchObject({ text: "ab", promptLogProbabilities: prompt });
  expect(events[3]).not.toHaveProperty("logProbabilities");
  const scored = await model.complete("Hi", { promptLogProbabilities: true, topLogProbabilities: 1, maxTokens: 0 });
  expect(scored).toMatchObject({ text: "", finishReason: "length", usage: { promptTokens: 3, generatedTokens: 0 } });
  expect(scored.promptLogProbabilities).toEqual(
    prompt.map((one) =>
      one.logProbability === undefined ? one : { ...one, top: [{ token: one.token, logProbability: -0.25 }] },
    ),
  );
  expect(await model.complete("Hi", { maxTokens: 0 })).not.toHaveProperty("promptLogProbabilities");
  // Leaving at the prompt ends the run.
  for await (const _ of model.complete("Hi", { promptLogProbabilities: true })) break;
  expect(engine.live.size).toBe(0);
});

test("catch and finally work as on a promise", async () => {
  const { model } = await scriptedModel({ answer: () => "abc" });
  let calls = 0;
  expect((await model.reply("Hi").finally(() => calls++)).text).toBe("abc");
  expect(await model.reply([]).catch((error: CaduceusError) => error.code)).toBe("INVALID_MESSAGES");
  expect(calls).toBe(1);
});
