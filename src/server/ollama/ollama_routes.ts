// GET /api/tags and /api/version, POST /api/show: what Ollama's clients ask before they chat.
import { Hono } from "hono";
import type { ModelInfo } from "../../index.js";
import type { ApiKeys } from "../http/api_keys.js";
import type { BodyReader } from "../http/read_body.js";
import type { ServedModels } from "../served_models.js";

/** Whose API this is: clients compare it with what they need. */
const apiVersion = "0.12.11";

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
    const loaded = new Map(models.loaded());
    return context.json({
      models: models.names.map((name) => {
        const info = loaded.get(name)?.info;
        // No digest of the file is known.
        return {
          name,
          model: name,
          modified_at: since,
          size: info?.sizeBytes ?? 0,
          digest: "",
          details: detailsOf(info),
        };
      }),
    });
  });
  routes.post("/api/show", async (context) => {
    keys.check(context.req.raw.headers);
    const body = await bodies.read(context.req.raw, context.env, { isTyped: false });
    const name = body.text("model") ?? body.text("name") ?? models.only();
    const { info, capabilities } = models.find(name).model;
    return context.json({
      modelfile: `FROM ${name}\n`,
      parameters: `num_ctx ${info.contextSize}`,
      template: info.chatTemplate ?? "",
      details: detailsOf(info),
      model_info: modelInfoOf(info),
      capabilities: [
        "completion",
        "tools",
        ...(capabilities.infill ? ["insert"] : []),
        ...(capabilities.reasoning ? ["thinking"] : []),
      ],
      modified_at: since,
    });
  });
  return routes;
}

/** Those of a model that is still loading are not known. */
function detailsOf(info: ModelInfo | undefined): object {
  const family = info?.architecture ?? "";
  return {
    parent_model: "",
    format: "gguf",
    family,
    families: family === "" ? [] : [family],
    parameter_size: info === undefined ? "" : sizeOf(info.parameters),
    quantization_level: info === undefined ? "" : quantizationOf(info),
  };
}

const sizeOf = (count: number) => (count >= 1e9 ? `${(count / 1e9).toFixed(1)}B` : `${(count / 1e6).toFixed(1)}M`);

/** The end of llama.cpp's description, `Q4_K - Medium`, as files are named. */
const quantizationOf = ({ description }: ModelInfo) =>
  (/^\S+ \S+ (.+)$/.exec(description)?.[1] ?? "").replace(/ - ([SML])\w*$/, "_$1");

/** The file's metadata, numbers as numbers. The template has a field of its own. */
function modelInfoOf({ metadata, architecture, parameters }: ModelInfo): object {
  const own = Object.entries(metadata)
    .filter(([name]) => name !== "tokenizer.chat_template")
    .map(([name, value]) => [name, /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value]);
  return { ...Object.fromEntries(own), "general.architecture": architecture, "general.parameter_count": parameters };
}
