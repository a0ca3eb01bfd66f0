// The engine that runs in this process: packed output from the addon, handed to the runs it belongs to.
import { CaduceusError, type ErrorCode } from "../../errors.js";
import type {
  Embedding,
  EmbeddingRequest,
  Engine,
  EngineCapabilities,
  EngineOptions,
  EngineStats,
  ModelInfo,
  PromptPart,
  Run,
  RunRequest,
} from "../engine.js";
import { followSignal } from "../../follow_signal.js";
import { nativePath } from "../../system/native_path.js";
import { refuseTooLong, withTypedTokens } from "../prompt_size.js";
import { AddonRun } from "./addon_run.js";
import { toNativeConstraint } from "./grammar.js";
import type { NativeConstraint } from "./grammar_rules.js";
import { gpuModuleFiles } from "./gpus.js";
import { loadAddon } from "./load_addon.js";
import { renderTemplate } from "./render_template.js";
import type { NativeEngine, NativeOutputs } from "./native.js";

/** Loads a model on a thread of its own. Rejects with the signal's reason when it is aborted meanwhile. */
export async function createAddonEngine(options: EngineOptions): Promise<Engine> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const {
    path,
    gpuLayers,
    contextSize,
    cacheTokens,
    kvType,
    threads,
    hostCacheBytes,
    promptLookup,
    draft,
    prefixFolder,
    prefixFolderBytes,
  } = options;
  const gpuModules = await gpuModuleFiles();
  signal?.throwIfAborted();
  let engine: AddonEngine | undefined;
  const load = loadAddon().createEngine(
    {
      path: nativePath(path),
      gpuLayers,
      gpuModules,
      contextSize,
      cacheTokens,
      kvType,
      threads,
      hostCacheBytes,
      promptLookup,
      draft: draft === undefined ? undefined : { ...draft, path: nativePath(draft.path) },
      prefixFolder: prefixFolder === undefined ? undefined : nativePath(prefixFolder),
      prefixFolderBytes,
    },
    () => engine?.deliver(),
    onProgress,
  );
  signal?.addEventListener("abort", load.cancel, { once: true });
  try {
    const native = await load.promise;
    if (signal?.aborted) {
      await native.close();
      throw signal.reason;
    }
    engine = new AddonEngine(native);
    return engine;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener("abort", load.cancel);
  }
}

class AddonEngine implements Engine {
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities = {
    constrained: true,
    prefixSharing: true,
    logProbabilities: true,
    deterministic: true,
  };
  readonly renderTemplate = renderTemplate;
  readonly #native: NativeEngine;
  readonly #runs = new Map<number, AddonRun>();
  #waiting = 0;
  #closing: Promise<void> | undefined;

  constructor(native: NativeEngine) {
    this.#native = native;
    this.info = native.info();
  }

  submit(request: RunRequest): Run {
    this.#assertOpen();
    let constraint: NativeConstraint | undefined;
    let failure = refuseTooLong(request.prompt, this.info);
    try {
      if (failure === undefined) constraint = request.constraint && toNativeConstraint(request.constraint);
    } catch (error) {
      if (!(error instanceof CaduceusError)) throw error;
      failure = error;
    }
    // The addon counts from 1 and knows no run 0.
    const id = failure ? 0 : this.#native.submit({ ...request, constraint });
    const run = new AddonRun(id, request, {
      cancel: () => this.#closing ?? this.#native.cancel(id),
      pause: () => this.#closing ?? this.#native.pause(id),
      resume: () => this.#closing ?? this.#native.resume(id),
      release: () => {
        this.#runs.delete(id);
        if (!this.#closing) this.#native.release(id);
      },
      waits: (waits) => this.#countWaiting(waits ? 1 : -1),
    });
    if (failure) run.fail(failure);
    else this.#runs.set(id, run);
    return run;
  }

  preserveTokens(texts: readonly string[]): void {
    this.#assertOpen();
    this.#native.preserveTokens(texts);
  }

  async tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array> {
    this.#assertOpen();
    signal?.throwIfAborted();
    return this.#answer(this.#native.tokenize(withTypedTokens(parts)), "stopTokenizing", signal);
  }

  async embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding> {
    this.#assertOpen();
    signal?.throwIfAborted();
    const failure = request.truncate ? undefined : refuseTooLong(request.text, this.info);
    if (failure) throw failure;
    return this.#answer(this.#native.embed(request), "stopEmbedding", signal);
  }

  /** Waits for what was begun, and stops it when the signal aborts. */
  async #answer<T>(
    { id, promise }: { readonly id: number; readonly promise: Promise<T | undefined> },
    stop: "stopTokenizing" | "stopEmbedding",
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const unfollow = followSignal(signal, () => this.#closing ?? this.#native[stop](id));
    this.#countWaiting(1);
    try {
      const answer = await promise;
      if (answer === undefined) throw signal?.reason;
      return answer;
    } finally {
      unfollow();
      this.#countWaiting(-1);
    }
  }

  async addAdapter(path: string): Promise<{ readonly id: number; readonly sizeBytes: number }> {
    this.#assertOpen();
    return this.#native.addAdapter(nativePath(path));
  }

  removeAdapter(id: number): void {
    this.#assertOpen();
    this.#native.removeAdapter(id);
  }

  async detokenize(tokens: ArrayLike<number>, options: { special?: boolean } = {}): Promise<string> {
    this.#assertOpen();
    return this.#native.detokenize(Int32Array.from(tokens), options.special === true);
  }

  async tokenBytes(tokens: ArrayLike<number>): Promise<Uint8Array[]> {
    this.#assertOpen();
    return this.#native.tokenBytes(Int32Array.from(tokens));
  }

  stats(): EngineStats {
    this.#assertOpen();
    return this.#native.stats();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const native = this.#native;
    this.#dispatch(native.take());
    this.#dispatch(await native.close());
    this.#runs.clear();
  }

  /** Called by the addon when output is ready. */
  deliver(): void {
    this.#dispatch(this.#native.take());
  }

  #dispatch(outputs: NativeOutputs): void {
    let textAt = 0;
    let tokensAt = 0;
    let probabilitiesAt = 0;
    let topAt = 0;
    for (let n = 0; n < outputs.ids.length; n++) {
      const id = outputs.ids[n] as number;
      const textEnd = textAt + (outputs.textLengths[n] as number);
      const tokensEnd = tokensAt + (outputs.tokenCounts[n] as number);
      const run = this.#runs.get(id);
      // The lengths of the packed probabilities follow from who asked for them, so released runs count too: the addon
      // leaves out what it was told to forget.
      const scored = run?.logProbabilities ? tokensEnd - tokensAt : 0;
      const probabilitiesEnd = probabilitiesAt + scored;
      const topEnd = topAt + scored * (run?.top ?? 0);
      run?.deliver(
        outputs.prompts[n],
        {
          type: "delta",
          text: outputs.text.slice(textAt, textEnd),
          tokens: outputs.tokens.slice(tokensAt, tokensEnd),
          ...(run.logProbabilities
            ? { logProbabilities: outputs.logProbabilities.slice(probabilitiesAt, probabilitiesEnd) }
            : {}),
          ...(run.logProbabilities && run.top > 0
            ? {
                topTokens: outputs.topTokens.slice(topAt, topEnd),
                topLogProbabilities: outputs.topLogProbabilities.slice(topAt, topEnd),
              }
            : {}),
        },
        outputs.ends[n],
      );
      textAt = textEnd;
      tokensAt = tokensEnd;
      probabilitiesAt = probabilitiesEnd;
      topAt = topEnd;
    }
  }

  // A process stays alive for output that somebody waits for, and for nothing else.
  #countWaiting(change: 1 | -1): void {
    const before = this.#waiting;
    this.#waiting += change;
    if (this.#closing) return;
    if (before === 0 && this.#waiting === 1) this.#native.ref();
    if (before === 1 && this.#waiting === 0) this.#native.unref();
  }

  #assertOpen(): void {
    if (this.#closing) throw new CaduceusError("MODEL_CLOSED" satisfies ErrorCode, "The model is closed.");
  }
}
