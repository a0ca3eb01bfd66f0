// An endpoint that generates: reads its request, has the model loaded, and answers with an object or a stream.
import type { Context } from "hono";
import { toApiError, type ApiError } from "../api_error.js";
import type { Fields } from "../fields/read_fields.js";
import { AnswerStream, eventStream } from "../http/event_stream.js";
import { disconnectOf } from "../http/node_request.js";
import type { WaitingForm } from "../http/stream_forms.js";
import { toJson } from "../json_text.js";
import type { Held } from "../models/served_models.js";
import { newRequestId, type RequestContext } from "../request_context.js";
import type { RequestFields } from "../request_fields.js";
import { apiOf } from "../routes.js";
import type { Finished, Served, Service } from "../service.js";
import { turn } from "../turns.js";
import type { PlainServices } from "./plain_endpoint.js";

/** Which header the answer to a request is known by. */
export const requestIdHeader = "x-request-id";

export interface GenerateServices extends PlainServices {
  readonly statusAfterMs: number;
  readonly heartbeatMs: number;
  readonly readerTimeoutMs: number;
  readonly onFinish: (model: string, result: Finished) => void;
  /** Told of what fails in a stream. */
  readonly onError: (error: ApiError) => void;
}

/** A request as an endpoint has read it. */
interface Request {
  readonly fields: RequestFields;
  readonly stream?: boolean;
  readonly keepAliveMs?: number | false | undefined;
}

export interface Generation<R extends Request> {
  readonly read: (body: Fields, cacheScope: string) => R;
  /** Gives the response's object, or an `AnswerStream`. */
  readonly answer: (request: R & Served, service: Service) => Promise<object>;
  /** Of its streams, until they begin. Without it there are none. */
  readonly waiting?: WaitingForm;
  /** The answer to a request that only wants its model unloaded; undefined for others. */
  readonly unloads?: (request: R & Served) => object | undefined;
}

export const generateEndpoint =
  (services: GenerateServices) =>
  <R extends Request>({ read, answer, waiting, unloads }: Generation<R>) =>
  async (context: Context): Promise<Response> => {
    const { models, keys, bodies, limiter, replyTimeoutMs } = services;
    const cacheScope = keys.check(context.req.raw.headers);
    const id = newRequestId();
    const api = apiOf(context.req.path);
    // Anthropic's clients look for it without its x.
    const idHeaders = api === "anthropic" ? [requestIdHeader, "request-id"] : [requestIdHeader];
    for (const name of idHeaders) context.header(name, id);
    limiter.checkOpen();
    // A place in the queue is taken by what can be answered: the body is there.
    const body = await bodies.read(context.req.raw, context.env, { isTyped: api !== "ollama" });
    const requestContext = limiter.enter(id, context.req.raw.signal, replyTimeoutMs);
    const { signal } = requestContext;
    let request: (R & Served) | undefined;
    try {
      const asked = (request = { ...read(body, cacheScope), model: body.text("model") ?? models.only() });
      models.find(asked.model);
      const begin = async (): Promise<object> => {
        const unloaded = unloads?.(asked);
        if (unloaded !== undefined) {
          await models.unload(asked.model, { signal });
          return unloaded;
        }
        const held = await models.acquire(asked.model, { signal, keepAliveMs: asked.keepAliveMs });
        return whileHeld(held, requestContext, async () => {
          await turn();
          return answer(asked, serviceOf(held, { requestContext, cacheScope, onFinish: services.onFinish }));
        });
      };
      if (waiting === undefined || asked.stream !== true) {
        const answered = toJson(await begin());
        requestContext.end();
        return context.body(answered, 200, { "content-type": "application/json" });
      }
      const response = await eventStream(begin() as Promise<AnswerStream>, waiting, {
        ...services,
        requestContext,
        fields: request.fields,
        disconnect: disconnectOf(context.env),
      });
      for (const name of idHeaders) response.headers.set(name, requestContext.id);
      return response;
    } catch (error) {
      requestContext.end();
      throw requestContext.cancellation ?? toApiError(error, request?.fields);
    }
  };

function serviceOf(
  { name, model, tokens, loadMs }: Held,
  {
    requestContext,
    cacheScope,
    onFinish,
  }: Pick<Service, "requestContext" | "cacheScope"> & Pick<GenerateServices, "onFinish">,
): Service {
  return {
    model,
    tokens,
    loadMs,
    requestContext,
    cacheScope,
    onFinish: (result) => onFinish(name, result),
    requestId: (index, count) => (count === 1 ? requestContext.id : `${requestContext.id}-${index}`),
  };
}

/** Releases the model when the answer is there, or cancelled; one that comes in pieces when its last piece is. */
async function whileHeld(held: Held, requestContext: RequestContext, work: () => Promise<object>): Promise<object> {
  // Nobody may read what is left of a stream.
  const onAbort = () => requestContext.cancellation !== undefined && held.release();
  requestContext.signal.addEventListener("abort", onAbort, { once: true });
  let answered: object | undefined;
  try {
    answered = await work();
  } finally {
    if (!(answered instanceof AnswerStream)) held.release();
  }
  return answered instanceof AnswerStream ? answered.endingWith(held.release) : answered;
}
