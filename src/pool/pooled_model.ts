// A model of a pool as others see it.
import type { Model } from "../chat/model.js";
import type { ModelSummary } from "../model/inspection/inspect_model.js";
import type { LoadProgress } from "../model/loading/load_options.js";
import type { PooledModelState, PoolEntry } from "./pool_entry.js";

/** A model of a pool as it is at the moment. */
export interface PooledModel {
  readonly name: string;
  /**
   * `"queued"`: it waits for memory that others use. `"loading"`: its file is downloaded or read. `"unloading"`: it is
   * being closed.
   */
  readonly state: PooledModelState;
  /** While it is loading. */
  readonly progress?: LoadProgress;
  /** How often it is acquired and not released. */
  readonly active: number;
  /** How many wait for it. */
  readonly waiting: number;
  /** What counts of it for `maxMemoryBytes`; 0 where it is not loaded. */
  readonly memoryBytes: number;
  /** When it will be unloaded if nobody uses it, in milliseconds of Unix time. Missing where no time is set. */
  readonly expiresAt?: number;
  /** Time in milliseconds without use after which it is unloaded, as it counts now. */
  readonly keepAliveMs: number | false;
  /** How often it was loaded. */
  readonly loads: number;
  /** How often it could not be loaded. */
  readonly failures: number;
  /** Why it could not be loaded the last time. */
  readonly error?: unknown;
  /** Of its file's header; missing until it was loaded or inspected. */
  readonly summary?: ModelSummary;
  /** To look at, such as at its `stats()`: who uses it acquires it. Missing where it is not loaded. */
  readonly model?: Model;
}

export function describeEntry(entry: PoolEntry): PooledModel {
  const { name, state, progress, active, waiters, bytes, expiresAt, keepAliveMs, loads, failures } = entry;
  const { error, summary, model } = entry;
  return {
    name,
    state,
    ...(progress === undefined ? {} : { progress }),
    active,
    waiting: waiters.size,
    memoryBytes: bytes,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    keepAliveMs,
    loads,
    failures,
    ...(error === undefined ? {} : { error }),
    ...(summary === undefined ? {} : { summary }),
    ...(model === undefined ? {} : { model }),
  };
}
