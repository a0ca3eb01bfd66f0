// The end of a conversation in the engine's cache, held by every chat that may go on from it.
import type { Run } from "../engine/engine.js";

/** Whoever holds a branch releases it once; the engine may forget the run after the last release. */
export class Branch {
  /** How many there are. */
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
