// A run on a server: reads ahead a little of its answer, measures it, and keeps its tokens for those that continue it.
import { CaduceusError } from "../../errors.js";
import type { PromptPart, Run, RunDelta, RunEnd, RunPrompt, RunRequest, Timings, Usage } from "../engine.js";
import type { ServerEnd, ServerPiece } from "./remote_server.js";

/** Pieces that wait for their reader; then the connection is not read until half of them are gone. */
const piecesAhead = 64;

type Piece = RunPrompt | RunDelta | RunEnd;

export interface RunWork {
  /** Does the request. Each piece is delivered before the next is asked for. */
  readonly work: (run: RemoteRun, signal: AbortSignal) => Promise<void>;
  readonly released: (run: RemoteRun) => void;
  /** Somebody began, or ceased, to wait for output. */
  readonly waits: (waits: boolean) => void;
}

export class RemoteRun implements Run {
  readonly id: number;
  readonly request: RunRequest;
  readonly before: RemoteRun | undefined;
  /** The prompt as the server takes it, without that of the runs before. */
  prepared: readonly PromptPart[] | undefined;
  readonly #work: RunWork;
  readonly #stopping = new AbortController();
  readonly #generated: PromptPart[] = [];
  #pieces: Piece[] = [];
  #count = 0;
  #usage: Usage | undefined;
  readonly #begun = performance.now();
  #sentAt: number | undefined;
  #firstAt: number | undefined;
  #lastAt = 0;
  #failure: unknown;
  #ended = false;
  #wake: (() => void) | undefined;
  #goOn: (() => void) | undefined;

  constructor(id: number, request: RunRequest, before: RemoteRun | undefined, work: RunWork) {
    this.id = id;
    this.request = request;
    this.before = before;
    this.#work = work;
  }

  start(): void {
    this.#work.work(this, this.#stopping.signal).then(
      () => this.fail(new CaduceusError("UPSTREAM_INVALID", "The server ended its answer before it was whole.")),
      (error: unknown) => this.fail(error),
    );
  }

  /** Whether something of its answer has come. */
  get hasBegun(): boolean {
    return this.#firstAt !== undefined;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether its connection is not read because its reader is slow. */
  get isPaused(): boolean {
    return this.#goOn !== undefined;
  }

  /** What was counted at its end. */
  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** All that the model has seen and written at its end. */
  get history(): PromptPart[] {
    const parts: PromptPart[] = [];
    for (let run: RemoteRun | undefined = this; run !== undefined; run = run.before)
      parts.unshift(...(run.prepared ?? run.request.prompt), ...run.#generated);
    return parts;
  }

  /** The request goes out. */
  sent(): void {
    this.#sentAt = performance.now();
  }

  async next(): Promise<Piece | undefined> {
    if (this.#wake) throw new Error("RemoteRun.next was called while an earlier call waits.");
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        if (this.#pieces.length <= piecesAhead / 2) this.#resume();
        return piece;
      }
      if (this.#failure !== undefined) {
        const failure = this.#failure;
        this.#failure = undefined;
        throw failure;
      }
      if (this.#ended) return undefined;
      this.#work.waits(true);
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#work.waits(false);
    }
  }

  cancel(): void {
    if (this.#ended) return;
    this.#deliver(this.#endOf({ type: "end", finishReason: "stop" }, "cancelled"));
    this.#stop();
  }

  release(): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#stop();
    }
    this.#work.released(this);
    this.#wakeUp();
  }

  /** Takes a piece of the answer; resolves when there is room for the next. */
  async take(piece: ServerPiece): Promise<void> {
    if (this.#ended) return;
    const now = performance.now();
    this.#lastAt = now;
    this.#firstAt ??= now;
    if (piece.type === "delta") {
      this.#count += piece.tokens.length;
      this.#keep(piece);
    }
    this.#deliver(piece.type === "end" ? this.#endOf(piece, piece.finishReason) : piece);
    if (this.#pieces.length < piecesAhead || this.#ended) return;
    await new Promise<void>((resolve) => (this.#goOn = resolve));
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    this.#stop();
    this.#wakeUp();
  }

  #keep({ text, tokens }: RunDelta): void {
    const last = this.#generated.at(-1);
    // A server that tells no tokens is given the text again.
    if (tokens.length > 0) this.#generated.push({ tokens });
    else if (last !== undefined && "text" in last)
      this.#generated[this.#generated.length - 1] = { text: last.text + text };
    else if (text !== "") this.#generated.push({ text });
  }

  #deliver(piece: Piece): void {
    this.#pieces.push(piece);
    if (piece.type === "end") {
      this.#ended = true;
      this.#usage = piece.usage;
    }
    this.#wakeUp();
  }

  #endOf(end: ServerEnd, finishReason: RunEnd["finishReason"]): RunEnd {
    const { usage = {}, timings = {}, type, finishReason: _, ...rest } = end;
    const prompt = this.history.reduce((sum, part) => sum + ("tokens" in part ? part.tokens.length : 0), 0);
    const generatedTokens = usage.generatedTokens ?? this.#count;
    return {
      type,
      finishReason,
      ...rest,
      usage: {
        promptTokens: usage.promptTokens ?? Math.max(0, prompt - this.#count),
        cachedTokens: usage.cachedTokens ?? 0,
        generatedTokens,
      },
      timings: { ...this.#timings(generatedTokens), ...timings },
    };
  }

  #timings(tokens: number): Timings {
    const sentAt = this.#sentAt ?? this.#begun;
    const firstAt = this.#firstAt ?? sentAt;
    const generationMs = Math.max(0, this.#lastAt - firstAt);
    return {
      queueMs: sentAt - this.#begun,
      promptMs: firstAt - sentAt,
      firstTokenMs: firstAt - this.#begun,
      generationMs,
      tokensPerSecond: tokens > 1 && generationMs > 0 ? (1_000 * (tokens - 1)) / generationMs : 0,
    };
  }

  #stop(): void {
    this.#stopping.abort(new CaduceusError("ENGINE_FAILED", "The run was cancelled."));
    this.#resume();
  }

  #resume(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
