// The rules of a pool, over models that are nothing but a size.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test, vi } from "vitest";
import type { CaduceusError, ModelLease, ModelPoolOptions } from "../../../src/index.js";
import { ModelPool } from "../../../src/pool/model_pool.js";
import { FakeModels, isClosed, setAdapters, settled } from "./fake_models.js";

const sizes = { a: 40, b: 50, c: 70, large: 200 };

function poolOf(options: Omit<ModelPoolOptions, "models"> = {}, models: ModelPoolOptions["models"] = all) {
  const loader = new FakeModels(sizes);
  return { loader, pool: new ModelPool({ maxMemoryBytes: 100, ...options, models }, loader) };
}

const all = { a: "a", b: "b", c: "c", large: "large" };
const states = (pool: ModelPool) =>
  Object.fromEntries(pool.list().flatMap(({ name, state }) => (state === "unloaded" ? [] : [[name, state]])));

test("requests for one model share one load, and later ones find it loaded", async () => {
  const { pool, loader } = poolOf();
  const [one, two] = await Promise.all([pool.acquire("a"), pool.acquire("a")]);
  expect(one.model).toBe(two.model);
  expect(pool.get("a")).toMatchObject({ state: "loaded", active: 2, waiting: 0, memoryBytes: 40, loads: 1 });
  one.release();
  one.release();
  expect(pool.get("a").active).toBe(1);
  two.release();
  expect((await pool.acquire("a")).model).toBe(one.model);
  expect(loader.loads).toEqual(["a"]);
});

test("use releases the model when its work is done, or has failed", async () => {
  const { pool } = poolOf();
  expect(await pool.use("a", async () => pool.get("a").active)).toBe(1);
  await expect(pool.use("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await expect(
    pool.use("a", () => {
      throw new Error("at once");
    }),
  ).rejects.toThrow("at once");
  expect(pool.get("a").active).toBe(0);
});

test("a load that fails answers all who wait with its error, and the next one tries again", async () => {
  const { pool, loader } = poolOf();
  const failure = new Error("damaged");
  loader.failures.set("a", failure);
  const outcomes = await Promise.allSettled([pool.acquire("a"), pool.load("a"), pool.use("a", () => 1)]);
  expect(outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason)).toEqual(Array(3).fill(failure));
  expect(pool.get("a")).toMatchObject({ state: "unloaded", failures: 1, loads: 0, error: failure, memoryBytes: 0 });
  await pool.load("a");
  expect(pool.get("a")).toMatchObject({ state: "loaded", failures: 1, loads: 1 });
  expect(pool.get("a")).not.toHaveProperty("error");
});

test("the least recently used idle model leaves for another, and models in use stay", async () => {
  const { pool } = poolOf({ maxMemoryBytes: 160 });
  for (const name of ["a", "b", "c"]) await pool.load(name);
  expect(states(pool)).toEqual({ a: "loaded", b: "loaded", c: "loaded" });
  await pool.load("a");
  const busy = await pool.acquire("b");
  const { pool: small } = poolOf({ maxMemoryBytes: 120 });
  await small.load("a");
  await small.load("b");
  await small.load("a");
  await small.load("c");
  // b was used before a.
  expect(states(small)).toEqual({ a: "loaded", c: "loaded" });
  expect(isClosed(busy.model)).toBe(false);
});

test("a request waits until a model in use is released, and those that come for that one meanwhile wait behind it", async () => {
  const { pool, loader } = poolOf();
  const first = await pool.acquire("a");
  const order: string[] = [];
  const other = pool.acquire("c").then((lease) => (order.push("c"), lease));
  await settled();
  expect(pool.get("c")).toMatchObject({ state: "queued", waiting: 1, memoryBytes: 0 });
  const again = pool.acquire("a").then((lease) => (order.push("a"), lease));
  await settled();
  expect(order).toEqual([]);
  expect(isClosed(first.model)).toBe(false);
  first.release();
  (await other).release();
  expect(isClosed(first.model)).toBe(true);
  expect((await again).model).not.toBe(first.model);
  expect(order).toEqual(["c", "a"]);
  expect(loader.mostHeld).toBe(70);
});

test("a load begins before one that waits for memory only where that delays it by nothing", async () => {
  const models = { ...all, d: "c", small: "a" };
  const { pool } = poolOf({ maxMemoryBytes: 120 }, models);
  const busy = await pool.acquire("c");
  const waiting = pool.acquire("d");
  await settled();
  // 40 fit beside the 70 that are in use, and beside the 70 that wait.
  (await pool.acquire("small")).release();
  expect(states(pool)).toEqual({ c: "loaded", d: "queued", small: "loaded" });
  busy.release();
  (await waiting).release();
  expect(states(pool)).toEqual({ d: "loaded", small: "loaded" });

  const { pool: tight } = poolOf({ maxMemoryBytes: 100 }, { ...models, d: "c" });
  const first = await tight.acquire("b");
  const large = tight.acquire("c");
  const late = tight.acquire("small");
  await settled();
  // 40 fit beside the 50 that are in use, but not beside the 70 that wait.
  expect(states(tight)).toEqual({ b: "loaded", c: "queued", small: "queued" });
  first.release();
  (await large).release();
  (await late).release();
});

test("a model that needs more than all may take is refused by its name before it is downloaded", async () => {
  const { pool, loader } = poolOf();
  const steps: string[] = [];
  loader.step = async (what) => void steps.push(what);
  await expect(pool.load("large")).rejects.toMatchObject({
    code: "OUT_OF_MEMORY",
    message: expect.stringContaining('The model "large" needs'),
    remedy: expect.stringContaining("maxMemoryBytes"),
  });
  expect(steps).toEqual(["inspect large"]);
});

test("adapters count: those of loading before it, and those that come and go while the model is loaded", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "caduceus-pool-"));
  const file = path.join(folder, "adapter.gguf");
  writeFileSync(file, Buffer.alloc(30));
  const { pool, loader } = poolOf({}, { ...all, a: { model: "a", adapters: [{ path: file }] } });
  await pool.load("b");
  const lease = await pool.acquire("a");
  expect(states(pool)).toEqual({ a: "loaded" });
  expect(pool.get("a").memoryBytes).toBe(70);
  setAdapters(lease.model, 30, 5);
  expect(pool.get("a").memoryBytes).toBe(75);
  setAdapters(lease.model);
  expect(pool.get("a").memoryBytes).toBe(40);
  await pool.load("b");
  expect(states(pool)).toEqual({ a: "loaded", b: "loaded" });
  lease.release();
  await pool.unload("a");
  expect(pool.get("a").memoryBytes).toBe(0);

  writeFileSync(file, Buffer.alloc(61));
  await expect(pool.load("a")).rejects.toMatchObject({ code: "OUT_OF_MEMORY", remedy: expect.any(String) });
  rmSync(folder, { recursive: true });
  // What is wrong with a missing file is said by the load.
  await expect(pool.load("a")).rejects.toThrow("ENOENT");
  expect(loader.loads).toEqual(["b", "a", "b", "a"]);
});

test("at most maxModels are loaded", async () => {
  const { pool } = poolOf({ maxMemoryBytes: 1000, maxModels: 1 });
  await pool.load("a");
  await pool.load("b");
  expect(states(pool)).toEqual({ b: "loaded" });
});

test("waiting for memory ends with QUEUE_TIMEOUT, which names who uses it, and then the model in use takes requests again", async () => {
  const { pool } = poolOf({ queueTimeoutMs: 30 });
  const busy = await pool.acquire("a");
  const waiting = pool.acquire("c").catch((reason: unknown) => reason);
  await settled();
  const behind = pool.acquire("a");
  const error = (await waiting) as CaduceusError;
  expect(error).toMatchObject({
    code: "QUEUE_TIMEOUT",
    message: expect.stringMatching(/^The model "c" waited 30 ms for memory that is in use by "a"\./),
  });
  expect((await behind).model).toBe(busy.model);
  expect((await pool.acquire("a")).model).toBe(busy.model);
  expect(states(pool)).toEqual({ a: "loaded" });
});

test("loading takes no time from the limit of waiting", async () => {
  const { pool, loader } = poolOf({ queueTimeoutMs: 20 });
  loader.step = () => new Promise((resolve) => setTimeout(resolve, 30));
  await pool.load("a");
  expect(states(pool)).toEqual({ a: "loaded" });
});

test("who leaves hinders nobody: the load goes on for others, and ends with the last of them", async () => {
  const { pool, loader } = poolOf();
  let proceed = () => {};
  loader.step = (what) => (what === "load a" ? new Promise<void>((resolve) => (proceed = resolve)) : Promise.resolve());
  const leaving = new AbortController();
  const reason = new Error("gone");
  const [first, second] = [pool.acquire("a", { signal: leaving.signal }), pool.acquire("a")];
  await settled();
  leaving.abort(reason);
  await expect(first).rejects.toBe(reason);
  proceed();
  (await second).release();
  await pool.unload("a");

  const alone = new AbortController();
  const only = pool.acquire("a", { signal: alone.signal });
  await settled();
  alone.abort(reason);
  await expect(only).rejects.toBe(reason);
  // It comes while the load that nobody wants is being ended, and gets another one.
  const late = pool.acquire("a");
  proceed();
  await settled();
  proceed();
  expect(isClosed((await late).model)).toBe(false);
  expect(loader.loads).toEqual(["a", "a", "a"]);
  expect(pool.get("a")).toMatchObject({ loads: 2, failures: 0 });
});

test("unload waits until nobody uses the model, which serves on until then", async () => {
  const { pool } = poolOf();
  const lease = await pool.acquire("a");
  let isUnloaded = false;
  const unloading = pool.unload("a").then(() => (isUnloaded = true));
  const impatient = new AbortController();
  const other = pool.unload("a", { signal: impatient.signal });
  impatient.abort(new Error("enough"));
  await expect(other).rejects.toThrow("enough");
  const next = await pool.acquire("a");
  expect(next.model).toBe(lease.model);
  lease.release();
  await settled();
  expect([isUnloaded, isClosed(next.model)]).toEqual([false, false]);
  next.release();
  await unloading;
  expect(isClosed(next.model)).toBe(true);
  expect((await pool.acquire("a")).model).not.toBe(next.model);
  expect(pool.get("a").state).toBe("loaded");
});

test("unloading what is not loaded is done at once, and what was unloaded stays when it is loaded again", async () => {
  const { pool } = poolOf();
  await pool.unload("a");
  await pool.load("a");
  await pool.unload("a");
  await pool.unload("a");
  await pool.load("a");
  expect(states(pool)).toEqual({ a: "loaded" });
});

test("a model that is asked to leave while it loads serves those who waited first", async () => {
  const { pool } = poolOf();
  const waiting = pool.acquire("a");
  const unloading = pool.unload("a");
  const lease = await waiting;
  expect(isClosed(lease.model)).toBe(false);
  lease.release();
  await unloading;
  expect(states(pool)).toEqual({});
});

test("keepAliveMs counts from the last use, and a request may change it until the model is unloaded", async () => {
  vi.useFakeTimers();
  try {
    const { pool } = poolOf({ keepAliveMs: 1_000 }, { a: "a", b: { model: "b", keepAliveMs: false } });
    await pool.load("a");
    await pool.load("b");
    expect(pool.get("a").expiresAt).toBe(Date.now() + 1_000);
    await vi.advanceTimersByTimeAsync(999);
    const lease = await pool.acquire("a");
    expect(pool.get("a")).not.toHaveProperty("expiresAt");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(states(pool)).toEqual({ a: "loaded", b: "loaded" });
    lease.release();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(states(pool)).toEqual({ b: "loaded" });
    await pool.load("a", { keepAliveMs: 10 });
    await vi.advanceTimersByTimeAsync(10);
    expect(states(pool)).toEqual({ b: "loaded" });
    await pool.load("a");
    await vi.advanceTimersByTimeAsync(999);
    expect(pool.get("a").state).toBe("loaded");
    await pool.load("a", { keepAliveMs: false });
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(pool.get("a").state).toBe("loaded");
    await pool.load("a", { keepAliveMs: 0 });
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.get("a").state).toBe("unloaded");
  } finally {
    vi.useRealTimers();
  }
});

test("models that load on startup are loaded at once, and ready tells when, or why not", async () => {
  const { pool, loader } = poolOf({}, { a: { model: "a", loadOnStartup: true }, b: "b" });
  expect(pool.isReady).toBe(false);
  await pool.ready();
  expect(pool.isReady).toBe(true);
  expect(loader.loads).toEqual(["a"]);
  const broken = poolOf({}, { large: { model: "large", loadOnStartup: true } }).pool;
  await expect(broken.ready()).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
  expect(broken.isReady).toBe(false);
});

test("close ends what loads and waits, closes what is in use, and refuses what comes", async () => {
  const { pool, loader } = poolOf({ maxMemoryBytes: 100 });
  const busy = await pool.acquire("a");
  const waiting = [pool.acquire("c"), pool.load("b"), pool.unload("a").then(() => ({}) as ModelLease)];
  await settled();
  const outcomes = Promise.allSettled(waiting);
  await Promise.all([pool.close(), pool.close()]);
  expect((await outcomes).map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : "done"))).toEqual([
    "MODEL_CLOSED",
    "MODEL_CLOSED",
    "done",
  ]);
  expect(isClosed(busy.model)).toBe(true);
  expect(loader.held.size).toBe(0);
  busy.release();
  await expect(pool.acquire("a")).rejects.toMatchObject({ code: "MODEL_CLOSED" });
});

test("a model that somebody else closes is loaded again", async () => {
  const { pool } = poolOf();
  const lease = await pool.acquire("a");
  await lease.model.close();
  await settled();
  const next = await pool.acquire("a");
  expect(next.model).not.toBe(lease.model);
  lease.release();
  expect(pool.get("a").active).toBe(1);
});
