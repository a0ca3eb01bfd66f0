// The models by the names under which they are served.
import type { Model } from "../index.js";
import { ApiError, retryAfter } from "./api_error.js";
import { describe } from "../errors.js";
import { checkModelItself } from "./server_options.js";
import { TokenTexts } from "./answers/token_texts.js";

interface Served {
  model?: Model;
  tokens?: TokenTexts;
  hasFailed?: boolean;
}

export class ServedModels {
  readonly #served = new Map<string, Served>();
  readonly #created = Math.floor(Date.now() / 1000);

  constructor(models: Readonly<Record<string, Model | Promise<Model>>>, onError: (error: unknown) => void) {
    for (const [name, given] of Object.entries(models)) {
      const served: Served = {};
      this.#served.set(name, served);
      const take = (model: Model) => Object.assign(served, { model, tokens: new TokenTexts(model) });
      if (!("then" in given)) take(given);
      else {
        given
          .then((model) => {
            checkModelItself(model, `models.${name}`);
            take(model);
          })
          .catch((error: unknown) => {
            served.hasFailed = true;
            onError(error);
          });
      }
    }
  }

  get areReady(): boolean {
    return [...this.#served.values()].every(({ model }) => model !== undefined);
  }

  get names(): readonly string[] {
    return [...this.#served.keys()];
  }

  /** Since when they are served, in seconds of Unix time. */
  get created(): number {
    return this.#created;
  }

  /** Those that are there. */
  *loaded(): Generator<readonly [name: string, model: Model]> {
    for (const [name, { model }] of this.#served) if (model !== undefined) yield [name, model];
  }

  /** Throws where there is none of that name, or not yet. Ollama's clients may add the tag that means no other. */
  find(given: string): { readonly name: string; readonly model: Model; readonly tokens: TokenTexts } {
    const name = this.#served.has(given) ? given : given.replace(/:latest$/, "");
    const served = this.#served.get(name);
    if (served === undefined) throw unknown(given);
    const { model, tokens, hasFailed } = served;
    if (model !== undefined && tokens !== undefined) return { name, model, tokens };
    if (hasFailed) throw new ApiError(503, "model_unavailable", `The model ${describe(name)} could not be loaded.`);
    throw new ApiError(503, "model_loading", `The model ${describe(name)} is still loading.`, { headers: retryAfter });
  }

  /** The one that is meant where no name is given. */
  only(): string {
    const [name, ...others] = this.#served.keys();
    if (name !== undefined && others.length === 0) return name;
    throw new ApiError(
      400,
      "missing_required_parameter",
      "The required parameter model is missing: this server has several models.",
      { param: "model" },
    );
  }

  list(): object {
    return { object: "list", data: this.names.map((name) => this.#describe(name)) };
  }

  describe(name: string): object {
    if (!this.#served.has(name)) throw unknown(name);
    return this.#describe(name);
  }

  #describe(name: string): object {
    return { id: name, object: "model", created: this.#created, owned_by: "caduceus" };
  }
}

function unknown(name: string): ApiError {
  return new ApiError(
    404,
    "model_not_found",
    `The model ${describe(name)} does not exist. GET /v1/models lists what does.`,
    { param: "model" },
  );
}
