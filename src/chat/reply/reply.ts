// A running reply: awaited for its result, or iterated once for its events. It is pulled by its reader, with a bounded
// buffer.
import { CaduceusError } from "../../errors.js";
import { AnswerError } from "./answer_error.js";
import { followSignal } from "../../follow_signal.js";
import { PartialValue } from "../../format/partial_value.js";
import type { ReplyTrace } from "../diagnostics.js";
import type { Explanation, PromptRecord } from "../explain.js";
import type { FinishEvent, ReplyEvent, ReplyResult } from "./reply_events.js";
import { ReplyIterator } from "./reply_iterator.js";
import type { ReplySteps } from "../tools/round_run.js";
import type { Unenforced } from "../tools/round_constraint.js";
import type { KnownCall } from "../tools/tool.js";
import { whenDropped } from "../when_dropped.js";

/** How a reply is made. */
export interface ReplyPlan<V, C extends KnownCall> {
  /** Generates the reply. Its signal aborts when any of `signals` does, or when the reader leaves. */
  readonly start: (signal: AbortSignal) => ReplySteps<V, C>;
  readonly signals: readonly AbortSignal[];
  /** Records the prompts, for `explain`. */
  readonly record: PromptRecord;
  readonly trace: ReplyTrace;
  /** An earlier reply that is read to its end before this one. */
  readonly before?: Unread | undefined;
}

/** A reply as long as nobody has begun to read it. From then on only its reader keeps it. */
export interface Unread {
  reply: Reply<any, any> | undefined;
}

/**
 * What `model.reply`, `model.complete` and `chat.send` give. It has begun by the time it is returned.
 *
 * Await it for the result, or iterate it for its events, or iterate `textStream` for its text alone or `valueStream`
 * for the growing answer by `schema`. It can be iterated once; it can be awaited any number of times, and after an
 * iteration that went to the end too. Leaving the loop cancels it and waits until the engine has stopped; where it is
 * dropped unread, or between two steps, the garbage collector cancels it. What goes
 * wrong is thrown where it is read, and nowhere else: an answer that does not satisfy its schema, or was cut off, in
 * the place of the event `finish`, by an error whose `result` has what that would tell.
 */
export class Reply<V = unknown, C extends KnownCall = KnownCall>
  implements PromiseLike<ReplyResult<V, C>>, AsyncIterable<ReplyEvent<V, C>>
{
  readonly #steps: ReplySteps<V, C>;
  readonly #record: PromptRecord;
  readonly #trace: ReplyTrace;
  readonly #stopping = new AbortController();
  /** Ends what others hold of it: listeners on signals, and the watch for being dropped. */
  readonly #unfollow: (() => void)[] = [];
  readonly #result: Promise<ReplyResult<V, C>>;
  #settle!: { resolve(result: ReplyResult<V, C>): void; reject(reason: unknown): void };
  #failure: { readonly reason: unknown } | undefined;
  #isRead = false;
  #hasFinished = false;
  #before: Unread | undefined;
  readonly #unread: Unread = { reply: this };

  /** @internal */
  constructor({ start, signals, record, trace, before }: ReplyPlan<V, C>) {
    this.#record = record;
    this.#trace = trace;
    trace.start();
    this.#result = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    // Nobody may be waiting, and that is no reason to end the process.
    this.#result.catch(() => {});
    this.#before = before;
    try {
      const aborted = signals.find((signal) => signal.aborted);
      if (aborted !== undefined) this.#stopping.abort(aborted.reason);
      else for (const signal of signals) this.#unfollow.push(followSignal(signal, Reply.#stopper(this)));
    } catch (reason) {
      // Not every signal is ours: one that cannot be followed ends the reply, and where that is read.
      this.#stopping.abort(reason);
    }
    this.#steps = start(this.#stopping.signal);
    this.#unfollow.push(whenDropped(this, abandoning(this.#steps, this.#stopping, this.#unfollow, trace)));
    this.#steps.next().then(
      () => (this.#before = undefined),
      (error: unknown) => this.#fail(error),
    );
  }

  /** @internal What keeps it for one that comes after it. */
  get unread(): Unread {
    return this.#unread;
  }

  /** The id in messages of `node:diagnostics_channel`: the option `requestId`, else a generated id. */
  get id(): string {
    return this.#trace.requestId;
  }

  /**
   * The keywords of the schemas of tools and answer that are not enforced, each with its path and the reason. Known
   * before the first token; they are checked afterwards. Without a constraint, one entry with the keyword `*` stands
   * for each schema. Empty for a reply without tools and schema.
   */
  get unenforced(): readonly Unenforced[] {
    return this.#record.unenforced;
  }

  /** The text of the reply, in pieces. */
  get textStream(): AsyncIterable<string> {
    return {
      [Symbol.asyncIterator]: () =>
        this.#read((event) => (event.type === "text" && event.text !== "" ? event.text : undefined)),
    };
  }

  /**
   * The growing answer by `schema`, at each visible change: strings grow, numbers appear when they are complete, later
   * keys are missing. The last value is the checked `value`; earlier ones have not been checked. Yields nothing without
   * a schema.
   */
  get valueStream(): AsyncIterable<DeepPartial<Exclude<V, undefined>>> {
    return {
      [Symbol.asyncIterator]: () => {
        let partial = new PartialValue();
        return this.#read((event) => {
          if (event.type === "text")
            return partial.read(event.text) ? (partial.value as DeepPartial<Exclude<V, undefined>>) : undefined;
          if (event.type === "round") partial = new PartialValue();
          return event.type === "finish" ? (event.value as DeepPartial<Exclude<V, undefined>> | undefined) : undefined;
        });
      },
    };
  }

  /** Throws `ALREADY_CONSUMED` if the reply has been read. */
  [Symbol.asyncIterator](): AsyncGenerator<ReplyEvent<V, C>, void, undefined> {
    return this.#read((event) => event);
  }

  /** Reads the reply to its end, unless it is being read; `await` calls this. */
  then<A = ReplyResult<V, C>, B = never>(
    onFulfilled?: ((result: ReplyResult<V, C>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#readToEnd();
    return this.#result.then(onFulfilled, onRejected);
  }

  /** Like `Promise.prototype.catch`. */
  catch<B = never>(onRejected?: ((reason: any) => B | PromiseLike<B>) | null): Promise<ReplyResult<V, C> | B> {
    return this.then(undefined, onRejected);
  }

  /** Like `Promise.prototype.finally`: called when the reply is complete, has failed or was cancelled. */
  finally(onFinally?: (() => void) | null): Promise<ReplyResult<V, C>> {
    return this.then().finally(onFinally);
  }

  /**
   * The prompts of the reply: the format and why it was used, the exact text, its tokens, and how many of them were
   * cached. Reads the reply to its end unless it is being read. Also works for a reply that failed after its prompt was
   * rendered, as long as its model is open.
   */
  async explain(): Promise<Explanation> {
    const rounds = await this.then(
      ({ rounds }) => rounds,
      (error: unknown) => {
        if (!this.#record.hasPrompt) throw error;
        return error instanceof AnswerError ? error.result.rounds : [];
      },
    );
    return this.#record.explain(rounds);
  }

  #readToEnd(): void {
    if (this.#isRead) return;
    this.#begin();
    void (async () => {
      while ((await this.#next()) !== undefined);
    })().catch(() => {}); // The result carries the failure.
  }

  #read<T>(pick: (event: ReplyEvent<V, C>) => T | undefined): ReplyIterator<T> {
    if (this.#isRead)
      throw new CaduceusError(
        "ALREADY_CONSUMED",
        "This reply was iterated or awaited before, and can be read only once.",
      );
    this.#begin();
    const next = async () => {
      for (;;) {
        const event = await this.#next();
        const value = event === undefined ? undefined : pick(event);
        if (event === undefined || value !== undefined) return value;
      }
    };
    return new ReplyIterator<T>(
      { next, leave: (reason) => this.#stop(reason) },
      () => new CaduceusError("ALREADY_CONSUMED", "The reply has no result: its reader left before the end."),
    );
  }

  #begin(): void {
    this.#isRead = true;
    this.#unread.reply = undefined;
    const before = this.#before?.reply;
    if (before !== undefined) before.#readToEnd();
  }

  async #next(): Promise<ReplyEvent<V, C> | undefined> {
    try {
      const step = await this.#steps.next();
      if (this.#failure !== undefined) throw this.#failure.reason;
      if (step.value?.type === "finish") this.#finish(step.value);
      return step.value ?? undefined;
    } catch (error) {
      this.#fail(error);
      throw this.#failure === undefined ? error : this.#failure.reason;
    }
  }

  /**
   * Ends the reply for this reason unless it has ended. Resolves when the engine has stopped, and so do those who await
   * the reply.
   */
  async #stop(reason: unknown): Promise<void> {
    if (!this.#hasFinished) this.#failure ??= { reason };
    this.#stopping.abort(reason);
    await this.#steps.return().catch(() => {});
    this.#fail(reason);
  }

  /** What signals call, which may live much longer than whoever reads the reply: it does not hold it. */
  static #stopper(reply: Reply<any, any>): (reason: unknown) => void {
    const weak = new WeakRef(reply);
    return (reason) => {
      const self = weak.deref();
      if (self !== undefined) void self.#stop(reason);
    };
  }

  #finish({ type: _, ...result }: FinishEvent<V, C>): void {
    this.#hasFinished = true;
    this.#letGo();
    this.#trace.finish(result);
    this.#settle.resolve(result);
  }

  #fail(reason: unknown): void {
    if (this.#hasFinished) return;
    this.#failure ??= { reason };
    this.#letGo();
    this.#trace.fail(this.#failure.reason);
    this.#settle.reject(this.#failure.reason);
  }

  #letGo(): void {
    this.#before = undefined;
    for (const unfollow of this.#unfollow) unfollow();
  }
}

/** Ends a reply that was dropped. Made here, where no closure holds the reply itself. */
function abandoning(
  steps: ReplySteps<any, any>,
  stopping: AbortController,
  unfollow: readonly (() => void)[],
  trace: ReplyTrace,
): () => void {
  return () => {
    for (const end of unfollow) end();
    const reason = new CaduceusError("ALREADY_CONSUMED", "The reply was dropped: nothing could read it any more.");
    stopping.abort(reason);
    steps.return().catch(() => {});
    trace.fail(reason);
  };
}

/** A value of which every part may be missing. */
export type DeepPartial<T> = T extends readonly (infer E)[]
  ? DeepPartial<E>[]
  : T extends (...args: never[]) => unknown
    ? T
    : T extends object
      ? { [K in keyof T]?: DeepPartial<T[K]> }
      : T;
