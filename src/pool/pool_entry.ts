// One model of a pool: its state, who uses it, and who waits for it.
import type { Model } from "../chat/model.js";
import type { CaduceusError } from "../errors.js";
import { followSignal } from "../follow_signal.js";
import type { ModelSummary } from "../model/inspection/inspect_model.js";
import type { LoadProgress } from "../model/loading/load_options.js";
import type { CountedMemory } from "./loader.js";
import type { CheckedModel } from "./pool_options.js";
import type { Holder } from "./eviction.js";

/**
 * `queued`: waits until others leave the memory that it needs. `loading`: its file is downloaded or read. `unloading`:
 * it is being closed.
 */
export type PooledModelState = "unloaded" | "queued" | "loading" | "loaded" | "unloading";

const nothing: CountedMemory = { modelBytes: 0, adapterBytes: 0 };

export class PoolEntry implements Holder {
  readonly name: string;
  readonly given: CheckedModel;
  readonly #queueTimeoutMs: number;
  readonly waiters = new Set<Waiter>();
  readonly #onUnloaded = new Set<() => void>();
  /** In use, so many times. */
  active = 0;
  /** As it was counted before it was loaded. */
  memory: CountedMemory = nothing;
  lastUsed = 0;
  model: Model | undefined;
  summary: ModelSummary | undefined;
  progress: LoadProgress | undefined;
  /** Of the last load. */
  error: unknown;
  loads = 0;
  failures = 0;
  keepAliveMs: number | false;
  expiresAt: number | undefined;
  /** Ends loading. */
  ending = new AbortController();
  /** Loading or unloading, until it is done. */
  work: Promise<void> = Promise.resolve();
  #state: PooledModelState = "unloaded";
  /** Somebody has asked for it to be unloaded. */
  isAskedToLeave = false;
  #leavesForAnother = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: string, given: CheckedModel, queueTimeoutMs: number) {
    this.name = name;
    this.given = given;
    this.keepAliveMs = given.keepAliveMs;
    this.#queueTimeoutMs = queueTimeoutMs;
  }

  get state(): PooledModelState {
    return this.#state;
  }

  get bytes(): number {
    const { modelBytes, adapterBytes } = this.memory;
    return modelBytes + (this.model?.adapters.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) ?? adapterBytes);
  }

  get isIdle(): boolean {
    return this.active === 0;
  }

  /** Its memory counts: it has it, or it is set aside for it. */
  get isHolder(): boolean {
    return this.#state === "loaded" || this.#state === "unloading" || (this.#state === "loading" && this.bytes > 0);
  }

  get stage(): Holder["stage"] {
    if (this.#state === "loading") return "loading";
    return this.#state === "unloading" ? "leaving" : "loaded";
  }

  /** Another one needs its memory: who comes waits behind that. */
  get leavesForAnother(): boolean {
    return this.#leavesForAnother;
  }

  set leavesForAnother(value: boolean) {
    this.#leavesForAnother = value;
    this.#watch();
  }

  /** It is unloaded as soon as nobody uses it. */
  get isLeaving(): boolean {
    return this.isAskedToLeave || this.#leavesForAnother || this.keepAliveMs === 0;
  }

  enter(state: Exclude<PooledModelState, "unloaded">): void {
    this.#state = state;
    this.stay();
    this.#watch();
  }

  /** It holds nothing any more. */
  empty(): void {
    this.#state = "unloaded";
    this.stay();
    this.model = undefined;
    this.progress = undefined;
    this.active = 0;
    this.memory = nothing;
    this.isAskedToLeave = false;
    this.#leavesForAnother = false;
    this.keepAliveMs = this.given.keepAliveMs;
    this.#watch();
    for (const tell of this.#onUnloaded) tell();
    this.#onUnloaded.clear();
  }

  /** Calls `expire` when it has been idle for its time. */
  expireAfter(milliseconds: number, expire: () => void): void {
    this.stay();
    this.expiresAt = Date.now() + milliseconds;
    this.#timer = setTimeout(expire, milliseconds);
    this.#timer.unref();
  }

  /** It is in use again, or gone. */
  stay(): void {
    clearTimeout(this.#timer);
    this.expiresAt = undefined;
  }

  /** Resolves when it is unloaded the next time. */
  unloaded(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const unfollow = followSignal(signal, (reason) => {
        this.#onUnloaded.delete(tell);
        reject(reason);
      });
      const tell = () => {
        unfollow();
        resolve();
      };
      this.#onUnloaded.add(tell);
    });
  }

  /** Resolves with what `grant` gives when the model is there. `onTimeout` says what it waited for. */
  wait<T>(grant: () => T, signal: AbortSignal | undefined, onTimeout: (waitedMs: number) => CaduceusError): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        unfollow();
        waiter.stopClock();
        this.waiters.delete(waiter);
      };
      const waiter = new Waiter(this.#queueTimeoutMs, {
        grant: () => {
          leave();
          resolve(grant());
        },
        fail: (reason) => {
          leave();
          reject(reason);
          if (this.waiters.size === 0) this.ending.abort(reason);
        },
        expire: () => waiter.fail(onTimeout(this.#queueTimeoutMs)),
      });
      this.waiters.add(waiter);
      const unfollow = followSignal(signal, (reason) => waiter.fail(reason));
      this.#watch();
    });
  }

  /** Only waiting for memory is limited. */
  #watch(): void {
    const isBlocked =
      this.#state === "queued" || this.#state === "unloading" || (this.#state === "loaded" && this.#leavesForAnother);
    for (const waiter of this.waiters) {
      if (isBlocked) waiter.startClock();
      else waiter.stopClock();
    }
  }
}

/** Somebody who waits for a model. */
class Waiter {
  readonly grant: () => void;
  readonly fail: (reason: unknown) => void;
  readonly #expire: () => void;
  #remainingMs: number;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    milliseconds: number,
    { grant, fail, expire }: { grant: () => void; fail: (reason: unknown) => void; expire: () => void },
  ) {
    this.#remainingMs = milliseconds;
    this.grant = grant;
    this.fail = fail;
    this.#expire = expire;
  }

  startClock(): void {
    if (this.#timer !== undefined) return;
    this.#since = performance.now();
    this.#timer = setTimeout(this.#expire, this.#remainingMs);
  }

  stopClock(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#remainingMs = Math.max(0, this.#remainingMs - (performance.now() - this.#since));
  }
}
