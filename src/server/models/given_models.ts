// Models that the application has loaded itself, seen as a pool that neither loads nor unloads any.
import { describe } from "../../errors.js";
import type { Model, ModelLease, ModelPool, PooledModel } from "../../index.js";
import { ApiError, retryAfter } from "../api_error.js";
import { checkModelItself } from "../server_options.js";
import { statsOf } from "../stats.js";

/** What the server asks of a pool. */
export type ServedPool = Pick<
  ModelPool,
  "names" | "isReady" | "list" | "get" | "acquire" | "load" | "unload" | "inspect"
>;

interface Given {
  model?: Model;
  error?: unknown;
}

export class GivenModels implements ServedPool {
  readonly #given = new Map<string, Given>();

  constructor(models: Readonly<Record<string, Model | Promise<Model>>>, onError: (error: unknown) => void) {
    for (const [name, model] of Object.entries(models)) {
      const given: Given = {};
      this.#given.set(name, given);
      if (!("then" in model)) given.model = model;
      else {
        model
          .then((loaded) => {
            checkModelItself(loaded, `models.${name}`);
            given.model = loaded;
          })
          .catch((error: unknown) => {
            given.error = error;
            onError(error);
          });
      }
    }
  }

  get names(): readonly string[] {
    return [...this.#given.keys()];
  }

  get isReady(): boolean {
    return [...this.#given.values()].every(({ model }) => model !== undefined);
  }

  list(): PooledModel[] {
    return this.names.map((name) => this.get(name));
  }

  get(name: string): PooledModel {
    const { model, error } = this.#given.get(name)!;
    const isOpen = model !== undefined && statsOf(model) !== undefined;
    return {
      name,
      state: isOpen ? "loaded" : model === undefined && error === undefined ? "loading" : "unloaded",
      active: 0,
      waiting: 0,
      memoryBytes: 0,
      keepAliveMs: false,
      loads: isOpen ? 1 : 0,
      failures: error === undefined ? 0 : 1,
      ...(error === undefined ? {} : { error }),
      ...(isOpen ? { model } : {}),
    };
  }

  async acquire(name: string): Promise<ModelLease> {
    const { model, error } = this.#given.get(name)!;
    const release = () => {};
    if (model !== undefined) return { name, model, release, [Symbol.dispose]: release };
    if (error !== undefined)
      throw new ApiError(503, "model_unavailable", `The model ${describe(name)} could not be loaded.`);
    throw new ApiError(503, "model_loading", `The model ${describe(name)} is still loading.`, { headers: retryAfter });
  }

  async load(name: string): Promise<void> {
    await this.acquire(name);
  }

  async unload(): Promise<void> {
    throw notManaged("unloads none");
  }

  async inspect(name: string): Promise<never> {
    await this.acquire(name);
    throw notManaged("inspects no files");
  }
}

function notManaged(what: string): ApiError {
  return new ApiError(400, "unsupported_model", `This server was given its models by a program, and ${what}.`, {
    param: "model",
  });
}
