// A signal for one request: aborts with the caller's own, and when the server has sent nothing for too long.
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

  /** Something came. */
  touch(): void {
    this.#timer.refresh();
  }

  /** Ends the watch, and what is left of the request with it. */
  end(): void {
    clearTimeout(this.#timer);
    this.#unfollow();
    this.#abort.abort();
  }
}
