// An endpoint that answers with one object and generates no text: the tokenizer, embeddings, rerankers.
import type { Context } from "hono";
import { toApiError } from "../api_error.js";
import type { Fields } from "../fields/read_fields.js";
import type { ApiKeys } from "../http/api_keys.js";
import type { BodyReader } from "../http/read_body.js";
import type { Held, ServedModels } from "../models/served_models.js";
import { type ConcurrencyLimiter, newRequestId } from "../request_context.js";
import { requestFields } from "../request_fields.js";
import { apiOf } from "../routes.js";

export interface PlainServices {
  readonly models: ServedModels;
  readonly keys: ApiKeys;
  readonly bodies: BodyReader;
  readonly limiter: ConcurrencyLimiter;
  readonly replyTimeoutMs: number;
}

export interface PlainRequest {
  readonly body: Fields;
  /** Aborts when the answer is no longer wanted. */
  readonly signal: AbortSignal;
  /** The model that the request names, loaded, until it is answered. */
  readonly hold: (keepAliveMs?: number | false) => Promise<Held>;
}

/** Takes a place in the queue, as what generates. `answer` gives the object, or its JSON in pieces. */
export const plainEndpoint =
  ({ models, keys, bodies, limiter, replyTimeoutMs }: PlainServices) =>
  (answer: (request: PlainRequest) => Promise<object | readonly string[]>) =>
  async (context: Context): Promise<Response> => {
    keys.check(context.req.raw.headers);
    limiter.checkOpen();
    const isTyped = apiOf(context.req.path) !== "ollama";
    const body = await bodies.read(context.req.raw, context.env, { isTyped });
    const requestContext = limiter.enter(newRequestId(), context.req.raw.signal, replyTimeoutMs);
    const { signal } = requestContext;
    let held: Held | undefined;
    const hold = async (keepAliveMs?: number | false) =>
      (held ??= await models.acquire(body.text("model") ?? models.only(), { signal, keepAliveMs }));
    try {
      const answered = await answer({ body, signal, hold });
      if (!isPieces(answered)) return context.json(answered);
      return context.body(streamOf(answered), 200, { "content-type": "application/json" });
    } catch (error) {
      throw requestContext.cancellation ?? toApiError(error, requestFields(body.names()));
    } finally {
      held?.release();
      requestContext.end();
    }
  };

const isPieces = (value: object): value is readonly string[] => Array.isArray(value);

/** A piece at a time, as the connection takes them. */
function streamOf(pieces: readonly string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next = 0;
  return new ReadableStream(
    {
      pull(controller) {
        const piece = pieces[next++];
        if (piece === undefined) controller.close();
        else controller.enqueue(encoder.encode(piece));
      },
    },
    { highWaterMark: 1 },
  );
}
