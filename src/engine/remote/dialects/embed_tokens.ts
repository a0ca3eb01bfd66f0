// Embeddings of token ids or of a text, as OpenAI's API has them.
import type { Embedding, EmbeddingRequest } from "../../engine.js";
import { AnswerFields } from "../http/answer_fields.js";
import type { ServerConnection } from "../http/server_connection.js";
import { invalidAnswer, unsupported } from "../http/upstream_errors.js";

export async function embedTokens(
  connection: ServerConnection,
  { model, contextSize }: { readonly model: string; readonly contextSize: number },
  request: EmbeddingRequest,
  tokens: Int32Array,
  signal: AbortSignal | undefined,
): Promise<Embedding> {
  const read = request.truncate && tokens.length > contextSize ? tokens.slice(0, contextSize) : tokens;
  const { values } = await askEmbedding(connection, { model, input: [...read] }, request, signal);
  return { values, tokens: read.length, truncated: read.length < tokens.length };
}

/** Also the number of tokens that the server has read, if it tells. */
export async function askEmbedding(
  connection: ServerConnection,
  asked: { readonly model: string; readonly input: string | readonly number[] },
  { second, pooling }: EmbeddingRequest,
  signal: AbortSignal | undefined,
): Promise<{ readonly values: Float32Array; readonly tokens: number | undefined }> {
  const { url } = connection;
  if (second !== undefined) throw unsupported("A server's reranker cannot be used.");
  if (pooling !== undefined) throw unsupported("pooling cannot be chosen.", "Without it the server's own is used.");
  const body = { ...asked, encoding_format: "float" };
  const answer = new AnswerFields(await connection.ask("/v1/embeddings", { body, signal }), url);
  const [one] = answer.required("data", answer.list);
  const fields = new AnswerFields(one, url, "an embedding");
  const list = fields.required("embedding", fields.list);
  if (!list.every((value) => typeof value === "number")) throw invalidAnswer(url, "an embedding that has no numbers");
  return { values: Float32Array.from(list as number[]), tokens: answer.fields("usage")?.count("prompt_tokens") };
}
