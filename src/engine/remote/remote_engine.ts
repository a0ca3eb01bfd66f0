// The engine on another machine: requests go to a server over HTTP. Prompts are made here, and so is everything above.
import { renderTemplate } from "../addon/render_template.js";
import { CaduceusError, contextFull } from "../../errors.js";
import type {
  Embedding,
  EmbeddingRequest,
  Engine,
  EngineCapabilities,
  EngineStats,
  ModelInfo,
  PromptPart,
  Run,
  RunRequest,
} from "../engine.js";
import type { Lease, RemoteServer, ServerChoice, ServerRequest } from "./remote_server.js";
import { widenedKeywords } from "./grammar/widened_keywords.js";
import { checkedCalls } from "./checked_calls.js";
import { RemoteRun } from "./remote_run.js";
import type { RetryPolicy } from "./retry_policy.js";

let nextRun = 1;

const longestTimerMs = 0x7fffffff;

export class RemoteEngine implements Engine {
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
  readonly renderTemplate = renderTemplate;
  readonly widenedKeywords: Engine["widenedKeywords"];
  readonly #servers: ServerChoice;
  readonly #retries: RetryPolicy;
  readonly #runs = new Map<number, RemoteRun>();
  readonly #totals = { promptTokens: 0, cachedTokens: 0, generatedTokens: 0 };
  readonly #closing = new AbortController();
  #waiting = 0;
  #stay: NodeJS.Timeout | undefined;

  constructor(servers: ServerChoice, retries: RetryPolicy) {
    this.#servers = servers;
    this.#retries = retries;
    this.info = servers.info;
    this.capabilities = servers.capabilities;
    this.widenedKeywords = servers.capabilities.grammar === "gbnf" ? widenedKeywords : undefined;
  }

  submit(request: RunRequest): Run {
    this.#assertOpen();
    const id = nextRun++;
    const before = request.after === undefined ? undefined : this.#runs.get(request.after);
    const run = new RemoteRun(id, request, before, {
      work: (run, signal) => this.#work(run, signal),
      released: () => this.#runs.delete(id),
      waits: (waits) => this.#countWaiting(waits ? 1 : -1),
    });
    this.#runs.set(id, run);
    run.start();
    return run;
  }

  async tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array> {
    return this.#ask((server, asking) => server.tokenize(parts, asking), signal);
  }

  async detokenize(tokens: ArrayLike<number>, options: { special?: boolean } = {}): Promise<string> {
    return this.#ask((server) => server.detokenize(Int32Array.from(tokens), options.special === true));
  }

  async tokenBytes(tokens: ArrayLike<number>): Promise<Uint8Array[]> {
    return this.#ask((server) => server.tokenBytes(Int32Array.from(tokens)));
  }

  async embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding> {
    return this.#ask((server, asking) => server.embed(request, asking), signal);
  }

  async addAdapter(): Promise<never> {
    throw new CaduceusError("UNSUPPORTED", "A model on a server takes no adapters from here.", {
      remedy: "Load them where the server runs.",
    });
  }

  removeAdapter(): void {
    this.#assertOpen();
  }

  preserveTokens(texts: readonly string[]): void {
    this.#assertOpen();
    this.#servers.preserveTokens(texts);
  }

  /** Of the requests of this process: what else the server does is not known. */
  stats(): EngineStats {
    this.#assertOpen();
    const runs = [...this.#runs.values()].filter((run) => !run.hasEnded);
    return {
      running: runs.filter((run) => run.hasBegun).length,
      queued: runs.filter((run) => !run.hasBegun).length,
      paused: runs.filter((run) => run.isPaused).length,
      cacheTokens: this.info.cacheTokens,
      cacheTokensUsed: 0,
      cachedSequences: 0,
      hostCacheBytes: 0,
      threads: 0,
      draftCacheTokensUsed: 0,
      adapterBytes: 0,
      ...this.#totals,
      restoredTokens: 0,
      forcedTokens: 0,
      rejectedTokens: 0,
      draftTokens: 0,
      acceptedDraftTokens: 0,
      draftModelTokens: 0,
      acceptedDraftModelTokens: 0,
      draftModelSteps: 0,
      adapterChanges: 0,
      steps: 0,
      ...(this.#servers.stats === undefined ? {} : { servers: this.#servers.stats() }),
    };
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    for (const run of this.#runs.values()) run.fail(closed());
    this.#runs.clear();
    this.#servers.close();
  }

  async #work(run: RemoteRun, signal: AbortSignal): Promise<void> {
    const { after: _, adapters: __, keepPrefix: ___, priority: ____, ...request } = run.request;
    const { before } = run;
    // What was read and written before it is known by then: a run is continued when it has ended.
    const known = before?.history ?? [];
    const continues = before !== undefined;
    run.prepared = await this.#ask((server, asking) => server.prepare(request.prompt, continues, asking), signal);
    const prompt = [...known, ...run.prepared];
    this.#refuseTooLong(prompt);
    const whole = { ...request, prompt };
    try {
      await this.#onServer(whole, (lease, running) => this.#read(run, lease, whole, running), signal, run);
    } finally {
      this.#count(run);
    }
  }

  async #read(run: RemoteRun, lease: Lease, request: ServerRequest, signal: AbortSignal): Promise<void> {
    run.sent();
    for await (const piece of checkedCalls(lease.server.run(request, signal), request)) {
      lease.progress(piece.type === "delta" ? piece.tokens.length : 0);
      await run.take(piece);
      if (run.hasEnded) return;
    }
  }

  /** Does it on one server after the other until one has done it. What has given output is never repeated. */
  async #onServer<T>(
    request: ServerRequest | undefined,
    work: (lease: Lease, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
    run?: RemoteRun,
  ): Promise<T> {
    const failed = new Set<RemoteServer>();
    for (let attempts = 1; ; attempts++) {
      const lease = await this.#servers.choose({ request, failed }, signal);
      try {
        const result = await work(lease, lease.lost === undefined ? signal : AbortSignal.any([signal, lease.lost]));
        lease.end("answered");
        return result;
      } catch (error) {
        if (signal.aborted) lease.end("left");
        signal.throwIfAborted();
        failed.add(lease.server);
        const canMove = lease.end("failed", error);
        if (run?.hasBegun) throw error;
        // Each server once, and then as often as one alone.
        if (canMove && attempts <= failed.size + this.#retries.most) continue;
        await this.#retries.wait(error, attempts, signal);
      }
    }
  }

  /** Answers that come do not keep the process alive, as with an engine here: those who wait for them do. */
  #countWaiting(change: 1 | -1): void {
    this.#waiting += change;
    if (this.#waiting > 0) this.#stay ??= setInterval(() => {}, longestTimerMs);
    else {
      clearInterval(this.#stay);
      this.#stay = undefined;
    }
  }

  #count(run: RemoteRun): void {
    const { usage } = run;
    if (usage === undefined) return;
    this.#totals.promptTokens += usage.promptTokens;
    this.#totals.cachedTokens += usage.cachedTokens;
    this.#totals.generatedTokens += usage.generatedTokens;
  }

  #refuseTooLong(prompt: readonly PromptPart[]): void {
    const tokens = prompt.reduce((sum, part) => sum + ("tokens" in part ? part.tokens.length : 0), 0);
    const { contextSize } = this.info;
    if (tokens >= contextSize) throw contextFull(tokens, contextSize);
  }

  async #ask<T>(
    work: (server: RemoteServer, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal = this.#closing.signal,
  ): Promise<T> {
    this.#assertOpen();
    return this.#onServer(undefined, ({ server }, asking) => work(server, asking), signal);
  }

  #assertOpen(): void {
    this.#closing.signal.throwIfAborted();
  }
}

function closed(): CaduceusError {
  return new CaduceusError("MODEL_CLOSED", "The model is closed.");
}
