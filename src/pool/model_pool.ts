// The public class `ModelPool`: several models that are loaded when they are used, within a limit of memory.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Model } from "../chat/model.js";
import { CaduceusError, describe, invalidArgument } from "../errors.js";
import type { FetchProgress } from "../files/hub/download_events.js";
import { gibibytes } from "../files/local/disk_space.js";
import { followSignal } from "../follow_signal.js";
import type { ModelSummary } from "../model/inspection/inspect_model.js";
import { machineMemory } from "../model/inspection/machine_memory.js";
import type { LoadProgress } from "../model/loading/load_options.js";
import { checkOptions, checkSignal, checkText } from "../options/option_checks.js";
import { fileLoader, memoryOf, type CountedMemory, type Loader } from "./loader.js";
import { checkAcquireOptions, checkPoolOptions, type AcquireOptions, type ModelPoolOptions } from "./pool_options.js";
import { planEviction, type Holder } from "./eviction.js";
import { describeEntry, type PooledModel } from "./pooled_model.js";
import { PoolEntry } from "./pool_entry.js";

/** A model in use: it stays loaded until it is released. */
export interface ModelLease {
  readonly name: string;
  readonly model: Model;
  /** May be called twice. */
  release(): void;
  /** `release()`, for `using`. */
  [Symbol.dispose](): void;
}

/** A load that waits for memory. */
interface QueuedLoad {
  readonly entry: PoolEntry;
  readonly bytes: number;
  readonly begin: () => void;
}

/**
 * Several models by their names. Each is loaded when it is used for the first time, stays for `keepAliveMs`, and leaves
 * earlier if another one needs its memory: the least recently used first, and never while it is in use.
 *
 * @example
 * ```ts
 * import { ModelPool } from "caduceus";
 *
 * const pool = new ModelPool({
 *   models: { hermes: "hermes-2-pro", small: { model: "smollm2", contextSize: 2048 } },
 *   maxMemoryBytes: 8 * 2 ** 30,
 *   keepAliveMs: 300_000,
 * });
 * const { text } = await pool.use("small", (model) => model.reply("Why is the sky blue?"));
 * await pool.close();
 * ```
 */
export class ModelPool {
  readonly #entries: ReadonlyMap<string, PoolEntry>;
  readonly #loader: Loader;
  readonly #maxBytes: number;
  readonly #maxModels: number;
  /** The first in it is served first; others begin before only if that delays none. */
  readonly #queue = new Set<QueuedLoad>();
  readonly #startup: Promise<void>;
  #isReady = false;
  #uses = 0;
  #closing: Promise<void> | undefined;

  /**
   * Models with `loadOnStartup` begin to load at once.
   *
   * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_NOT_FOUND`
   */
  constructor(options: ModelPoolOptions);
  /** @internal */
  constructor(options: ModelPoolOptions, loader: Loader);
  constructor(options: ModelPoolOptions, loader: Loader = fileLoader) {
    const { models, maxMemoryBytes, maxModels, queueTimeoutMs } = checkPoolOptions(options);
    this.#entries = new Map([...models].map(([name, given]) => [name, new PoolEntry(name, given, queueTimeoutMs)]));
    this.#loader = loader;
    this.#maxBytes = maxMemoryBytes ?? machineMemory().totalBytes;
    this.#maxModels = maxModels;
    this.#startup = this.#start();
    this.#startup.catch(() => {}); // Whoever asks for it is told.
  }

  async #start(): Promise<void> {
    const first = [...this.#entries.values()].filter(({ given }) => given.loadOnStartup);
    await Promise.all(first.map(async (entry) => (await this.#acquire(entry, undefined, undefined)).release()));
    this.#isReady = true;
  }

  /** Names of the models, in the order in which they were given. */
  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** Whether all models with `loadOnStartup` have been loaded. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Resolves when all models with `loadOnStartup` have been loaded, and rejects if one cannot be. */
  ready(): Promise<void> {
    return this.#startup;
  }

  /** The models as they are at the moment, in the order in which they were given. */
  list(): PooledModel[] {
    return [...this.#entries.values()].map(describeEntry);
  }

  /** One model as it is at the moment. Throws `MODEL_NOT_FOUND`. */
  get(name: string): PooledModel {
    return describeEntry(this.#find(name));
  }

  /** What the header of a model's file says, without loading it. Of one on the hub a few megabytes are received. */
  async inspect(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<ModelSummary> {
    const entry = this.#find(name);
    const signal = checkSignal(checkOptions(options, "inspect", ["signal"])["signal"]);
    signal?.throwIfAborted();
    return (entry.summary ??= await this.#loader.inspect(entry.given.source, entry.given.load, signal));
  }

  /**
   * The model, loaded, until it is released. Whoever waits for the same one waits for one load; if that fails, all get
   * its error, and the next one tries again.
   *
   * @throws CaduceusError `MODEL_NOT_FOUND`, `INVALID_ARGUMENT`; `OUT_OF_MEMORY` for a model that needs more than
   * `maxMemoryBytes` alone; `QUEUE_TIMEOUT`; `MODEL_CLOSED`; what `load` throws
   */
  async acquire(name: string, options?: AcquireOptions): Promise<ModelLease> {
    const { keepAliveMs, signal } = checkAcquireOptions(options, "acquire");
    return this.#acquire(this.#find(name), keepAliveMs, signal);
  }

  /** Runs `work` with the model, and releases it when the result is there: a reply is awaited. Throws as `acquire`. */
  async use<T>(name: string, work: (model: Model) => T, options?: AcquireOptions): Promise<Awaited<T>> {
    if (typeof work !== "function") throw invalidArgument("a function", "work", work);
    const lease = await this.acquire(name, options);
    try {
      return await work(lease.model);
    } finally {
      lease.release();
    }
  }

  /** Loads the model unless it is loaded. Throws as `acquire`. */
  async load(name: string, options?: AcquireOptions): Promise<void> {
    const { keepAliveMs, signal } = checkAcquireOptions(options, "load");
    (await this.#acquire(this.#find(name), keepAliveMs, signal)).release();
  }

  /**
   * Unloads the model as soon as nobody uses it or waits for its load. Until then it is used on. The signal ends the
   * waiting, not the unloading.
   */
  async unload(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    const entry = this.#find(name);
    const signal = checkSignal(checkOptions(options, "unload", ["signal"])["signal"]);
    signal?.throwIfAborted();
    if (entry.state === "unloaded") return;
    const unloaded = entry.unloaded(signal);
    entry.isAskedToLeave = true;
    this.#settle(entry);
    await unloaded;
  }

  /** Ends all loading and waiting with `MODEL_CLOSED`, and closes all models, which ends their replies. */
  close(): Promise<void> {
    return (this.#closing ??= this.#end());
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    await Promise.all(
      [...this.#entries.values()].map(async (entry) => {
        for (const waiter of [...entry.waiters]) waiter.fail(poolClosed());
        while (entry.state !== "unloaded") {
          entry.ending.abort(poolClosed());
          if (entry.state === "loaded") this.#unload(entry);
          await entry.work;
        }
      }),
    );
  }

  #find(name: string): PoolEntry {
    const entry = this.#entries.get(checkText(name, "name"));
    if (entry !== undefined) return entry;
    const known = [...this.#entries.keys()];
    const named = `${known.slice(0, 20).join(", ")}${known.length > 20 ? " and more" : ""}`;
    throw new CaduceusError("MODEL_NOT_FOUND", `The pool has no model ${describe(name)}.`, {
      param: "name",
      remedy: `It has ${named}.`,
    });
  }

  async #acquire(
    entry: PoolEntry,
    keepAliveMs: number | false | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ModelLease> {
    if (this.#closing !== undefined) throw poolClosed();
    signal?.throwIfAborted();
    const grant = () => this.#lease(entry, keepAliveMs);
    if (entry.state === "loaded" && !entry.leavesForAnother) return grant();
    const lease = entry.wait(grant, signal, (waitedMs) => this.#waitedTooLong(entry, waitedMs));
    if (entry.state === "unloaded") this.#load(entry);
    return lease;
  }

  #lease(entry: PoolEntry, keepAliveMs: number | false | undefined): ModelLease {
    const model = entry.model!;
    entry.stay();
    entry.active++;
    entry.lastUsed = ++this.#uses;
    if (keepAliveMs !== undefined) entry.keepAliveMs = keepAliveMs;
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      // It may have been closed by others, and loaded again.
      if (entry.model !== model) return;
      entry.active--;
      entry.lastUsed = ++this.#uses;
      this.#settle(entry);
      this.#schedule();
    };
    return { name: entry.name, model, release, [Symbol.dispose]: release };
  }

  /** Lets in who waits, or decides when it leaves. */
  #settle(entry: PoolEntry): void {
    if (entry.state !== "loaded") return;
    if (!entry.leavesForAnother) for (const waiter of [...entry.waiters]) waiter.grant();
    if (!entry.isIdle) return;
    if (entry.isLeaving) this.#unload(entry);
    else if (entry.keepAliveMs !== false) entry.expireAfter(entry.keepAliveMs, () => this.#unload(entry));
  }

  #load(entry: PoolEntry): void {
    entry.ending = new AbortController();
    entry.error = undefined;
    entry.enter("loading");
    entry.work = this.#bring(entry, entry.ending.signal);
  }

  async #bring(entry: PoolEntry, signal: AbortSignal): Promise<void> {
    const { source, load } = entry.given;
    const onProgress = (progress: LoadProgress) => {
      entry.progress = progress;
      load.onProgress?.(progress);
    };
    const onFetch = (fetched: FetchProgress) => onProgress({ stage: "fetch", ...fetched });
    try {
      // Before anything is downloaded for a model that can never be loaded.
      entry.summary = await this.#loader.inspect(source, load, signal, onFetch);
      const memory = await memoryOf(entry.summary, load);
      const bytes = memory.modelBytes + memory.adapterBytes;
      if (bytes > this.#maxBytes) throw this.#tooLarge(entry, bytes);
      const path = await this.#loader.fetch(source, signal, onFetch);
      await this.#reserve(entry, memory, signal);
      const model = await this.#loader.load(path, { ...load, signal, onProgress });
      entry.model = model;
      followSignal(model.closing, () => {
        if (entry.model === model && entry.state === "loaded") this.#unload(entry);
      });
    } catch (error) {
      this.#failed(entry, error, signal);
      return;
    }
    entry.loads++;
    entry.progress = undefined;
    entry.enter("loaded");
    this.#settle(entry);
    this.#schedule();
  }

  #failed(entry: PoolEntry, error: unknown, signal: AbortSignal): void {
    entry.empty();
    if (signal.aborted) {
      // Nobody waited for it any more, but somebody may have come since.
      if (entry.waiters.size > 0 && this.#closing === undefined) this.#load(entry);
    } else {
      entry.error = error;
      entry.failures++;
      for (const waiter of [...entry.waiters]) waiter.fail(error);
    }
    this.#schedule();
  }

  #unload(entry: PoolEntry): void {
    entry.enter("unloading");
    entry.work = this.#take(entry);
  }

  async #take(entry: PoolEntry): Promise<void> {
    await entry.model?.close().catch(() => {});
    entry.empty();
    if (entry.waiters.size > 0 && this.#closing === undefined) this.#load(entry);
    this.#schedule();
  }

  /** Resolves when the memory is set aside. */
  #reserve(entry: PoolEntry, memory: CountedMemory, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const load: QueuedLoad = {
        entry,
        bytes: memory.modelBytes + memory.adapterBytes,
        begin: () => {
          unfollow();
          this.#queue.delete(load);
          entry.memory = memory;
          entry.enter("loading");
          resolve();
        },
      };
      const unfollow = followSignal(signal, (reason) => {
        this.#queue.delete(load);
        reject(reason);
      });
      this.#queue.add(load);
      entry.enter("queued");
      this.#schedule();
    });
  }

  /** Begins the loads for which there is room, and lets go what hinders the first of the others. */
  #schedule(): void {
    if (this.#closing !== undefined) return;
    const limits = { maxBytes: this.#maxBytes, maxModels: this.#maxModels, availableBytes: Infinity };
    if (this.#queue.size > 0) limits.availableBytes = machineMemory().availableBytes;
    /** Loads that come first, but have to wait. */
    const ahead: Holder[] = [];
    let leaving: readonly Holder[] = [];
    for (const load of [...this.#queue]) {
      const holders: readonly Holder[] = this.#holders();
      const plan = planEviction(load.bytes, holders, limits);
      if (plan.fits && (ahead.length === 0 || this.#fitsLater(load, holders, leaving, ahead))) load.begin();
      else {
        if (ahead.length === 0) leaving = plan.victims;
        ahead.push({ bytes: load.bytes, stage: "loading", isIdle: false, lastUsed: 0 });
      }
    }
    for (const entry of this.#holders()) {
      // One that had to leave before stays if that is no longer needed.
      entry.leavesForAnother = leaving.includes(entry);
      if (entry.leavesForAnother || entry.waiters.size > 0) this.#settle(entry);
    }
  }

  /** Whether it will still fit when those ahead have the memory that others leave to them: then it delays nobody. */
  #fitsLater(load: QueuedLoad, now: readonly Holder[], leaving: readonly Holder[], ahead: readonly Holder[]): boolean {
    const later = [...now.filter((holder) => !leaving.includes(holder)), ...ahead];
    const limits = { maxBytes: this.#maxBytes, maxModels: this.#maxModels, availableBytes: Infinity };
    return planEviction(load.bytes, later, limits).fits;
  }

  #holders(): PoolEntry[] {
    return [...this.#entries.values()].filter(({ isHolder }) => isHolder);
  }

  #tooLarge(entry: PoolEntry, bytes: number): CaduceusError {
    return new CaduceusError(
      "OUT_OF_MEMORY",
      `The model ${describe(entry.name)} needs ${gibibytes(bytes)}, but all models together may take ${gibibytes(this.#maxBytes)}.`,
      { remedy: "Raise maxMemoryBytes, or load it with a smaller cacheTokens, contextSize or hostCacheBytes." },
    );
  }

  #waitedTooLong(entry: PoolEntry, waitedMs: number): CaduceusError {
    const others = this.#holders().filter((other) => other !== entry && !other.isIdle);
    const named = others.length === 0 ? "other models" : others.map(({ name }) => describe(name)).join(", ");
    return new CaduceusError(
      "QUEUE_TIMEOUT",
      `The model ${describe(entry.name)} waited ${waitedMs} ms for memory that is in use by ${named}.`,
      { remedy: "Try again later, or raise queueTimeoutMs or maxMemoryBytes." },
    );
  }
}

function poolClosed(): CaduceusError {
  return new CaduceusError("MODEL_CLOSED", "The pool of models was closed.");
}
