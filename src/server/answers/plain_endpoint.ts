// An endpoint that answers with one object and generates no text: the tokenizer, embeddings, rerankers.
import type { Context } from "hono";
import { toApiError } from "../api_error.js";
import type { Fields } from "../fields/read_fields.js";
import type { ApiKeys } from "../http/api_keys.js";
import type { BodyReader } from "../http/read_body.js";
import { type ConcurrencyLimiter, type RequestContext, newRequestId } from "../request_context.js";
import { requestFields } from "../request_fields.js";
import { apiOf } from "../routes.js";
import type { ServedModels } from "../served_models.js";

export interface PlainServices {
  readonly models: ServedModels;
  readonly keys: ApiKeys;
  readonly bodies: BodyReader;
  readonly limiter: ConcurrencyLimiter;
  readonly replyTimeoutMs: number;
}

/** Takes a place in the queue, as what generates. `answer` gives the object, or its JSON in pieces. */
export const plainEndpoint =
  ({ keys, bodies, limiter, replyTimeoutMs }: PlainServices) =>
  (answer: (body: Fields, requestContext: RequestContext) => Promise<object | readonly string[]>) =>
  async (context: Context): Promise<Response> => {
    keys.check(context.req.raw.headers);
    limiter.checkOpen();
    const isTyped = apiOf(context.req.path) !== "ollama";
    const body = await bodies.read(context.req.raw, context.env, { isTyped });
    const requestContext = limiter.enter(newRequestId(), context.req.raw.signal, replyTimeoutMs);
    try {
      const answered = await answer(body, requestContext);
      if (!isPieces(answered)) return context.json(answered);
      return context.body(streamOf(answered), 200, { "content-type": "application/json" });
    } catch (error) {
      throw requestContext.cancellation ?? toApiError(error, requestFields(body.names()));
    } finally {
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
