// GET and POST /lora-adapters, as llama.cpp's server has them: the adapters of a model, and the scales with which
// requests use them that choose none.
import path from "node:path";
import { Hono, type Context } from "hono";
import { readLoraList, adaptersOf } from "../fields/adapter_fields.js";
import { invalid } from "../fields/read_fields.js";
import type { Model } from "../../index.js";
import type { PlainServices } from "../answers/plain_endpoint.js";

export function adapterRoutes({ models, keys, bodies }: PlainServices): Hono {
  const routes = new Hono();
  // llama.cpp's has one model; with several the query names it. It is loaded if it is not.
  const withModel = async (context: Context, work: (model: Model) => Promise<object>): Promise<Response> => {
    const name = context.req.query("model") ?? models.only();
    const held = await models.acquire(name, { signal: context.req.raw.signal });
    try {
      return context.json(await work(held.model));
    } finally {
      held.release();
    }
  };

  routes.get("/lora-adapters", async (context) => {
    keys.check(context.req.raw.headers);
    return withModel(context, async ({ adapters }) =>
      // Where files lie on this machine is nobody's business.
      adapters.map(({ name, path: file, scale }, id) => ({ id, name, path: path.basename(file), scale })),
    );
  });

  routes.post("/lora-adapters", async (context) => {
    keys.check(context.req.raw.headers);
    const body = await bodies.readValue(context.req.raw, context.env);
    if (!Array.isArray(body)) throw invalid(undefined, "an array of objects with id and scale", body);
    const choices = readLoraList(body, "adapters");
    return withModel(context, async (model) => {
      const chosen = adaptersOf(choices, model, "adapters") ?? [];
      const scales = new Map(chosen.map(({ name, scale = 1 }) => [name, scale]));
      for (const { name } of model.adapters) await model.setAdapterScale(name, scales.get(name) ?? 0);
      return { success: true };
    });
  });
  return routes;
}
