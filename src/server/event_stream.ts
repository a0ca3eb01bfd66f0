// Chunks as server-sent events. It pulls: a client that reads slowly parks what generates for it.
import { ApiError, toApiError } from "./api_error.js";
import type { Exchange } from "./exchange.js";

const encoder = new TextEncoder();
const line = (text: string) => encoder.encode(`data: ${text}\n\n`);

export interface EventStreamOptions {
  readonly exchange: Exchange;
  /** How long a client may leave what is there unread. */
  readonly readerTimeoutMs: number;
  readonly onError: (error: ApiError) => void;
  /** Ends the connection, where that is known; otherwise the stream breaks off. */
  readonly disconnect: (() => void) | undefined;
}

/** Resolves with the first chunk, so that what fails before it still has a status of its own. */
export async function eventStream(chunks: AsyncGenerator<object, void, undefined>, { exchange, readerTimeoutMs, onError, disconnect }: EventStreamOptions): Promise<Response> {
  let next: Promise<IteratorResult<object, void>> | undefined = Promise.resolve(await chunks.next());
  let timer: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(timer);
      try {
        const { done, value } = await (next ?? chunks.next());
        next = undefined;
        controller.enqueue(line(done ? "[DONE]" : JSON.stringify(value)));
        if (done) return controller.close();
      } catch (thrown) {
        const error = toApiError(thrown);
        onError(error);
        try {
          controller.enqueue(line(JSON.stringify(error.body)));
          controller.close();
        } catch {
          // The client has gone.
        }
        return;
      }
      timer = setTimeout(() => {
        const error = new ApiError(408, "reader_too_slow", `Nothing was read for ${readerTimeoutMs} ms.`);
        exchange.cancel(error);
        onError(error);
        if (disconnect === undefined) controller.error(error);
        else disconnect();
      }, readerTimeoutMs);
    },
    async cancel() {
      clearTimeout(timer);
      exchange.cancel(new ApiError(499, "client_closed_request", "The client went away."));
      await chunks.return();
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" } });
}
