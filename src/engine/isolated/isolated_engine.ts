// An engine in a process of its own. When that crashes, it is started again and loads the model again.
import { CaduceusError, invalidArgument } from "../../errors.js";
import type { Gpu } from "../addon/gpus.js";
import type {
  Embedding,
  EmbeddingRequest,
  Engine,
  EngineCapabilities,
  EngineOptions,
  EngineStats,
  ModelInfo,
  PromptPart,
  RenderTemplate,
  Run,
  RunRequest,
} from "../engine.js";
import { unlessAborted } from "../../follow_signal.js";
import { refuseTooLong, withTypedTokens } from "../prompt_size.js";
import { HostCrash, type HostProcess } from "./host_process.js";
import { IsolatedRun } from "./isolated_run.js";
import { Supervisor } from "./supervisor.js";

/** Ending a step of the largest model takes a second or two. */
const closePatienceMs = 30_000;

/** A model loaded in one process. */
interface Session {
  readonly host: HostProcess;
  readonly engine: number;
}

interface Loaded extends Session {
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
}

/** What a dropped engine leaves behind, and what the process tells without knowing the engine. */
interface State {
  readonly supervisor: Supervisor;
  session: Session | undefined;
  stats: EngineStats | undefined;
  /** Totals of the processes before this one. */
  earlier: EngineStats | undefined;
}

const dropped = new FinalizationRegistry<State>(({ supervisor, session }) => {
  void (async () => {
    await session?.host.close(session.engine, closePatienceMs).catch(() => {});
    await supervisor.leave();
  })();
});

/** Where engines are loaded: a process of its own, or that of all who give the same name. Left when nothing is. */
export class IsolatedPlace {
  readonly #supervisor: Supervisor;

  constructor(name: string | undefined) {
    this.#supervisor = Supervisor.join(name);
  }

  async listGpus(): Promise<Gpu[]> {
    const host = await this.#supervisor.host();
    return host.call({ method: "listGpus", args: [] }, {});
  }

  /** The engine takes the place over, and leaves it when it is closed. */
  async createEngine(options: EngineOptions): Promise<Engine> {
    const state: State = { supervisor: this.#supervisor, session: undefined, stats: undefined, earlier: undefined };
    const { signal, onProgress, ...plain } = options;
    const loaded = await loadInto(state, plain, { signal, onProgress });
    state.session = loaded;
    return new IsolatedEngine(state, plain, loaded);
  }

  leave(): Promise<void> {
    return this.#supervisor.leave();
  }

  /** What stopped a model from being loaded. A process that ended meanwhile is not started again: nobody has its model. */
  loadFailure(error: unknown): unknown {
    if (!(error instanceof HostCrash)) return error;
    const { code, problem, cause } = error;
    return new CaduceusError(code, problem, {
      remedy: "The model was not loaded. Remove what ended the process, and load the model again.",
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** What crosses to the process. */
type PlainOptions = Omit<EngineOptions, "signal" | "onProgress">;

async function loadInto(
  state: State,
  options: PlainOptions,
  following: Pick<EngineOptions, "signal" | "onProgress">,
): Promise<Loaded> {
  const host = await state.supervisor.host();
  const loaded = await host.load<Pick<Loaded, "info" | "capabilities">>(
    options,
    (stats) => {
      state.stats = stats;
    },
    following,
  );
  return { ...loaded, host };
}

/** An adapter, and what it is in the process that lives. */
interface IsolatedAdapter {
  readonly path: string;
  native: { readonly session: Session; readonly id: number } | undefined;
  /** Why the process that lives could not load it. */
  failure: unknown;
}

/** Of all models: those that share a process have their runs in one list there. */
let nextRun = 1;

class IsolatedEngine implements Engine {
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
  readonly #state: State;
  readonly #options: PlainOptions;
  readonly #runs = new Map<number, IsolatedRun>();
  readonly #ending = new AbortController();
  readonly #adapters = new Map<number, IsolatedAdapter>();
  #preserved: string[] = [];
  #nextAdapter = 1;
  #waiting = 0;
  #opening: Promise<Session> | undefined;
  #closing: Promise<void> | undefined;

  constructor(state: State, options: PlainOptions, { info, capabilities, host }: Loaded) {
    this.#state = state;
    this.#options = options;
    this.info = info;
    this.capabilities = capabilities;
    dropped.register(this, state, this);
    this.#watch(host);
  }

  readonly renderTemplate: RenderTemplate = (...args) => this.#call("renderTemplate", args);

  submit(request: RunRequest): Run {
    this.#assertOpen();
    const id = nextRun++;
    const before = request.after === undefined ? undefined : this.#runs.get(request.after);
    const run: IsolatedRun = new IsolatedRun(id, { ...request, prompt: withTypedTokens(request.prompt) }, before, {
      cancel: () => {
        if (run.process === undefined) run.endUnseen();
        else this.#of(run)?.post({ type: "cancel", run: id });
      },
      read: (tokens) => this.#of(run)?.post({ type: "read", run: id, tokens }, false),
      release: () => {
        this.#runs.delete(id);
        this.#of(run)?.release(run);
      },
      waits: (waits) => this.#countWaiting(waits ? 1 : -1),
    });
    this.#runs.set(id, run);
    const failure = refuseTooLong(request.prompt, this.info);
    const session = this.#session;
    if (failure !== undefined) run.fail(failure);
    else if (session !== undefined) this.#send(run, session);
    else
      this.#open().then(
        (session) => this.#send(run, session),
        (error: unknown) => run.fail(error),
      );
    return run;
  }

  preserveTokens(texts: readonly string[]): void {
    this.#assertOpen();
    this.#preserved = [...this.#preserved, ...texts];
    const session = this.#session;
    session?.host.post({ type: "preserve-tokens", engine: session.engine, texts });
  }

  tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array> {
    return this.#call("tokenize", [withTypedTokens(parts)], signal);
  }

  detokenize(tokens: ArrayLike<number>, options: { special?: boolean } = {}): Promise<string> {
    return this.#call("detokenize", [Int32Array.from(tokens), options]);
  }

  tokenBytes(tokens: ArrayLike<number>): Promise<Uint8Array[]> {
    return this.#call("tokenBytes", [Int32Array.from(tokens)]);
  }

  async embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding> {
    const failure = request.truncate ? undefined : refuseTooLong(request.text, this.info);
    if (failure !== undefined) throw failure;
    return this.#call("embed", [request], signal);
  }

  async addAdapter(path: string): Promise<{ readonly id: number; readonly sizeBytes: number }> {
    this.#assertOpen();
    const session = this.#session ?? (await this.#open());
    const { id: native, sizeBytes } = await loadAdapter(session, path);
    const id = this.#nextAdapter++;
    this.#adapters.set(id, { path, native: { session, id: native }, failure: undefined });
    return { id, sizeBytes };
  }

  removeAdapter(id: number): void {
    this.#assertOpen();
    const native = this.#adapters.get(id)?.native;
    this.#adapters.delete(id);
    if (native !== undefined) unloadAdapter(native);
  }

  stats(): EngineStats {
    this.#assertOpen();
    const { stats, earlier } = this.#state;
    return stats === undefined ? earlier! : withTotals(stats, earlier);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    dropped.unregister(this);
    this.#ending.abort(closed());
    await this.#opening?.catch(() => {});
    const { session, supervisor } = this.#state;
    // Its runs end with what the engine says of its close.
    await session?.host.close(session.engine, closePatienceMs).catch(() => {});
    for (const run of this.#runs.values()) {
      run.fail(closed());
      // The process may live on for other models.
      this.#of(run)?.release(run);
    }
    this.#runs.clear();
    await supervisor.leave();
  }

  /** Undefined: its process is gone, or is not ready yet. */
  get #session(): Session | undefined {
    const { session } = this.#state;
    return this.#opening === undefined && session?.host.isGone === false ? session : undefined;
  }

  /** Of a run that has been sent to a process that lives. */
  #of(run: IsolatedRun): HostProcess | undefined {
    const { session } = this.#state;
    return run.process === session ? session?.host : undefined;
  }

  #send(run: IsolatedRun, session: Session): void {
    if (run.isReleased || run.hasEnded) return;
    run.process = session;
    try {
      const request = run.requestIn(session);
      const adapters = request.adapters?.map(({ id, scale }) => ({ id: this.#adapterIn(session, id), scale }));
      session.host.submit(session.engine, run, { ...request, adapters });
    } catch (error) {
      run.fail(error);
    }
  }

  #adapterIn(session: Session, id: number): number {
    const { native, failure } = this.#adapters.get(id) ?? {};
    if (native?.session === session) return native.id;
    if (failure !== undefined) throw failure;
    throw invalidArgument("one of the model's adapters", "adapter", id);
  }

  async #call<T>(
    method: "tokenize" | "detokenize" | "tokenBytes" | "embed" | "renderTemplate",
    args: readonly unknown[],
    signal?: AbortSignal,
  ): Promise<T> {
    this.#assertOpen();
    signal?.throwIfAborted();
    const opening = () => (signal === undefined ? this.#open() : unlessAborted(() => this.#open(), signal));
    const { host, engine } = this.#session ?? (await opening());
    return host.call({ engine, method, args }, { signal });
  }

  #open(): Promise<Session> {
    this.#opening ??= this.#load().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #load(): Promise<Session> {
    const loaded = await loadInto(this.#state, this.#options, { signal: this.#ending.signal });
    for (const [id, adapter] of this.#adapters) {
      try {
        adapter.native = { session: loaded, id: (await loadAdapter(loaded, adapter.path)).id };
        // It was removed meanwhile.
        if (!this.#adapters.has(id)) unloadAdapter(adapter.native);
      } catch (error) {
        if (loaded.host.isGone) throw error;
        // The requests that name it fail; the others need not.
        adapter.failure = error;
      }
    }
    if (this.#preserved.length > 0)
      loaded.host.post({ type: "preserve-tokens", engine: loaded.engine, texts: this.#preserved });
    // Both at once: who begins or ceases to wait from now on is counted there.
    this.#state.session = loaded;
    if (this.#waiting > 0) loaded.host.countWaiting(1);
    this.#watch(loaded.host);
    return loaded;
  }

  #watch(host: HostProcess): void {
    // Nothing else of it: the process may outlive many engines.
    const engine = new WeakRef(this);
    void host.ended.then(() => {
      const open = engine.deref();
      if (open === undefined) return;
      const state = open.#state;
      if (state.session?.host !== host) return;
      state.session = undefined;
      state.earlier = withTotals(atRest(state.stats!), state.earlier);
      state.stats = undefined;
      // Before somebody asks: the next request should not wait for all of it. A failure is that request's to report.
      if (open.#closing === undefined) open.#open().catch(() => {});
    });
  }

  #countWaiting(change: 1 | -1): void {
    const before = this.#waiting;
    this.#waiting += change;
    const host = this.#state.session?.host;
    if (before === 0 && this.#waiting === 1) host?.countWaiting(1);
    if (before === 1 && this.#waiting === 0) host?.countWaiting(-1);
  }

  #assertOpen(): void {
    if (this.#closing) throw closed();
  }
}

function loadAdapter(
  { host, engine }: Session,
  path: string,
): Promise<{ readonly id: number; readonly sizeBytes: number }> {
  return host.call({ engine, method: "addAdapter", args: [path] }, {});
}

function unloadAdapter({ session: { host, engine }, id }: NonNullable<IsolatedAdapter["native"]>): void {
  host.call({ engine, method: "removeAdapter", args: [id] }, {}).catch(() => {});
}

function closed(): CaduceusError {
  return new CaduceusError("MODEL_CLOSED", "The model is closed.");
}

const totals = [
  "promptTokens",
  "cachedTokens",
  "restoredTokens",
  "generatedTokens",
  "forcedTokens",
  "rejectedTokens",
  "draftTokens",
  "acceptedDraftTokens",
  "draftModelTokens",
  "acceptedDraftModelTokens",
  "draftModelSteps",
  "adapterChanges",
  "steps",
] as const satisfies readonly (keyof EngineStats)[];

function withTotals(stats: EngineStats, earlier: EngineStats | undefined): EngineStats {
  if (earlier === undefined) return stats;
  return { ...stats, ...Object.fromEntries(totals.map((name) => [name, stats[name] + earlier[name]])) };
}

/** Of a process that is gone: it holds nothing. */
function atRest(stats: EngineStats): EngineStats {
  return {
    ...stats,
    running: 0,
    queued: 0,
    paused: 0,
    cacheTokensUsed: 0,
    cachedSequences: 0,
    hostCacheBytes: 0,
    draftCacheTokensUsed: 0,
    adapterBytes: 0,
  };
}
