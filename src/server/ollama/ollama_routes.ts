// GET /api/tags, /api/ps and /api/version, POST /api/show: what Ollama's clients ask of the models.
import { Hono } from "hono";
import type { PooledModel } from "../../index.js";
import type { ApiKeys } from "../http/api_keys.js";
import type { BodyReader } from "../http/read_body.js";
import type { ServedModels } from "../models/served_models.js";
import { detailsOf, fromHeader, fromModel } from "./model_facts.js";

/** Whose API this is: clients compare it with what they need. */
const apiVersion = "0.12.11";

/** Of a model that stays until its memory is needed. */
const never = "9999-12-31T23:59:59Z";

export interface OllamaServices {
  readonly models: ServedModels;
  readonly keys: ApiKeys;
  readonly bodies: BodyReader;
}

export function ollamaRoutes({ models, keys, bodies }: OllamaServices): Hono {
  const routes = new Hono();
  const since = new Date(models.created * 1000).toISOString();
  routes.get("/api/version", (context) => {
    keys.check(context.req.raw.headers);
    return context.json({ version: apiVersion });
  });
  routes.get("/api/tags", (context) => {
    keys.check(context.req.raw.headers);
    return context.json({
      models: models.states().map((state) => {
        const facts = knownOf(state);
        return { ...headOf(state), modified_at: since, size: facts?.sizeBytes ?? 0, details: detailsOf(facts) };
      }),
    });
  });
  routes.get("/api/ps", (context) => {
    keys.check(context.req.raw.headers);
    return context.json({
      models: models.states().flatMap((state) => {
        if (state.model === undefined) return [];
        const { info } = state.model;
        const onGpus = info.devices.filter(({ name }) => name !== "CPU");
        return {
          ...headOf(state),
          size: info.devices.reduce((sum, device) => sum + bytesOf(device), 0),
          size_vram: onGpus.reduce((sum, device) => sum + bytesOf(device), 0),
          details: detailsOf(fromModel(state.model)),
          expires_at: expiryOf(state),
          context_length: info.contextSize,
        };
      }),
    });
  });
  routes.post("/api/show", async (context) => {
    keys.check(context.req.raw.headers);
    const body = await bodies.read(context.req.raw, context.env, { isTyped: false });
    const name = models.find(body.text("model") ?? body.text("name") ?? models.only());
    const { model } = models.state(name);
    const facts = model === undefined ? fromHeader(await models.inspect(name)) : fromModel(model);
    return context.json({
      modelfile: `FROM ${name}\n`,
      parameters: `num_ctx ${facts.contextSize}`,
      template: facts.chatTemplate,
      details: detailsOf(facts),
      model_info: facts.metadata,
      capabilities: facts.capabilities,
      modified_at: since,
    });
  });
  return routes;
}

/** No digest of the file is known. */
const headOf = ({ name }: PooledModel) => ({ name, model: name, digest: "" });

/** Of a model that nobody has asked for yet, nothing may be known. */
function knownOf({ model, summary }: PooledModel) {
  if (model !== undefined) return fromModel(model);
  return summary && fromHeader(summary);
}

const bytesOf = ({
  weightsBytes,
  cacheBytes,
  computeBytes,
}: Record<"weightsBytes" | "cacheBytes" | "computeBytes", number>) => weightsBytes + cacheBytes + computeBytes;

function expiryOf({ expiresAt, keepAliveMs }: PooledModel): string {
  const at = expiresAt ?? (keepAliveMs === false ? undefined : Date.now() + keepAliveMs);
  return at === undefined ? never : new Date(at).toISOString();
}
