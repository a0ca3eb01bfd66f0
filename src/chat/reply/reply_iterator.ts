// The async iterator of a reply, with the whole protocol of an async generator, in any order of calls.
/// <reference lib="esnext.disposable" preserve="true" />

/** What is read, and how it is told that its reader leaves. */
export interface ReplySource<T> {
  /** Undefined at the end. Not called again before it has settled. */
  next(): Promise<T | undefined>;
  /** Called once at most; `next` settles soon afterwards. Resolves when everything has stopped. */
  leave(reason: unknown): Promise<void>;
}

/**
 * As a generator's: calls of `next` queue up, a failure is thrown once and is then the end, and `return` and `throw`
 * work before the first step, after the last and any number of times. Unlike a generator's they do not wait for a
 * pending `next` but stop it: it resolves with `done`. A failure that nobody looks at ends no process.
 */
export class ReplyIterator<T> implements AsyncGenerator<T, void, undefined> {
  readonly #source: ReplySource<T>;
  readonly #onLeave: () => unknown;
  #last: Promise<unknown> = Promise.resolve();
  #isOver = false;
  #leaving: Promise<void> | undefined;

  /** `onLeave` says why there is no result where the reader left by `return`. */
  constructor(source: ReplySource<T>, onLeave: () => unknown) {
    this.#source = source;
    this.#onLeave = onLeave;
  }

  next(): Promise<IteratorResult<T, void>> {
    const step = this.#last.then(() => this.#step());
    this.#last = step.catch(() => {});
    return step;
  }

  async return(value?: void | PromiseLike<void>): Promise<IteratorResult<T, void>> {
    const given = Promise.resolve(value);
    given.catch(() => {}); // It is awaited below.
    await this.#leave(this.#onLeave());
    return { done: true, value: await given };
  }

  async throw(error?: unknown): Promise<IteratorResult<T, void>> {
    await this.#leave(error);
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #step(): Promise<IteratorResult<T, void>> {
    try {
      const value = this.#isOver ? undefined : await this.#source.next();
      if (value !== undefined && !this.#isOver) return { done: false, value };
    } catch (error) {
      if (!this.#isOver) {
        this.#isOver = true;
        throw error;
      }
    }
    this.#isOver = true;
    return { done: true, value: undefined };
  }

  #leave(reason: unknown): Promise<void> {
    if (this.#isOver && this.#leaving === undefined) return Promise.resolve();
    this.#isOver = true;
    return (this.#leaving ??= this.#source.leave(reason));
  }
}
