// POST /v1/embeddings as OpenAI has it, /v1/rerank as Jina, Cohere and Text Embeddings Inference have it, and Ollama's
// /api/embed.
import { Hono } from "hono";
import { plainEndpoint, type PlainRequest, type PlainServices } from "../answers/plain_endpoint.js";
import { checkFields } from "../fields/check_fields.js";
import { type Fields, invalid } from "../fields/read_fields.js";
import type { Held } from "../models/served_models.js";
import { readKeepAlive } from "../ollama/keep_alive.js";
import { spellings } from "../routes.js";
import { turn } from "../turns.js";
import { embeddingFields, ollamaEmbedFields, rerankFields } from "./embedding_fields.js";

/** Texts or documents of one request, as OpenAI has it. */
const mostTexts = 2_048;
const encodings = ["float", "base64"] as const;

export function embeddingRoutes(services: PlainServices): Hono {
  const ask = plainEndpoint(services);
  const routes = new Hono();
  const embed = async ({ body, signal }: PlainRequest, { name, model }: Held, truncates: boolean) => {
    const { embeddings, usage } = await model.embed(textsOf(body), {
      dimensions: body.wholeNumber("dimensions", 1, model.info.embeddingSize),
      truncate: body.boolean("truncate") ?? truncates,
      signal,
    });
    return { name, embeddings, tokens: usage.promptTokens };
  };

  routes.on(
    "POST",
    spellings("/v1/embeddings"),
    ask(async (request) => {
      const { body, hold } = request;
      checkFields(body, embeddingFields);
      const encoding = body.choice("encoding_format", encodings) ?? "float";
      const { name, embeddings, tokens } = await embed(request, await hold(), false);
      const end = `],"model":${JSON.stringify(name)},"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}}}`;
      return pieces(embeddings, '{"object":"list","data":[', end, (vector, index) => {
        const written = encoding === "base64" ? JSON.stringify(base64Of(vector)) : numbers(vector);
        return `{"object":"embedding","index":${index},"embedding":${written}}`;
      });
    }),
  );

  routes.post(
    "/api/embed",
    ask(async (request) => {
      const { body, hold } = request;
      checkFields(body, ollamaEmbedFields);
      const begun = performance.now();
      const held = await hold(readKeepAlive(body));
      const { name, embeddings, tokens } = await embed(request, held, true);
      const [total, load] = [performance.now() - begun, held.loadMs].map((ms) => Math.round(ms * 1e6));
      const end = `],"total_duration":${total},"load_duration":${load},"prompt_eval_count":${tokens}}`;
      return pieces(embeddings, `{"model":${JSON.stringify(name)},"embeddings":[`, end, numbers);
    }),
  );

  routes.on(
    "POST",
    spellings("/v1/rerank"),
    ask(async ({ body, signal, hold }) => {
      checkFields(body, rerankFields);
      const field = body.value("documents") === undefined && body.value("texts") !== undefined ? "texts" : "documents";
      const documents = body.required(field, body.list);
      if (documents.length > mostTexts) throw invalid(field, `at most ${mostTexts} documents`, documents);
      const texts = documents.map((document, index) => documentText(document, `${field}[${index}]`));
      const query = body.required("query", body.text);
      const { name, model } = await hold();
      const { results, usage } = await model.rerank(query, texts, {
        topN: body.wholeNumber("top_n", 1, Number.MAX_SAFE_INTEGER),
        truncate: body.boolean("truncate") ?? false,
        signal,
      });
      const repeats = body.boolean("return_documents") ?? body.boolean("return_text") ?? false;
      if (field === "texts") {
        const listed = results.map(({ index, document: text, score }) => ({
          index,
          ...(repeats ? { text } : {}),
          score,
        }));
        return [JSON.stringify(listed)];
      }
      return {
        object: "list",
        model: name,
        results: results.map(({ index, document, score }) => ({
          index,
          relevance_score: score,
          ...(repeats ? { document: { text: document } } : {}),
        })),
        usage: { prompt_tokens: usage.promptTokens, total_tokens: usage.promptTokens },
      };
    }),
  );
  return routes;
}

function textsOf(body: Fields): string | readonly string[] {
  const value = body.required("input", body.value);
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) throw invalid("input", "a string or an array of strings", value);
  if (value.length > mostTexts) throw invalid("input", `at most ${mostTexts} texts`, value);
  // Ids of another model's tokens would be embedded as nonsense.
  const other = value.findIndex((text) => typeof text !== "string");
  if (other !== -1) throw invalid(`input[${other}]`, "a string; token ids are of another model", value[other]);
  return value as string[];
}

function documentText(document: unknown, place: string): string {
  const text =
    typeof document === "object" && document !== null && "text" in document
      ? (document as { text: unknown }).text
      : document;
  if (typeof text === "string") return text;
  throw invalid(place, "a string, or an object with text", document);
}

/** Written vector by vector, since thousands of them take seconds. */
async function pieces(
  vectors: readonly Float32Array[],
  begin: string,
  end: string,
  write: (vector: Float32Array, index: number) => string,
): Promise<readonly string[]> {
  const written = [begin];
  for (const [index, vector] of vectors.entries()) {
    await turn();
    written.push(`${index === 0 ? "" : ","}${write(vector, index)}`);
  }
  return [...written, end];
}

const numbers = (vector: Float32Array) => JSON.stringify(Array.from(vector));

const base64Of = (vector: Float32Array) =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
