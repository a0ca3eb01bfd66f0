// Chunks of an answer as the body of a response. A client that reads slowly pauses the generation. While there is no
// data, heartbeats are sent, because proxies and clients close connections that are silent for a minute.
import { ApiError, toApiError } from "../api_error.js";
import type { RequestContext } from "../request_context.js";
import type { RequestFields } from "../request_fields.js";
import type { StreamForm, WaitingForm } from "./stream_forms.js";

const encoder = new TextEncoder();

/** An answer that is sent as it comes. */
export class AnswerStream {
  readonly chunks: AsyncGenerator<object, void, undefined>;
  readonly form: StreamForm;

  constructor(chunks: AsyncGenerator<object, void, undefined>, form: StreamForm) {
    this.chunks = chunks;
    this.form = form;
  }

  /** The same, which calls `end` when it ends, whatever way. It may be called twice. */
  endingWith(end: () => void): AnswerStream {
    const { chunks } = this;
    const all = async function* () {
      try {
        yield* chunks;
      } finally {
        end();
      }
    };
    return new AnswerStream(all(), this.form);
  }
}

export interface EventStreamOptions {
  readonly requestContext: RequestContext;
  readonly fields?: RequestFields;
  /** How long the first chunk may take until the status goes out without it. */
  readonly statusAfterMs: number;
  /** How long nothing is sent until a heartbeat is. */
  readonly heartbeatMs: number;
  /** How long a client may leave what is there unread. */
  readonly readerTimeoutMs: number;
  readonly onError: (error: ApiError) => void;
  /** Ends the connection, where that is known; otherwise the stream breaks off. */
  readonly disconnect: (() => void) | undefined;
}

/**
 * Resolves with the first chunk or after `statusAfterMs`: what fails before that still has a status of its own. The
 * answer itself may take longer to begin; until then the stream has the form `waiting`.
 */
export async function eventStream(
  answer: Promise<AnswerStream>,
  waiting: WaitingForm,
  options: EventStreamOptions,
): Promise<Response> {
  const { requestContext, fields, readerTimeoutMs, statusAfterMs, heartbeatMs, onError, disconnect } = options;
  let begun: AnswerStream | undefined;
  const step = async () => (begun ??= await answer).chunks.next();
  let next: Promise<IteratorResult<object, void>> | undefined = step();
  let mayWaitMs = (await settlesWithin(next, statusAfterMs)) ? heartbeatMs : 0;
  let timer: NodeJS.Timeout | undefined;
  let isGone = false;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(timer);
        try {
          next ??= step();
          const hasCome = await settlesWithin(next, mayWaitMs);
          // The client may leave while a chunk is waited for; its stream takes nothing any more.
          if (isGone) return;
          if (hasCome) {
            const { done, value } = await next;
            next = undefined;
            const { form } = begun!;
            const text = done ? form.end : form.write(value);
            if (text !== "") controller.enqueue(encoder.encode(text));
            if (done) return controller.close();
          } else {
            controller.enqueue(encoder.encode((begun?.form ?? waiting).heartbeat));
          }
          mayWaitMs = heartbeatMs;
        } catch (thrown) {
          const error = toApiError(thrown, fields);
          onError(error);
          try {
            controller.enqueue(encoder.encode((begun?.form ?? waiting).fail(error)));
            controller.close();
          } catch {
            // The client has gone.
          }
          return;
        }
        timer = setTimeout(() => {
          const error = new ApiError(408, "reader_too_slow", `Nothing was read for ${readerTimeoutMs} ms.`);
          requestContext.cancel(error);
          onError(error);
          if (disconnect === undefined) controller.error(error);
          else disconnect();
        }, readerTimeoutMs);
      },
      async cancel() {
        isGone = true;
        clearTimeout(timer);
        requestContext.cancel(new ApiError(499, "client_closed_request", "The client went away."));
        await answer.then(({ chunks }) => chunks.return()).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: {
      "content-type": waiting.type,
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    },
  });
}

/** Whether a promise resolves before the time is over. Rejects as it does; what it does later is left to others. */
async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      promise.then(() => true),
      new Promise<boolean>((resolve) => (timer = setTimeout(resolve, milliseconds, false))),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
