// Buffers the output of one run between the addon and its reader.
import { CaduceusError, engineError } from "../../errors.js";
import type { Run, RunDelta, RunEnd, RunPrompt, RunRequest, ScoredTokens } from "../engine.js";
import type { NativeEnd } from "./native.js";

/** Tokens that may wait here for the reader before the engine is told to keep the rest and, soon after, to pause. */
const maxQueuedTokens = 64;

/** The operations of the engine that a run needs. */
export interface RunControls {
  cancel(): void;
  pause(): void;
  resume(): void;
  release(): void;
  /** Somebody began, or ceased, to wait for output. */
  waits(waits: boolean): void;
}

export class AddonRun implements Run {
  readonly id: number;
  readonly logProbabilities: boolean;
  /** Likeliest tokens that come with each token. */
  readonly top: number;
  readonly #controls: RunControls;
  #prompt: RunPrompt | undefined;
  #queue: RunDelta[] = [];
  #queuedTokens = 0;
  #end: RunEnd | CaduceusError | undefined;
  #endTaken = false;
  #paused = false;
  #released = false;
  #waiter: PromiseWithResolvers | undefined;

  constructor(id: number, { logProbabilities, topLogProbabilities = 0 }: RunRequest, controls: RunControls) {
    this.id = id;
    this.logProbabilities = logProbabilities;
    this.top = topLogProbabilities;
    this.#controls = controls;
  }

  async next(): Promise<RunPrompt | RunDelta | RunEnd | undefined> {
    if (this.#waiter) throw new Error("AddonRun.next was called while an earlier call waits.");
    for (;;) {
      const prompt = this.#prompt;
      this.#prompt = undefined;
      if (prompt) return prompt;
      const delta = this.#takeQueued();
      if (delta) return delta;
      if (this.#endTaken || this.#released) return undefined;
      if (this.#end) {
        this.#endTaken = true;
        if (this.#end instanceof CaduceusError) throw this.#end;
        return this.#end;
      }
      if (this.#paused) {
        this.#paused = false;
        this.#controls.resume();
      }
      await this.#delivery();
    }
  }

  cancel(): void {
    if (!this.#end) this.#controls.cancel();
    // Paused output would never arrive, and with it the end.
    if (this.#paused) {
      this.#paused = false;
      this.#controls.resume();
    }
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#controls.release();
    this.#wake();
  }

  /** Takes what the engine has produced. Called by the engine only. */
  deliver(prompt: ScoredTokens | undefined, delta: RunDelta, end: NativeEnd | undefined): void {
    if (prompt) this.#prompt = { type: "prompt", ...prompt };
    if (delta.text !== "" || delta.tokens.length > 0) {
      this.#queue.push(delta);
      this.#queuedTokens += delta.tokens.length;
    }
    if (end) this.#end = toEnd(end);
    else if (!this.#paused && !this.#waiter && this.#queuedTokens > maxQueuedTokens) {
      this.#paused = true;
      this.#controls.pause();
    }
    this.#wake();
  }

  /** Ends it with what was found wrong before the engine saw it. Called by the engine only. */
  fail(error: CaduceusError): void {
    this.#end = error;
    this.#wake();
  }

  // What has piled up is given as one delta: a slow reader gets fewer, larger ones.
  #takeQueued(): RunDelta | undefined {
    const [first, ...rest] = this.#queue;
    if (!first) return undefined;
    this.#queue = [];
    this.#queuedTokens = 0;
    if (rest.length === 0) return first;
    const all = [first, ...rest];
    const tokens = (pick: (delta: RunDelta) => Int32Array | undefined) =>
      Int32Array.from(all.flatMap((delta) => [...(pick(delta) ?? [])]));
    const numbers = (pick: (delta: RunDelta) => Float32Array | undefined) =>
      Float32Array.from(all.flatMap((delta) => [...(pick(delta) ?? [])]));
    return {
      type: "delta",
      text: all.map((delta) => delta.text).join(""),
      tokens: tokens((delta) => delta.tokens),
      ...(first.logProbabilities ? { logProbabilities: numbers((delta) => delta.logProbabilities) } : {}),
      ...(first.topTokens
        ? {
            topTokens: tokens((delta) => delta.topTokens),
            topLogProbabilities: numbers((delta) => delta.topLogProbabilities),
          }
        : {}),
    };
  }

  #delivery(): Promise<void> {
    let resolve!: () => void;
    const promise = new Promise<void>((done) => (resolve = done));
    this.#waiter = { promise, resolve };
    this.#controls.waits(true);
    return promise;
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (!waiter) return;
    this.#waiter = undefined;
    this.#controls.waits(false);
    waiter.resolve();
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function toEnd(end: NativeEnd): RunEnd | CaduceusError {
  if (end.finishReason === "error") return engineError(end.error);
  const { finishReason, stopString, endToken, usage, timings, constraint } = end;
  return { type: "end", finishReason, stopString, endToken, usage, timings, constraint };
}
