// A deterministic engine in memory: its "model" answers what a function says, one code point a token. It keeps every
// promise of the interface (back-pressure, cancel, release, after), so that replies and chats can be tested without a
// model.
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  Embedding,
  EmbeddingRequest,
  Engine,
  EngineStats,
  ModelInfo,
  PromptPart,
  Run,
  RunDelta,
  RunEnd,
  RunPrompt,
  RunRequest,
  ScoredTokens,
} from "../../../src/engine/engine.js";
import { CaduceusError } from "../../../src/errors.js";

/** Those by which a model counts as Hermes. */
export const hermesMarkers = ["<|im_end|>", "<|im_start|>", "</s>", "<tools>"];

export interface Script {
  /** The answer to a prompt, whose markers are written out. */
  readonly answer?: (prompt: string) => string;
  readonly contextSize?: number;
  /** Delay between two tokens, in milliseconds. */
  readonly paceMs?: number;
  /** Stops before the token of this place, counted from 0, until the promise is resolved. */
  readonly hold?: { readonly before: number; readonly until: Promise<void> };
  /** Deltas that wait for the reader before the run pauses. */
  readonly bufferSize?: number;
  readonly metadata?: Record<string, string>;
  /** Text of the tokens that pad the vocabulary. */
  readonly padding?: readonly string[];
  /** Markers that the vocabulary holds as single tokens. */
  readonly markers?: readonly string[];
  /** Fails the run with this after so many tokens. */
  readonly failAfter?: { readonly tokens: number; readonly error: Error };
  readonly logProbabilities?: boolean;
  readonly deterministic?: boolean;
  readonly chatTemplate?: string;
  /** Whether its vocabulary has the tokens for filling in the middle of a text. */
  readonly infill?: boolean;
  /** Whether it accepts constraints. It does not enforce them: the script decides what is written. */
  readonly constrained?: boolean;
}

const bos = 0;
const firstCharacter = 16;
const characters = 0x3000;

export class ScriptedEngine implements Engine {
  readonly info: ModelInfo;
  readonly capabilities;
  readonly renderTemplate = renderTemplate;
  /** Every request, in order. */
  readonly requests: RunRequest[] = [];
  /** Runs that were not released. */
  readonly live = new Map<number, ScriptedRun>();
  generated = 0;
  closed = false;
  readonly script: Script;
  /** The texts of which control tokens are part of what is generated: markup of calls and thoughts. */
  preserved: readonly string[] = [];
  /** Paths of its adapters, by their ids. */
  readonly adapters = new Map<number, string>();
  readonly #markers: readonly string[];
  #nextId = 1;

  constructor(script: Script = {}) {
    this.script = script;
    this.#markers = script.markers ?? ["<|im_end|>", "<|im_start|>", "</s>"];
    this.capabilities = {
      constrained: script.constrained ?? false,
      prefixSharing: false,
      logProbabilities: script.logProbabilities ?? true,
      deterministic: script.deterministic ?? true,
    };
    this.info = {
      path: "/scripted.gguf",
      description: "scripted",
      architecture: "scripted",
      purpose: "text",
      parameters: 0,
      sizeBytes: 0,
      trainingContextSize: 4096,
      layers: 1,
      embeddingSize: 1,
      heads: 1,
      headsKv: 1,
      vocabularySize: firstCharacter + characters + (script.padding?.length ?? 0),
      vocabularyType: "test",
      ...(script.chatTemplate === undefined ? {} : { chatTemplate: script.chatTemplate }),
      metadata: script.metadata ?? {},
      bosToken: bos,
      eosToken: 1,
      endOfGenerationTokens: [1],
      ...(script.infill ? { infillTokens: { prefix: 10, suffix: 11, middle: 12, repository: 13, file: 14 } } : {}),
      contextSize: script.contextSize ?? 4096,
      cacheTokens: 8192,
      kvType: "f16",
      threads: 1,
      gpuLayers: 0,
      devices: [],
      matrixKernels: "ggml",
    };
  }

  submit(request: RunRequest): Run {
    if (this.closed) throw new CaduceusError("MODEL_CLOSED", "The model was closed.");
    if (request.constraint !== undefined && !this.capabilities.constrained)
      throw new CaduceusError("ENGINE_FAILED", "This engine takes no constraints.");
    this.requests.push(request);
    const run = new ScriptedRun(this, this.#nextId++, request);
    this.live.set(run.id, run);
    return run;
  }

  tokens(parts: readonly PromptPart[]): number[] {
    return parts.flatMap((part) => {
      if ("tokens" in part) return Array.from(part.tokens);
      if ("text" in part) return [...part.text].map((character) => firstCharacter + character.codePointAt(0)!);
      const pieces = part.control.split(
        new RegExp(`(${this.#markers.map((marker) => marker.replaceAll("|", "\\|")).join("|")})`),
      );
      return pieces.flatMap((piece) => {
        const marker = this.#markers.indexOf(piece);
        return marker === -1 ? this.tokens([{ text: piece }]) : [1 + marker];
      });
    });
  }

  text(tokens: ArrayLike<number>, special = false): string {
    return Array.from(tokens, (token) => {
      if (token >= firstCharacter + characters)
        return special ? this.script.padding![token - firstCharacter - characters]! : "";
      if (token >= firstCharacter) return String.fromCodePoint(token - firstCharacter);
      return special ? (token === bos ? "<s>" : (this.#markers[token - 1] ?? "<unknown>")) : "";
    }).join("");
  }

  preserveTokens(texts: readonly string[]): void {
    this.preserved = texts;
  }

  async addAdapter(path: string): Promise<{ id: number; sizeBytes: number }> {
    this.adapters.set(this.#nextId, path);
    return { id: this.#nextId++, sizeBytes: path.length };
  }

  removeAdapter(id: number): void {
    this.adapters.delete(id);
  }

  async tokenize(parts: readonly PromptPart[]): Promise<Int32Array> {
    return Int32Array.from([bos, ...this.tokens(parts)]);
  }

  async detokenize(tokens: ArrayLike<number>, options?: { special?: boolean }): Promise<string> {
    return this.text(tokens, options?.special);
  }

  async tokenBytes(tokens: ArrayLike<number>): Promise<Uint8Array[]> {
    return Array.from(tokens, (token) => new TextEncoder().encode(this.text([token], true)));
  }

  /** How often each letter from a to z is in the text. */
  async embed({ text, second = [] }: EmbeddingRequest): Promise<Embedding> {
    const tokens = this.tokens([...text, ...second]);
    const values = new Float32Array(26);
    for (const letter of this.text(tokens)) {
      const at = letter.charCodeAt(0) - 97;
      if (at >= 0 && at < 26) values[at]! += 1;
    }
    return { values, tokens: tokens.length, truncated: false };
  }

  stats(): EngineStats {
    const running = [...this.live.values()].filter((run) => run.isRunning);
    return {
      running: running.length,
      queued: 0,
      paused: running.filter((run) => run.isPaused).length,
      cacheTokens: 8192,
      cacheTokensUsed: 0,
      cachedSequences: 0,
      hostCacheBytes: 0,
      adapterBytes: 0,
      adapterChanges: 0,
      promptTokens: 0,
      cachedTokens: 0,
      restoredTokens: 0,
      generatedTokens: this.generated,
      forcedTokens: 0,
      rejectedTokens: 0,
      draftTokens: 0,
      draftModelTokens: 0,
      acceptedDraftModelTokens: 0,
      draftModelSteps: 0,
      draftCacheTokensUsed: 0,
      acceptedDraftTokens: 0,
      steps: 0,
      threads: 1,
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const run of this.live.values()) run.fail(new CaduceusError("MODEL_CLOSED", "The model was closed."));
  }
}

/** Every token is as likely as each other, and the next ids are the likeliest beside it. */
function scored(
  tokens: readonly number[],
  { topLogProbabilities: top = 0 }: RunRequest,
  logProbability: number,
): ScoredTokens {
  const alternatives = tokens.flatMap((token) => Array.from({ length: top }, (_, place) => token + place));
  return {
    tokens: Int32Array.from(tokens),
    logProbabilities: Float32Array.from(tokens, () => logProbability),
    topTokens: Int32Array.from(alternatives),
    topLogProbabilities: Float32Array.from(alternatives, (_, index) => logProbability - (index % top)),
  };
}

type Output = RunPrompt | RunDelta | RunEnd;

export class ScriptedRun implements Run {
  readonly id: number;
  isRunning = true;
  isPaused = false;
  /** Every token of the run, those before it included. */
  readonly tokens: number[];
  readonly #engine: ScriptedEngine;
  readonly #buffer: Output[] = [];
  #failure: Error | undefined;
  #isCancelled = false;
  #cancelNow = () => {};
  readonly #cancelled = new Promise<void>((resolve) => (this.#cancelNow = resolve));
  #isReleased = false;
  #wakeReader = () => {};
  #wakeWriter = () => {};

  constructor(engine: ScriptedEngine, id: number, request: RunRequest) {
    this.id = id;
    this.#engine = engine;
    const earlier = request.after === undefined ? [bos] : engine.live.get(request.after)?.tokens;
    if (earlier === undefined) throw new CaduceusError("ENGINE_FAILED", `There is no run ${request.after}.`);
    this.tokens = [...earlier, ...engine.tokens(request.prompt)];
    void this.#write(request, request.after === undefined ? 0 : earlier.length);
  }

  async #write(request: RunRequest, cachedTokens: number): Promise<void> {
    const { contextSize } = this.#engine.info;
    const promptTokens = this.tokens.length;
    if (promptTokens >= contextSize) {
      return this.fail(
        new CaduceusError(
          "CONTEXT_FULL",
          `The prompt has ${promptTokens} tokens, ${promptTokens - contextSize + 1} more than fit.`,
        ),
      );
    }
    const {
      answer = (prompt: string) => `You said ${prompt.length} characters.`,
      bufferSize = 4,
      failAfter,
      hold,
      paceMs,
    } = this.#engine.script;
    let text = answer(this.#engine.text(this.tokens, true));
    const stopString = request.stop.find((stop) => text.includes(stop));
    if (stopString !== undefined) text = text.slice(0, text.indexOf(stopString));
    const most = Math.min(request.maxTokens ?? Infinity, contextSize - promptTokens);
    let generated = 0;
    if (request.promptLogProbabilities) this.#put({ type: "prompt", ...scored(this.tokens, request, -0.25) });
    for (const character of text) {
      if (generated === most) break;
      if (generated === hold?.before) await Promise.race([hold.until, this.#cancelled]);
      while (this.#buffer.length >= bufferSize && !this.#isCancelled && this.isRunning) {
        this.isPaused = true;
        await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
        this.isPaused = false;
      }
      await (paceMs === undefined ? new Promise(setImmediate) : sleep(paceMs));
      if (this.#isCancelled || !this.isRunning) break;
      if (failAfter?.tokens === generated) return this.fail(failAfter.error);
      const token = firstCharacter + character.codePointAt(0)!;
      this.tokens.push(token);
      this.#engine.generated++;
      generated++;
      this.#put({
        type: "delta",
        text: character,
        ...(request.logProbabilities ? scored([token], request, -0.5) : { tokens: Int32Array.of(token) }),
      });
    }
    if (!this.isRunning) return;
    const isCut = generated < [...text].length;
    this.isRunning = false;
    this.#put({
      type: "end",
      finishReason: this.#isCancelled ? "cancelled" : isCut ? "length" : "stop",
      ...(isCut ? {} : { stopString }),
      usage: { promptTokens, cachedTokens, generatedTokens: generated },
      timings: { queueMs: 0, promptMs: 1, firstTokenMs: 1, generationMs: 1, tokensPerSecond: 1 },
      ...(request.constraint === undefined
        ? {}
        : { constraint: { complete: !isCut, forcedTokens: 0, rejectedTokens: 0, compileMs: 0 } }),
    });
  }

  #put(output: Output): void {
    this.#buffer.push(output);
    this.#wakeReader();
  }

  fail(error: Error): void {
    if (!this.isRunning) return;
    this.isRunning = false;
    this.#failure = error;
    this.#cancelNow();
    this.#wakeReader();
    this.#wakeWriter();
  }

  async next(): Promise<Output | undefined> {
    if (this.#isReleased) return undefined;
    while (this.#buffer.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (!this.isRunning) return undefined;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    const output = this.#buffer.shift();
    this.#wakeWriter();
    return output;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#cancelNow();
    this.#wakeWriter();
  }

  release(): void {
    this.cancel();
    this.#isReleased = true;
    this.#engine.live.delete(this.id);
  }
}
