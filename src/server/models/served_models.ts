// The models by the names under which they are served: found, loaded, described.
import { describe } from "../../errors.js";
import { CaduceusError, type AcquireOptions, type Model, type ModelSummary, type PooledModel } from "../../index.js";
import { TokenTexts } from "../answers/token_texts.js";
import { ApiError } from "../api_error.js";
import type { ServedPool } from "./given_models.js";

/** A model in use for one request. */
export interface Held {
  /** The name under which it is served. */
  readonly name: string;
  readonly model: Model;
  readonly tokens: TokenTexts;
  /** How long it was waited for, in milliseconds. */
  readonly loadMs: number;
  /** May be called twice. */
  readonly release: () => void;
}

export class ServedModels {
  readonly #pool: ServedPool;
  readonly #onError: (error: unknown) => void;
  readonly #tokens = new WeakMap<Model, TokenTexts>();
  /** Failures that were reported: all who waited for one load get the same. */
  readonly #reported = new WeakSet<object>();
  readonly #created = Math.floor(Date.now() / 1000);

  constructor(pool: ServedPool, onError: (error: unknown) => void) {
    this.#pool = pool;
    this.#onError = onError;
  }

  get areReady(): boolean {
    return this.#pool.isReady;
  }

  /** Since when they are served, in seconds of Unix time. */
  get created(): number {
    return this.#created;
  }

  /** As they are at the moment. */
  states(): readonly PooledModel[] {
    return this.#pool.list();
  }

  /** The name of a model that a client asks for. Ollama's clients may add the tag that means no other. */
  find(given: string): string {
    const { names } = this.#pool;
    const name = names.includes(given) ? given : given.replace(/:latest$/, "");
    if (names.includes(name)) return name;
    throw new ApiError(
      404,
      "model_not_found",
      `The model ${describe(given)} does not exist. GET /v1/models lists what does.`,
      { param: "model" },
    );
  }

  state(given: string): PooledModel {
    return this.#pool.get(this.find(given));
  }

  /** The one that is meant where no name is given. */
  only(): string {
    const [name, ...others] = this.#pool.names;
    if (name !== undefined && others.length === 0) return name;
    throw new ApiError(
      400,
      "missing_required_parameter",
      "The required parameter model is missing: this server has several models.",
      { param: "model" },
    );
  }

  /** The model, which is loaded where it is not. Who calls it releases it. */
  async acquire(given: string, options: AcquireOptions): Promise<Held> {
    const name = this.find(given);
    const began = performance.now();
    const { model, release } = await this.#told(name, () => this.#pool.acquire(name, options));
    let tokens = this.#tokens.get(model);
    if (tokens === undefined) this.#tokens.set(model, (tokens = new TokenTexts(model)));
    return { name, model, tokens, loadMs: performance.now() - began, release };
  }

  load(given: string, options: AcquireOptions): Promise<void> {
    const name = this.find(given);
    return this.#told(name, () => this.#pool.load(name, options));
  }

  unload(given: string, options: { readonly signal: AbortSignal }): Promise<void> {
    return this.#pool.unload(this.find(given), options);
  }

  inspect(given: string): Promise<ModelSummary> {
    const name = this.find(given);
    return this.#told(name, () => this.#pool.inspect(name));
  }

  list(): object {
    return { object: "list", data: this.states().map((state) => this.#describe(state)) };
  }

  describe(given: string): object {
    return this.#describe(this.state(given));
  }

  /** With the state in llama-server's form. */
  #describe({ name, state, error, progress }: PooledModel): object {
    const status = {
      value: state,
      ...(error === undefined ? {} : { failed: true }),
      ...(progress === undefined ? {} : { progress }),
    };
    return { id: name, object: "model", created: this.#created, owned_by: "caduceus", status };
  }

  /** Why a model cannot be had, without what only concerns who runs the server. */
  async #told<T>(name: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CaduceusError)) throw error;
      // Its message names no file.
      if (error.code === "QUEUE_TIMEOUT") throw error;
      if (error.code === "MODEL_CLOSED")
        throw new ApiError(503, "model_unavailable", `The model ${describe(name)} was closed.`, { cause: error });
      if (!this.#reported.has(error)) this.#onError(error);
      this.#reported.add(error);
      throw error.code === "OUT_OF_MEMORY"
        ? new ApiError(503, "out_of_memory", `The model ${describe(name)} needs more memory than there is for it.`)
        : new ApiError(503, "model_unavailable", `The model ${describe(name)} could not be loaded.`);
    }
  }
}
