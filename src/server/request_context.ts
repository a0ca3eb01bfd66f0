// The context of a running request, and the limit on waiting requests.
import { randomUUID } from "node:crypto";
import { ApiError, retryAfter } from "./api_error.js";

/** What the client, the log channels and the errors call a request. */
export const newRequestId = () => `req_${randomUUID().replaceAll("-", "")}`;

/** Limits the number of waiting requests, and cancels running ones when the server closes. */
export class ConcurrencyLimiter {
  readonly #mostWaiting: number;
  readonly #inside = new Set<RequestContext>();
  #waiting = 0;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #onEmpty = () => {};

  /** @param mostWaiting answers that may wait for their first token */
  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get active(): number {
    return this.#inside.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Throws if the server is closing. */
  checkOpen(): void {
    if (this.#isClosed) throw shuttingDown();
  }

  /** Registers a request. Throws if the server is full or closing. `signal` aborts when the client disconnects. */
  enter(id: string, signal: AbortSignal, timeoutMs: number): RequestContext {
    this.checkOpen();
    if (signal.aborted) throw new ApiError(499, "client_closed_request", "The client went away.");
    const requestContext = new RequestContext(id, signal, timeoutMs, {
      wait: (count) => {
        if (count > 0 && this.#waiting + count > this.#mostWaiting) {
          throw new ApiError(
            429,
            "rate_limit_exceeded",
            `${this.#waiting} answers wait already, of ${this.#mostWaiting} that may. Try again later.`,
            { headers: retryAfter },
          );
        }
        this.#waiting += count;
      },
      leave: () => {
        this.#inside.delete(requestContext);
        if (this.#inside.size === 0) this.#onEmpty();
      },
    });
    try {
      requestContext.expect(1);
    } catch (error) {
      requestContext.end();
      throw error;
    }
    this.#inside.add(requestContext);
    return requestContext;
  }

  /** Refuses further requests, and resolves when all have ended; those left after `graceMs` are cancelled. */
  close(graceMs: number): Promise<void> {
    return (this.#closing ??= this.#end(graceMs));
  }

  async #end(graceMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#inside.size === 0) return;
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    const timer = setTimeout(() => {
      for (const requestContext of this.#inside) requestContext.cancel(shuttingDown());
    }, graceMs);
    await empty;
    clearTimeout(timer);
  }
}

function shuttingDown(): ApiError {
  return new ApiError(503, "shutting_down", "The server is shutting down.", {
    headers: { ...retryAfter, connection: "close" },
  });
}

export class RequestContext {
  readonly id: string;
  readonly #stopping = new AbortController();
  readonly #seat: { readonly wait: (count: number) => void; readonly leave: () => void };
  readonly #timer: NodeJS.Timeout;
  readonly #client: AbortSignal;
  readonly #onGone = () => this.cancel(new ApiError(499, "client_closed_request", "The client went away."));
  #waiting = 0;
  #hasEnded = false;
  #cancellation: ApiError | undefined;

  constructor(
    id: string,
    client: AbortSignal,
    timeoutMs: number,
    seat: { readonly wait: (count: number) => void; readonly leave: () => void },
  ) {
    this.id = id;
    this.#seat = seat;
    this.#client = client;
    this.#timer = setTimeout(
      () => this.cancel(new ApiError(504, "reply_timeout", `The answer took longer than ${timeoutMs} ms.`)),
      timeoutMs,
    );
    client.addEventListener("abort", this.#onGone, { once: true });
  }

  /** Aborts when the answer is no longer wanted; its reason is an `ApiError`. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Why it was cancelled; undefined where it was not. */
  get cancellation(): ApiError | undefined {
    return this.#cancellation;
  }

  /** Registers the number of expected answers. Throws if so many may not wait. */
  expect(count: number): void {
    if (this.#hasEnded) throw this.signal.reason;
    this.#seat.wait(count - this.#waiting);
    this.#waiting = count;
  }

  /** One of the answers has begun. */
  begun(): void {
    if (this.#waiting === 0) return; // Or all are over.
    this.#waiting--;
    this.#seat.wait(-1);
  }

  cancel(reason: ApiError): void {
    if (this.#hasEnded) return;
    this.#cancellation = reason;
    this.#stopping.abort(reason);
    this.end();
  }

  /** Ends the request and stops its generation. May be called twice. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#client.removeEventListener("abort", this.#onGone);
    this.#stopping.abort(new ApiError(500, "server_error", "The answer has ended."));
    this.#seat.wait(-this.#waiting);
    this.#waiting = 0;
    this.#seat.leave();
  }
}
