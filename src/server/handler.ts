// The server as a fetch handler: its routes and access checks.
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { AllowedHosts } from "./http/allowed_hosts.js";
import { ApiError, isOfUpstream, toApiError } from "./api_error.js";
import { anthropicError } from "./anthropic/anthropic_errors.js";
import { ApiKeys } from "./http/api_keys.js";
import { countTokens, messageForm, messages } from "./anthropic/messages.js";
import { readMessageRequest } from "./anthropic/message_request.js";
import { ollamaAnswer, ollamaForm, ollamaUnloads } from "./ollama/ollama_answers.js";
import { readChat, readGenerate } from "./ollama/ollama_requests.js";
import { ollamaRoutes } from "./ollama/ollama_routes.js";
import { ollamaError } from "./ollama/ollama_errors.js";
import { adapterRoutes } from "./openai/adapter_routes.js";
import { applyTemplate } from "./openai/apply_template.js";
import { chatCompletions } from "./openai/chat_completions.js";
import { readChatRequest } from "./openai/chat_request.js";
import { readCompletionRequest } from "./openai/completion_request.js";
import { completions } from "./openai/completions.js";
import { generateEndpoint, requestIdHeader } from "./answers/generate_endpoint.js";
import { ConcurrencyLimiter } from "./request_context.js";
import { Metrics } from "./http/metrics.js";
import { limitReading, missingSlash } from "./http/node_request.js";
import { Page } from "./http/page.js";
import { Pipelined } from "./pipelined.js";
import { BodyReader } from "./http/read_body.js";
import { readResponseRequest } from "./responses/response_request.js";
import { ResponseStore } from "./responses/response_store.js";
import { respond, responseWaiting } from "./responses/responses.js";
import { storedRoutes } from "./responses/stored_routes.js";
import { apiOf, remedies, routes, spellings, type ApiName } from "./routes.js";
import { GivenModels } from "./models/given_models.js";
import { modelRoutes } from "./models/model_routes.js";
import { ServedModels } from "./models/served_models.js";
import { checkCloseOptions, checkHandlerOptions, isPool, type HandlerOptions } from "./server_options.js";
import { dataStream } from "./http/stream_forms.js";
import type { Finished } from "./service.js";
import { describeStats } from "./stats.js";
import { infill } from "./llama/infill.js";
import { readInfillRequest } from "./llama/infill_request.js";
import { embeddingRoutes } from "./embeddings/embedding_routes.js";
import { engineRoutes } from "./engine/engine_routes.js";
import { tokenizerRoutes } from "./openai/tokenizer_routes.js";
import { withUnreadBody } from "./http/unread_body.js";

/** The APIs of OpenAI, Anthropic and Ollama over the models it was made with. */
export interface Handler {
  /**
   * Answers a request. Does not use `this`. `env` is what adapters for Node's servers provide: `{ incoming, outgoing
   * }`.
   */
  readonly fetch: (request: Request, env?: unknown) => Promise<Response>;
  /**
   * Refuses further requests and waits for running ones; those left after `graceMs` (default 10,000) are cancelled. The
   * models stay open.
   */
  close(options?: { readonly graceMs?: number | undefined }): Promise<void>;
}

/**
 * A server for clients of OpenAI, Anthropic and Ollama, to mount into an application of your own, or to give to
 * `listen`.
 *
 * @example
 * ```ts
 * import { Hono } from "hono";
 * import { load } from "caduceus";
 * import { createHandler } from "caduceus/server";
 *
 * const handler = createHandler({ models: { hermes: await load("hermes-2-pro") } });
 * const app = new Hono();
 * app.mount("/llm", handler.fetch);                    // others take a fetch handler as well
 * ```
 *
 * @throws CaduceusError `INVALID_ARGUMENT`
 */
export function createHandler(options: HandlerOptions): Handler {
  const settings = checkHandlerOptions(options);
  const models = new ServedModels(
    isPool(settings.models) ? settings.models : new GivenModels(settings.models, settings.onError),
    settings.onError,
  );
  const keys = new ApiKeys(settings.apiKeys);
  const hosts = new AllowedHosts(settings.allowedHosts);
  const limiter = new ConcurrencyLimiter(settings.maxQueue);
  const bodies = new BodyReader(settings);
  const metrics = new Metrics();
  const pipelined = new Pipelined();
  const responses = new ResponseStore(settings);

  const report = (error: ApiError) => {
    metrics.failed(error.code);
    if (cancellations.has(error.code)) metrics.cancelled(error.code);
    if (error.status === 500 || isOfUpstream(error.cause)) settings.onError(error.cause ?? error);
  };

  const plain = { models, keys, bodies, limiter, replyTimeoutMs: settings.replyTimeoutMs };
  const services = {
    ...settings,
    ...plain,
    onFinish: (model: string, result: Finished) => metrics.finished(model, result),
    onError: report,
  };
  const generate = generateEndpoint(services);

  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    metrics.responded(routes.get(context.req.path)?.path ?? "other", context.res.status);
  });
  app.use(async (context, next) => {
    hosts.check(context.req.header("host") ?? new URL(context.req.url).host);
    return next();
  });
  if (settings.corsOrigins.length > 0) {
    const origin = settings.corsOrigins.includes("*") ? "*" : [...settings.corsOrigins];
    app.use(
      cors({
        origin,
        allowMethods: ["GET", "POST", "DELETE"],
        exposeHeaders: [requestIdHeader, "request-id", "retry-after"],
        maxAge: 600,
      }),
    );
  }
  app.on("GET", spellings("/health"), (context) => context.json({ status: "ok" }));
  app.get("/ready", (context) => {
    const status = limiter.isClosed ? "shutting down" : models.areReady ? "ready" : "loading";
    return context.json({ status }, status === "ready" ? 200 : 503);
  });
  app.get("/metrics", (context) => {
    keys.check(context.req.raw.headers);
    const { waiting, active } = limiter;
    return context.body(metrics.text({ waiting, active, models: models.states() }), 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
    });
  });
  app.get("/stats", (context) => {
    keys.check(context.req.raw.headers);
    const { waiting, active } = limiter;
    return context.json(describeStats({ waiting, active, models: models.states() }), 200, {
      "cache-control": "no-store",
    });
  });
  app.route("/", modelRoutes(plain));
  app.on(
    "POST",
    spellings("/v1/chat/completions"),
    generate({ read: readChatRequest, answer: chatCompletions, waiting: dataStream }),
  );
  app.on(
    "POST",
    spellings("/v1/completions"),
    generate({ read: readCompletionRequest, answer: completions, waiting: dataStream }),
  );
  app.post("/infill", generate({ read: readInfillRequest, answer: infill, waiting: dataStream }));
  app.on(
    "POST",
    spellings("/v1/responses"),
    generate({
      read: readResponseRequest(responses, settings.maxBodyBytes),
      answer: respond(responses),
      waiting: responseWaiting,
    }),
  );
  app.route("/", storedRoutes(responses, keys));
  app.on(
    "POST",
    spellings("/v1/messages"),
    generate({ read: readMessageRequest, answer: messages, waiting: messageForm }),
  );
  app.on("POST", spellings("/v1/messages/count_tokens"), generate({ read: readMessageRequest, answer: countTokens }));
  const ollama = { answer: ollamaAnswer, waiting: ollamaForm, unloads: ollamaUnloads };
  app.post("/api/chat", generate({ read: readChat, ...ollama }));
  app.post("/api/generate", generate({ read: readGenerate, ...ollama }));
  app.route("/", ollamaRoutes({ models, keys, bodies }));
  app.post("/apply-template", generate({ read: readChatRequest, answer: applyTemplate }));
  if (settings.page) {
    const page = new Page();
    app.get("/", async (context) => {
      const target = missingSlash(context.env);
      return target === undefined
        ? page.answer("index.html", context.req.raw)
        : context.body(null, 308, { location: target });
    });
    app.get("/assets/:name", (context) => page.answer(`assets/${context.req.param("name")}`, context.req.raw));
  }
  app.route("/", adapterRoutes(plain));
  app.route("/", tokenizerRoutes(plain));
  app.route("/", embeddingRoutes(plain));
  app.route("/", engineRoutes(services));
  const refuse = (context: Context, error: ApiError) => {
    report(error);
    const body = errorBodies[apiOf(context.req.path)](error);
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    const headers = {
      ...error.headers,
      "content-type": "application/json",
      "content-length": String(bytes.byteLength),
    };
    // Through the context, whose headers say who may read it.
    return context.body(withUnreadBody(context.req.raw, bytes) ?? bytes, error.status as 400, headers);
  };
  app.notFound((context) => {
    const { path } = context.req;
    const allowed = routes.get(path)?.method;
    const remedy = remedies.get(path);
    return refuse(
      context,
      allowed === undefined || allowed === context.req.method
        ? new ApiError(
            404,
            "not_found",
            `There is nothing at ${context.req.method} ${path.slice(0, 200)}.${remedy === undefined ? "" : ` ${remedy}`}`,
          )
        : new ApiError(405, "method_not_allowed", `${path} does not take ${context.req.method}. Send ${allowed}.`, {
            headers: { allow: allowed },
          }),
    );
  });
  app.onError((thrown, context) => refuse(context, toApiError(thrown)));

  return {
    fetch: async (request, env) => {
      limitReading(env, settings.readerTimeoutMs);
      const next = pipelined.next(env);
      // Nobody would see the answer.
      if (next !== undefined && !(await next)) return new Response(null, { status: 400 });
      return app.fetch(request, env ?? {});
    },
    close: async (how) => {
      await limiter.close(checkCloseOptions(how).graceMs);
      responses.close();
    },
  };
}

const cancellations: ReadonlySet<string> = new Set([
  "client_closed_request",
  "reply_timeout",
  "reader_too_slow",
  "shutting_down",
]);

const errorBodies: Readonly<Record<ApiName, (error: ApiError) => object>> = {
  openai: ({ body }) => body,
  anthropic: anthropicError,
  ollama: ollamaError,
};
