// Whatever is done with a pool, and in whichever order its steps come to their ends.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ModelLease } from "../../../src/index.js";
import { ModelPool } from "../../../src/pool/model_pool.js";
import { FakeModels, isClosed } from "./fake_models.js";

const sizes = { a: 20, b: 35, c: 50, d: 70, large: 120 };
const names = Object.keys(sizes);
// Mostly those of which no two fit together.
const name = fc.constantFrom(...names, "c", "d", "d");
const keepAliveMs = fc.constantFrom<undefined | false | 0>(undefined, false, 0);

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("acquire" as const), name, keepAliveMs }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("release" as const), index: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("abort" as const), index: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("load" as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("unload" as const), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("fail" as const), name }) },
  { weight: 7, arbitrary: fc.record({ do: fc.constant("go on" as const), steps: fc.integer({ min: 1, max: 8 }) }) },
);

test("no sequence of requests, loads, unloads and failures passes the limits, unloads a model in use, or hangs", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(action, { minLength: 10, maxLength: 60 }),
      fc.constantFrom(undefined, 1, 2),
      fc.boolean(),
      async (scheduler, actions, maxModels, closesEarly) => {
        const loader = new FakeModels(sizes);
        loader.step = (what) => scheduler.schedule(Promise.resolve(), what);
        const models = Object.fromEntries(names.map((one) => [one, one]));
        const pool = new ModelPool({ models, maxMemoryBytes: 100, maxModels }, loader);
        const leases: ModelLease[] = [];
        const aborts: AbortController[] = [];
        const pending = new Set<Promise<unknown>>();
        const errors = new Set<string>();
        const follow = (promise: Promise<unknown>) => {
          const ended = promise.catch((error: Error & { code?: string }) => errors.add(error.code ?? error.message));
          pending.add(ended);
          void ended.then(() => pending.delete(ended));
        };
        const check = () => {
          expect(loader.mostHeld).toBeLessThanOrEqual(100);
          expect(loader.held.size).toBeLessThanOrEqual(maxModels ?? Infinity);
          for (const { model } of leases) expect(isClosed(model)).toBe(false);
        };
        const perform = async (one: (typeof actions)[number]) => {
          switch (one.do) {
            case "acquire": {
              const abort = new AbortController();
              aborts.push(abort);
              const { keepAliveMs: keep } = one;
              follow(
                pool.acquire(one.name, { signal: abort.signal, keepAliveMs: keep }).then((lease) => leases.push(lease)),
              );
              break;
            }
            case "release":
              leases.splice(one.index % Math.max(1, leases.length), 1)[0]?.release();
              break;
            case "abort":
              aborts[one.index % Math.max(1, aborts.length)]?.abort(new Error("left"));
              break;
            case "load":
              follow(pool.load(one.name));
              break;
            case "unload":
              follow(pool.unload(one.name));
              break;
            case "fail":
              loader.failures.set(one.name, new Error("damaged"));
              break;
            case "go on":
              for (let step = 0; step < one.steps && scheduler.count() > 0; step++) await scheduler.waitOne();
          }
        };
        for (const one of actions) {
          await perform(one);
          await Promise.resolve();
          check();
        }
        if (closesEarly) {
          // Its models close under those who use them.
          leases.splice(0);
          const closed = pool.close();
          await scheduler.waitFor(closed);
        }
        // Whoever has a model gives it back in the end, and then nobody waits for ever.
        for (let round = 0; pending.size > 0 && round < 1_000; round++) {
          while (scheduler.count() > 0) {
            await scheduler.waitOne();
            if (!closesEarly) check();
          }
          for (const lease of leases.splice(0)) lease.release();
          await new Promise<void>((resolve) => setImmediate(resolve));
        }
        expect(pending.size).toBe(0);
        await scheduler.waitFor(pool.close());
        expect(loader.held.size).toBe(0);
        const known = ["OUT_OF_MEMORY", "damaged", "left", ...(closesEarly ? ["MODEL_CLOSED"] : [])];
        expect([...errors].filter((error) => !known.includes(error))).toEqual([]);
      },
    ),
    { numRuns: 400 },
  );
});
