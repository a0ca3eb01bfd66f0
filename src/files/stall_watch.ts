// A signal for one request: aborts with the caller's own, and when the server has sent nothing for too long.

export class StallWatch {
  readonly #abort = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  hasStalled = false;

  constructor(stallMs: number, outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#timer = setTimeout(() => {
      this.hasStalled = true;
      this.#abort.abort();
    }, stallMs);
    if (outer?.aborted) this.#follow();
    else outer?.addEventListener("abort", this.#follow, { once: true });
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
    this.#outer?.removeEventListener("abort", this.#follow);
    this.#abort.abort();
  }

  readonly #follow = () => this.#abort.abort();
}
