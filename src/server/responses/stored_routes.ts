// What is stored of responses, by their ids: to read, to delete, and the items of their input.
import { type Context, Hono } from "hono";
import { describe } from "../../errors.js";
import { ApiError } from "../api_error.js";
import { invalidContent } from "../fields/read_fields.js";
import type { ApiKeys } from "../http/api_keys.js";
import { spellings } from "../routes.js";
import type { ResponseStore, StoredResponse } from "./response_store.js";

type One = Context<object, "/v1/responses/:id">;

export function storedRoutes(store: ResponseStore, keys: ApiKeys): Hono {
  const routes = new Hono();
  const find = (context: One): readonly [scope: string, stored: StoredResponse] => {
    const scope = keys.check(context.req.raw.headers);
    const id = context.req.param("id");
    const stored = store.find(scope, id);
    if (stored !== undefined) return [scope, stored];
    throw new ApiError(
      404,
      "not_found",
      `Response with id ${describe(id)} not found. Responses are stored for a while.`,
    );
  };
  routes.on("GET", spellings("/v1/responses/:id"), (context: One) => context.json(find(context)[1].body));
  routes.on("DELETE", spellings("/v1/responses/:id"), (context: One) => {
    const [scope, { body }] = find(context);
    store.delete(scope, body.id);
    return context.json({ id: body.id, object: "response", deleted: true });
  });
  routes.on("GET", spellings("/v1/responses/:id/input_items"), (context: One) =>
    context.json(listItems(find(context)[1], new URL(context.req.url).searchParams)),
  );
  return routes;
}

/** The newest first, unless `order` says otherwise. */
function listItems({ input, previous }: StoredResponse, query: URLSearchParams): object {
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw invalidContent("order", '"asc" or "desc"', describe(order));
  const limit = Number(query.get("limit") ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw invalidContent("limit", "a whole number from 1 to 100", describe(query.get("limit")));
  const all = [...(previous?.conversation ?? []), ...input];
  if (order === "desc") all.reverse();
  const after = query.get("after");
  const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const data = all.slice(start, start + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + limit < all.length,
  };
}
