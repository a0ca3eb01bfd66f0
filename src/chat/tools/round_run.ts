// One round of a reply: one request of the engine.
import type { Run, RunDelta, RunEnd, RunPrompt, RunRequest } from "../../engine/engine.js";
import { CaduceusError, withParam } from "../../errors.js";
import type { LoadedModel } from "../../model/loading/loaded_model.js";
import type { RoundTrace } from "../diagnostics.js";
import type { PromptToken, ReplyEvent, TextEvent, TokenProbability } from "../reply/reply_events.js";
import type { KnownCall } from "./tool.js";
import { promptTokens, tokenProbabilities } from "../reply/token_probabilities.js";

/**
 * All that a reply does, in order. It runs by itself up to its first yield, which gives nothing and says that the
 * engine has the request; from there on it goes only as far as it is read.
 */
export type ReplySteps<V = unknown, C extends KnownCall = KnownCall> = AsyncGenerator<
  ReplyEvent<V, C> | undefined,
  void,
  undefined
>;

export class RoundRun {
  readonly run: Run;
  readonly #request: RunRequest;
  readonly #signal: AbortSignal;
  readonly #trace: RoundTrace;
  readonly #cancel = () => this.run.cancel();
  #text = "";
  readonly #probabilities: TokenProbability[] = [];
  #end: RunEnd | undefined;
  #stopped = false;
  #hasFailed = false;
  /** What the engine counted, of a round that was cancelled too. */
  #counted: RunEnd | undefined;

  /** Submits the request; the signal cancels it from now on. */
  constructor(model: LoadedModel, request: RunRequest, signal: AbortSignal, trace: RoundTrace) {
    this.run = model.engine.submit(request);
    this.#request = request;
    this.#signal = signal;
    this.#trace = trace;
    trace.start(request);
    signal.addEventListener("abort", this.#cancel, { once: true });
  }

  /** The prompt's own tokens, once it has been read: before the texts, where they were asked for. */
  async prompt(): Promise<PromptToken[]> {
    const output = await this.#next();
    this.#signal.throwIfAborted();
    if (output?.type !== "prompt") throw this.#endedEarly();
    return promptTokens(output);
  }

  /** The text as it comes. Takes from the engine only what is asked for, so an idle reader pauses the run. */
  async *texts(): AsyncGenerator<TextEvent, void, undefined> {
    for (;;) {
      const output = await this.#next();
      this.#signal.throwIfAborted();
      if (
        output === undefined ||
        output.type === "prompt" ||
        (output.type === "end" && output.finishReason === "cancelled" && !this.#stopped)
      )
        throw this.#endedEarly();
      if (output.type === "end") {
        this.#end = output;
        this.#trace.end(output.finishReason === "length" && !this.#stopped ? "length" : "stop", output);
        return;
      }
      const event = this.#read(output);
      if (event === undefined) continue;
      yield event;
      this.#signal.throwIfAborted();
    }
  }

  #endedEarly(): CaduceusError {
    this.#hasFailed = true;
    return new CaduceusError("ENGINE_FAILED", "The engine ended the run before it was complete.");
  }

  async #next(): Promise<RunPrompt | RunDelta | RunEnd | undefined> {
    try {
      const output = await this.run.next();
      if (output?.type === "end") this.#counted = output;
      return output;
    } catch (error) {
      this.#hasFailed = true;
      throw this.#aboutConstraint(error);
    }
  }

  /** The engine knows constraints, not which option each was given as. */
  #aboutConstraint(error: unknown): unknown {
    const { constraint } = this.#request;
    const isOfConstraint =
      error instanceof CaduceusError &&
      error.param === undefined &&
      (error.code === "CONSTRAINT_INVALID" || error.code === "CONSTRAINT_TOO_COMPLEX");
    return isOfConstraint && constraint !== undefined ? withParam(error, optionOf[constraint.kind]) : error;
  }

  #read(delta: RunDelta): TextEvent | undefined {
    this.#text += delta.text;
    if (!this.#request.logProbabilities) return delta.text === "" ? undefined : { type: "text", text: delta.text };
    const logProbabilities = tokenProbabilities(delta);
    this.#probabilities.push(...logProbabilities);
    return { type: "text", text: delta.text, logProbabilities };
  }

  /** Ends the writing as if the model had: the texts come to their end soon. */
  stop(): void {
    this.#stopped = true;
    this.run.cancel();
  }

  get text(): string {
    return this.#text;
  }

  get logProbabilities(): readonly TokenProbability[] {
    return this.#probabilities;
  }

  /** How the round came out, once its texts have been read to the end. */
  get end(): RunEnd {
    if (this.#end === undefined) throw new CaduceusError("ENGINE_FAILED", "The round has not come to its end.");
    return this.#end;
  }

  /** Whether the limit leaves a token, once the round has come to its end. */
  get hasTokensLeft(): boolean {
    return this.end.usage.generatedTokens < (this.#request.maxTokens ?? Infinity);
  }

  /** Of the whole conversation, once the round has come to its end. */
  get tokens(): number {
    return this.end.usage.promptTokens + this.end.usage.generatedTokens;
  }

  /**
   * Lets go of the signal. A round that has not come to its end is cancelled and released, and this waits until the
   * engine has stopped it.
   */
  async settle(): Promise<void> {
    this.#signal.removeEventListener("abort", this.#cancel);
    if (this.#end !== undefined) return;
    this.run.cancel();
    const finishReason = this.#hasFailed ? "failed" : "cancelled";
    try {
      while ((await this.#next()) !== undefined);
    } catch {
      // Whatever ended it, it has ended; the reader has its reason already.
    } finally {
      this.run.release();
      this.#trace.end(finishReason, this.#counted);
    }
  }
}

const optionOf = { json: "schema", regex: "regex", lark: "grammar", tools: "tools" } as const;
