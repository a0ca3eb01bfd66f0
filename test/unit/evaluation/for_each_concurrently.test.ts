// `forEachConcurrently`, which works on several samples at a time: how many, in which order, and how a failure ends it.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { forEachConcurrently } from "../../../src/evaluation/run/for_each_concurrently.js";

const never = new AbortController().signal;

test("never works on more at a time than asked, and on each once", async () => {
  const seen: number[] = [];
  let [now, most] = [0, 0];
  await forEachConcurrently(
    () => [1, 2, 3, 4, 5, 6, 7].values(),
    3,
    never,
    async (item) => {
      most = Math.max(most, ++now);
      await sleep(item % 3);
      seen.push(item);
      now--;
    },
  );
  expect({ most, seen: seen.sort() }).toEqual({ most: 3, seen: [1, 2, 3, 4, 5, 6, 7] });
});

test("takes no more of a stream than it works on", async () => {
  let taken = 0;
  let worked = 0;
  await forEachConcurrently(
    async function* () {
      while (taken < 20) {
        expect(taken - worked).toBeLessThanOrEqual(2);
        yield taken++;
      }
    },
    2,
    never,
    async () => {
      await sleep(1);
      worked++;
    },
  );
  expect(worked).toBe(20);
});

test("a failure ends the others, even one that waits for an item which never comes, and closes the stream", async () => {
  let isClosed = false;
  const stream = async function* (ending: AbortSignal) {
    try {
      yield 1;
      await new Promise((_, reject) => ending.addEventListener("abort", () => reject(ending.reason), { once: true }));
    } finally {
      isClosed = true;
    }
  };
  const failure = new Error("the engine is gone");
  await expect(
    forEachConcurrently(stream, 3, never, async () => {
      await sleep(5);
      throw failure;
    }),
  ).rejects.toBe(failure);
  expect(isClosed).toBe(true);
});

test("the signal's reason comes before what it made fail", async () => {
  const ending = new AbortController();
  const reason = new Error("enough");
  await expect(
    forEachConcurrently(
      () => [1, 2].values(),
      2,
      ending.signal,
      async () => {
        ending.abort(reason);
        throw new Error("other");
      },
    ),
  ).rejects.toBe(reason);
});
