// The cached sequence of a conversation, shared by every chat that may continue it.
import type { Run } from "../engine/engine.js";

/**
 * A run that has ended, with a reference count. Each holder releases it once; after the last release the engine may
 * drop its tokens.
 */
export class SharedRun {
  /** Number of its tokens. */
  readonly tokens: number;
  readonly #run: Run;
  #holders = 1;

  /** Takes over an ended run; the creator holds it. */
  constructor(run: Run, tokens: number) {
    this.tokens = tokens;
    this.#run = run;
  }

  /** What a request names in `after`. */
  get runId(): number {
    return this.#run.id;
  }

  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    if (--this.#holders === 0) this.#run.release();
  }
}
