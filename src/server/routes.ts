// The paths that the server answers at, their methods, and the other spellings of them that clients of llama-server
// use.

/** Whose form answers and errors have. */
export type ApiName = "openai" | "anthropic" | "ollama";

const methods: Readonly<Record<string, "GET" | "POST">> = {
  "/": "GET",
  "/health": "GET",
  "/ready": "GET",
  "/metrics": "GET",
  "/stats": "GET",
  "/v1/models": "GET",
  "/v1/models/load": "POST",
  "/v1/models/unload": "POST",
  "/v1/chat/completions": "POST",
  "/v1/completions": "POST",
  "/infill": "POST",
  "/v1/responses": "POST",
  "/v1/messages": "POST",
  "/v1/messages/count_tokens": "POST",
  "/api/chat": "POST",
  "/api/generate": "POST",
  "/v1/embeddings": "POST",
  "/v1/engine": "POST",
  "/v1/engine/run": "POST",
  "/v1/engine/tokenize": "POST",
  "/v1/engine/detokenize": "POST",
  "/v1/engine/token-bytes": "POST",
  "/v1/engine/embed": "POST",
  "/v1/rerank": "POST",
  "/api/embed": "POST",
  "/api/tags": "GET",
  "/api/ps": "GET",
  "/api/show": "POST",
  "/api/version": "GET",
  "/apply-template": "POST",
  "/tokenize": "POST",
  "/detokenize": "POST",
  "/tokenizer_info": "GET",
  "/lora-adapters": "GET",
};

/** A path, and the same without `/v1`, as llama-server has it; that has `/health` below `/v1` too. */
export function spellings(path: string): string[] {
  if (path.startsWith("/v1/")) return [path, path.slice(3)];
  return path === "/health" ? [path, `/v1${path}`] : [path];
}

export interface Route {
  /** Its first spelling, by which the metrics count. */
  readonly path: string;
  readonly method: "GET" | "POST";
}

/** By all spellings. */
export const routes: ReadonlyMap<string, Route> = new Map(
  Object.entries(methods).flatMap(([path, method]) =>
    spellings(path).map((spelling): [string, Route] => [spelling, { path, method }]),
  ),
);

/** By the path alone, so that errors of paths that do not exist have the form that their clients read. */
export function apiOf(path: string): ApiName {
  if (path.startsWith("/api/")) return "ollama";
  return /^(\/v1)?\/messages(\/|$)/.test(path) ? "anthropic" : "openai";
}

/** What stands in the place of paths that others have and this server has not. */
export const remedies: ReadonlyMap<string, string> = new Map([
  ["/completion", "It answers in llama-server's own form; POST /v1/completions answers in OpenAI's."],
  ["/v1/messages/batches", "POST /v1/messages answers conversations one by one."],
  ["/api/pull", "The command `caduceus pull` downloads models."],
  ["/props", "GET /stats and GET /tokenizer_info say what is known of the models."],
]);
