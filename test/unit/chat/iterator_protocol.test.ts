// Every iterator of the public interface keeps the protocol of an async generator, whatever is called when and how
// often.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Reply } from "../../../src/chat/reply/reply.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { expectNoUnhandledRejections } from "../../support/unhandled_rejections.js";

expectNoUnhandledRejections();

const schema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] } as const;
const answer = (text: string) => JSON.stringify({ text });

/** How each begins, over a model that says `text`. */
const iterators = {
  "the events of reply": async (text: string, paceMs?: number) =>
    open(
      text,
      paceMs,
      (model) => model.reply("Hi"),
      (reply) => reply[Symbol.asyncIterator](),
    ),
  "the events of complete": async (text: string, paceMs?: number) =>
    open(
      text,
      paceMs,
      (model) => model.complete("Hi"),
      (reply) => reply[Symbol.asyncIterator](),
    ),
  "the events of send": async (text: string, paceMs?: number) =>
    open(
      text,
      paceMs,
      (model) => model.chat().send("Hi"),
      (reply) => reply[Symbol.asyncIterator](),
    ),
  textStream: async (text: string, paceMs?: number) =>
    open(
      text,
      paceMs,
      (model) => model.reply("Hi"),
      (reply) => reply.textStream[Symbol.asyncIterator](),
    ),
  valueStream: async (text: string, paceMs?: number) =>
    open(
      answer(text),
      paceMs,
      (model) => model.reply("Hi", { schema }),
      (reply) => reply.valueStream[Symbol.asyncIterator](),
    ),
};

async function open(
  text: string,
  paceMs: number | undefined,
  begin: (model: Awaited<ReturnType<typeof scriptedModel>>["model"]) => Reply<any>,
  read: (reply: Reply<any>) => unknown,
) {
  const { model, engine } = await scriptedModel({ answer: () => text, ...(paceMs === undefined ? {} : { paceMs }) });
  const reply = begin(model);
  return { reply, engine, model, iterator: read(reply) as AsyncGenerator<unknown, void, undefined> };
}

const long = "all work and no play ".repeat(30);
const done = { done: true, value: undefined };

describe.each(Object.entries(iterators))("%s", (_, begin) => {
  const stopped = ({ engine }: { engine: { live: Map<number, unknown>; stats(): { running: number } } }) =>
    expect([engine.stats().running, engine.live.size]).toEqual([0, 0]);

  test("return while two steps are pending resolves both with done, and the engine has stopped", async () => {
    const opened = await begin(long, 50);
    const [first, second] = [opened.iterator.next(), opened.iterator.next()];
    expect(await opened.iterator.return()).toEqual(done);
    stopped(opened);
    expect(await Promise.all([first, second, opened.iterator.next()])).toEqual([done, done, done]);
  });

  test("return before the first step, and twice", async () => {
    const opened = await begin(long);
    expect(await Promise.all([opened.iterator.return(), opened.iterator.return()])).toEqual([done, done]);
    stopped(opened);
    expect(await opened.iterator.next()).toEqual(done);
    await expect(Promise.resolve(opened.reply)).rejects.toMatchObject({ code: "ALREADY_CONSUMED" });
  });

  test("throw stops the engine and rejects with what was thrown, pending step or not, and so does awaiting the reply", async () => {
    for (const steps of [0, 1]) {
      const opened = await begin(long, 20);
      const pending = Array.from({ length: steps }, () => opened.iterator.next());
      const mine = new RangeError("mine");
      await expect(opened.iterator.throw(mine)).rejects.toBe(mine);
      stopped(opened);
      expect(await Promise.all(pending)).toEqual(pending.map(() => done));
      expect(await opened.iterator.next()).toEqual(done);
      await expect(opened.iterator.throw(mine)).rejects.toBe(mine);
      await expect(Promise.resolve(opened.reply)).rejects.toBe(mine);
    }
  });

  test("steps asked for at once come in order, and after the end there is only the end", async () => {
    const all = await collect((await begin("abcdef")).iterator);
    const { iterator, reply } = await begin("abcdef");
    const results = await Promise.all(Array.from({ length: all.length + 3 }, () => iterator.next()));
    const withoutTimes = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
    expect(withoutTimes(results.filter(({ done }) => !done).map(({ value }) => value))).toEqual(withoutTimes(all));
    expect(results.slice(-3)).toEqual([done, done, done]);
    expect(await iterator.next()).toEqual(done);
    expect(await iterator.return()).toEqual(done);
    await expect(iterator.throw(new Error("late"))).rejects.toThrow("late");
    expect((await reply).finishReason).toBe("stop");
  });

  test("a failure is thrown once, and then the iterator is at its end", async () => {
    const opened = await begin(long, 5);
    const steps = [opened.iterator.next()];
    while (steps.length < 2000) steps.push(opened.iterator.next());
    await steps[0];
    await opened.model.close();
    const ends = await Promise.allSettled(steps);
    expect(ends.filter(({ status }) => status === "rejected")).toHaveLength(1);
    expect(ends.at(-1)).toEqual({ status: "fulfilled", value: done });
    expect(await opened.iterator.return()).toEqual(done);
    await expect(Promise.resolve(opened.reply)).rejects.toMatchObject({ code: "MODEL_CLOSED" });
  });

  test("a failure that nobody looks at ends no process", async () => {
    const opened = await begin(long, 20);
    void opened.iterator.next();
    void opened.iterator.next();
    await opened.model.close();
    await sleep(5);
  });

  test("a value given to return is what it gives, awaited", async () => {
    const opened = await begin(long);
    expect(await opened.iterator.return("mine" as never)).toEqual({ done: true, value: "mine" });
    const failing = await begin(long);
    await expect(failing.iterator.return(Promise.reject(new RangeError("mine")))).rejects.toThrow(RangeError);
    stopped(failing);
  });

  test("await using stops it", async () => {
    const opened = await begin(long);
    {
      await using iterator = opened.iterator;
      await iterator.next();
    }
    stopped(opened);
  });
});

async function collect<T>(iterator: AsyncGenerator<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterator) items.push(item);
  return items;
}
