// A loader of models that are nothing but a name and a size, for the rules of a pool; real ones are in test/pool.
import { statSync } from "node:fs";
import type { Model } from "../../../src/chat/model.js";
import type { Loader } from "../../../src/pool/loader.js";
import type { ModelSummary } from "../../../src/model/inspection/inspect_model.js";
import type { LoadOptions } from "../../../src/model/loading/load_options.js";

export class FakeModels implements Loader {
  /** Bytes of each, by source. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Models that are being loaded or closed count too. */
  readonly held = new Map<FakeModel, number>();
  readonly loads: string[] = [];
  /** What the next load of a source fails with. */
  readonly failures = new Map<string, Error>();
  /** When a step of the loader goes on. */
  step: (what: string) => Promise<void> = () => Promise.resolve();
  mostHeld = 0;

  constructor(sizes: Readonly<Record<string, number>>) {
    this.sizes = sizes;
  }

  get heldBytes(): number {
    return [...this.held.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  async inspect(source: string): Promise<ModelSummary> {
    await this.step(`inspect ${source}`);
    return { memory: { totalBytes: this.sizes[source]!, cacheBytes: 0 } } as ModelSummary;
  }

  async fetch(source: string, signal: AbortSignal): Promise<string> {
    await this.step(`fetch ${source}`);
    signal.throwIfAborted();
    return source;
  }

  async load(path: string, { signal, adapters = [] }: LoadOptions = {}): Promise<Model> {
    this.loads.push(path);
    const model = new FakeModel(path, this);
    model.adapters = adapters.map((adapter) => ({ sizeBytes: statSync(adapter.path).size }));
    this.held.set(model, this.sizes[path]!);
    this.mostHeld = Math.max(this.mostHeld, this.heldBytes);
    await this.step(`load ${path}`);
    const failure = this.failures.get(path);
    this.failures.delete(path);
    if (failure !== undefined || signal?.aborted === true) {
      this.held.delete(model);
      throw signal?.aborted === true ? signal.reason : failure;
    }
    return model as unknown as Model;
  }
}

export class FakeModel {
  readonly source: string;
  adapters: { readonly sizeBytes: number }[] = [];
  readonly #models: FakeModels;
  readonly #closing = new AbortController();

  constructor(source: string, models: FakeModels) {
    this.source = source;
    this.#models = models;
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("closed"));
    await this.#models.step(`close ${this.source}`);
    this.#models.held.delete(this);
  }
}

const fake = (model: Model) => model as unknown as FakeModel;
export const isClosed = (model: Model) => fake(model).closing.aborted;
export const setAdapters = (model: Model, ...sizes: number[]) =>
  (fake(model).adapters = sizes.map((sizeBytes) => ({ sizeBytes })));

/** Lets everything go on that can. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
