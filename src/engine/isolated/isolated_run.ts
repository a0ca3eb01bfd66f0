// A run of an engine in another process: what arrived and was not read yet, and what is needed to go on after it.
import type { PromptPart, Run, RunDelta, RunEnd, RunRequest } from "../engine.js";
import { tokensAhead, tokensOf, type RunPiece } from "./messages.js";

export interface RunControls {
  cancel(): void;
  release(): void;
  read(tokens: number): void;
  /** Somebody began, or ceased, to wait for output. */
  waits(waits: boolean): void;
}

export class IsolatedRun implements Run {
  readonly id: number;
  readonly request: RunRequest;
  /** Which of the processes has it; undefined: none yet. */
  process: object | undefined;
  readonly #before: IsolatedRun | undefined;
  readonly #controls: RunControls;
  #generated: Int32Array[] = [];
  #pieces: RunPiece[] = [];
  #unreported = 0;
  #failure: unknown;
  #ended = false;
  #released = false;
  #wake: (() => void) | undefined;

  constructor(id: number, request: RunRequest, before: IsolatedRun | undefined, controls: RunControls) {
    this.id = id;
    this.request = request;
    this.#before = before;
    this.#controls = controls;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get isReleased(): boolean {
    return this.#released;
  }

  /** What to ask that process for: a run before this one may have been lost with another. */
  requestIn(process: object): RunRequest {
    const before = this.#before;
    if (before === undefined || before.process === process) return this.request;
    const history = before.#history;
    const { prompt, keepPrefix } = this.request;
    return {
      ...this.request,
      after: undefined,
      prompt: [...history, ...prompt],
      keepPrefix: keepPrefix === undefined ? undefined : history.length + keepPrefix,
    };
  }

  /** All that the engine knew at its end, as a prompt. */
  get #history(): PromptPart[] {
    const parts: PromptPart[] = [];
    for (let run: IsolatedRun | undefined = this; run !== undefined; run = run.#before)
      parts.unshift(...run.request.prompt, ...run.#generated.map((tokens) => ({ tokens })));
    return parts;
  }

  async next(): Promise<RunPiece | undefined> {
    if (this.#wake) throw new Error("IsolatedRun.next was called while an earlier call waits.");
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#report(tokensOf(piece));
        return piece;
      }
      if (this.#failure !== undefined) {
        const failure = this.#failure;
        this.#failure = undefined;
        throw failure;
      }
      if (this.#ended || this.#released) return undefined;
      this.#controls.waits(true);
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#controls.waits(false);
    }
  }

  cancel(): void {
    if (!this.#ended) this.#controls.cancel();
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#controls.release();
    this.#wakeUp();
  }

  deliver(piece: RunPiece): void {
    if (this.#ended) return;
    this.#pieces.push(piece);
    if (piece.type === "delta") this.#keep(piece);
    this.#ended = piece.type === "end";
    this.#wakeUp();
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    this.#wakeUp();
  }

  /** Ends it before an engine has seen it. */
  endUnseen(): void {
    const timings = { queueMs: 0, promptMs: 0, firstTokenMs: 0, generationMs: 0, tokensPerSecond: 0 };
    const usage = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0 };
    this.deliver({ type: "end", finishReason: "cancelled", usage, timings } satisfies RunEnd);
  }

  #keep({ tokens }: RunDelta): void {
    if (tokens.length > 0) this.#generated.push(tokens);
  }

  #report(tokens: number): void {
    this.#unreported += tokens;
    if (this.#unreported < tokensAhead / 2 || this.#ended) return;
    this.#controls.read(this.#unreported);
    this.#unreported = 0;
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
