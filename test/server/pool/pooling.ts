// A server over a pool of small real models, and what its tests ask of it.
import { ModelPool, type ModelPoolOptions, type PoolModelOptions } from "../../../src/index.js";
import { bertModel } from "../../support/gguf/bert_model.mjs";
import { hermesModel } from "../../support/models.js";
import { serving, type ServingOptions } from "../serving.js";

export const hermes = await hermesModel();
export const bert = bertModel("mean");

/** Takes about 24 MB by the pool's count, a model for embeddings 5 MB. */
export const tiny: PoolModelOptions = { model: hermes, contextSize: 2048, prefixFolder: false };
export const megabyte = 2 ** 20;

export async function pooling(
  models: ModelPoolOptions["models"],
  { serving: serves = {}, ...options }: Omit<ModelPoolOptions, "models"> & { readonly serving?: ServingOptions } = {},
) {
  const pool = new ModelPool({ models, ...options });
  const errors: unknown[] = [];
  const server = await serving(pool, { onError: (error) => errors.push(error), ...serves });
  const post = async (path: string, body: unknown, init: RequestInit = {}) => {
    const response = await fetch(server.url + path, {
      method: "POST",
      body: JSON.stringify(body),
      ...init,
      headers: { "content-type": "application/json", ...init.headers },
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as any };
  };
  const get = async (path: string) => (await fetch(server.url + path)).json() as Promise<any>;
  const states = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await get("/v1/models")).data.map(({ id, status }: any) => [id, status.value]));
  return {
    pool,
    errors,
    url: server.url,
    client: server.client,
    server,
    post,
    get,
    states,
    [Symbol.asyncDispose]: async () => {
      await server.close({ graceMs: 0 });
      await pool.close();
    },
  };
}

/** A chat completion of so many tokens, which the model cannot end. */
export const chat = (model: string, max_tokens: number) => ({
  model,
  messages: [{ role: "user" as const, content: "Hi" }],
  max_tokens,
  logit_bias: { 2: -100, 32000: -100 },
});
