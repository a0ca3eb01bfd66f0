// A limit on a thought, for servers that have none: its tokens are counted as they come. At the limit the answer is
// left, and asked for again behind the thought, which is closed.
import type { PromptPart, RunDelta, ThoughtRequest } from "../../engine.js";
import type { ServerPiece, ServerRequest } from "../remote_server.js";

export interface ThoughtServer {
  /** Runs a request whose thought has no limit, or which has no thought. */
  readonly answer: (request: ServerRequest) => AsyncGenerator<ServerPiece, void, undefined>;
  /** What is forced at the limit, as the server takes it behind a prompt. */
  readonly prepare: (parts: readonly PromptPart[]) => Promise<readonly PromptPart[]>;
}

export async function* limitedThought(
  request: ServerRequest,
  server: ThoughtServer,
): AsyncGenerator<ServerPiece, void, undefined> {
  const { thought } = request;
  const most = thought?.maxTokens;
  if (thought === undefined || most === undefined) {
    yield* server.answer(request);
    return;
  }
  const before: PromptPart[] = [];
  let written = 0;
  const keep = function* (delta: RunDelta): Generator<RunDelta> {
    if (delta.text === "" && delta.tokens.length === 0) return;
    before.push(delta.tokens.length > 0 ? { tokens: delta.tokens } : { text: delta.text });
    written += delta.tokens.length;
    yield delta;
  };
  if (!thought.open || most > 0) {
    const watch = new ThoughtWatch(thought);
    let isOver = false;
    let hasEnded = false;
    for await (const piece of server.answer({ ...request, thought: { ...thought, maxTokens: undefined } })) {
      if (piece.type !== "delta" || isOver) {
        hasEnded = piece.type === "end";
        yield piece;
        continue;
      }
      // A piece may have several tokens, of which those beyond the limit are left out with the others.
      const wasInside = watch.isInside;
      isOver = watch.read(piece.text);
      const isBeyond = wasInside && watch.tokens + Math.max(1, piece.tokens.length) > most;
      if (!isOver && isBeyond) break;
      yield* keep(piece);
      if (wasInside || watch.hasText) watch.tokens += Math.max(1, piece.tokens.length);
      if (!isOver && watch.isInside && watch.tokens >= most) break;
    }
    if (isOver || hasEnded) return;
  }
  const left = request.maxTokens === undefined ? undefined : request.maxTokens - written;
  const forced = await server.prepare([{ control: thought.end }]);
  const tokens = Int32Array.from(forced.flatMap((part) => ("tokens" in part ? Array.from(part.tokens) : [])));
  // What no longer fits is cut off as any other answer is.
  if (left !== undefined && left <= tokens.length) {
    yield* keep(scored({ type: "delta", text: "", tokens: tokens.slice(0, Math.max(0, left)) }, request));
    yield { type: "end", finishReason: "length" };
    return;
  }
  yield scored({ type: "delta", text: thought.end, tokens }, request);
  const rest = {
    ...request,
    thought: undefined,
    prompt: [...request.prompt, ...before, ...forced],
    promptLogProbabilities: undefined,
    maxTokens: left === undefined ? undefined : left - tokens.length,
    minTokens: request.minTokens === undefined ? undefined : Math.max(0, request.minTokens - written - tokens.length),
  };
  for await (const piece of server.answer(rest)) {
    if (piece.type !== "end") {
      yield piece;
      continue;
    }
    // The thought is part of this prompt, and not of the caller's.
    const { usage: _, timings: __, ...end } = piece;
    yield end;
  }
}

/** Forced tokens have no probabilities. */
function scored(delta: RunDelta, { logProbabilities, topLogProbabilities = 0 }: ServerRequest): RunDelta {
  if (!logProbabilities) return delta;
  const { length } = delta.tokens;
  return {
    ...delta,
    logProbabilities: new Float32Array(length).fill(Number.NaN),
    ...(topLogProbabilities === 0
      ? {}
      : {
          topTokens: new Int32Array(length * topLogProbabilities),
          topLogProbabilities: new Float32Array(length * topLogProbabilities).fill(Number.NaN),
        }),
  };
}

/** Whether a text, in pieces, is inside a thought. */
class ThoughtWatch {
  readonly #thought: ThoughtRequest;
  /** What decides whether there is a thought, and then what may be the beginning of its end. */
  #seen = "";
  isInside: boolean;
  /** Of the thought. */
  tokens = 0;

  constructor(thought: ThoughtRequest) {
    this.#thought = thought;
    this.isInside = thought.open;
  }

  /** Whether something of the thought stands behind what opens it. */
  get hasText(): boolean {
    return this.isInside && this.#seen.trim() !== "";
  }

  /** Whether what follows is the answer. */
  read(text: string): boolean {
    const { opening, closing } = this.#thought;
    this.#seen += text;
    if (!this.isInside) {
      const begin = this.#seen.trimStart();
      if (!begin.startsWith(opening)) return !opening.startsWith(begin);
      this.isInside = true;
      this.#seen = begin.slice(opening.length);
    }
    if (this.#seen.includes(closing)) {
      this.isInside = false;
      return true;
    }
    this.#seen = this.#seen.slice(-closing.length);
    return false;
  }
}
