// GET /v1/models and one of them; POST /v1/models/load and /v1/models/unload, as llama-server has them.
import { type Context, Hono } from "hono";
import { plainEndpoint, type PlainServices } from "../answers/plain_endpoint.js";
import { checkFields } from "../fields/check_fields.js";
import { FieldTable, honored } from "../fields/field_table.js";
import { spellings } from "../routes.js";

const fields = new FieldTable([honored("model", "a configured name; may be missing if there is only one model")]);

export function modelRoutes(services: PlainServices): Hono {
  const { models, keys } = services;
  const routes = new Hono();
  const ask = plainEndpoint(services);
  routes.on("GET", spellings("/v1/models"), (context) => {
    keys.check(context.req.raw.headers);
    return context.json(models.list());
  });
  // Names may hold slashes.
  routes.on("GET", spellings("/v1/models/:name{.+}"), (context: Context<object, "/v1/models/:name{.+}">) => {
    keys.check(context.req.raw.headers);
    return context.json(models.describe(context.req.param("name")));
  });
  for (const what of ["load", "unload"] as const)
    routes.on(
      "POST",
      spellings(`/v1/models/${what}`),
      ask(async ({ body, signal }) => {
        checkFields(body, fields);
        await models[what](body.text("model") ?? models.only(), { signal });
        return { success: true };
      }),
    );
  return routes;
}
