// The abort signal of one request: aborts with the caller's signal, or when the server has sent nothing for too long.
import { followSignal } from "../../follow_signal.js";

export class IdleTimeout {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #unfollow: () => void;
  hasTimedOut = false;

  constructor(idleTimeoutMs: number, outer: AbortSignal | undefined) {
    this.#timer = setTimeout(() => {
      this.hasTimedOut = true;
      this.#abort.abort();
    }, idleTimeoutMs);
    this.#unfollow = followSignal(outer, () => this.#abort.abort());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Restarts the timeout: data has arrived. */
  touch(): void {
    this.#timer.refresh();
  }

  /** Ends the timeout, and the rest of the request. */
  end(): void {
    clearTimeout(this.#timer);
    this.#unfollow();
    this.#abort.abort();
  }
}
