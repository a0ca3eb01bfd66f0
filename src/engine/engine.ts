// The interface of an engine: requests and output as messages. The implementation is the addon in this process.
import type { Constraint, EnforcedSchema, WidenedKeyword } from "./constraint.js";
import type { Embedding, EmbeddingRequest } from "./embedding.js";
import type { ModelInfo } from "./model_info.js";
import type { ThoughtRequest } from "./thought_request.js";
import type { PromptPart, RenderTemplate } from "./prompt.js";

export type { Constraint, EnforcedSchema, ToolConstraint, WidenedKeyword } from "./constraint.js";
export type { ThoughtRequest } from "./thought_request.js";
export type {
  ArgumentForm,
  CallFormat,
  CallPiece,
  NotationForm,
  ElementForm,
  ParameterForm,
  TurnMessages,
} from "./call_format.js";
export type { Embedding, EmbeddingRequest } from "./embedding.js";
export type { DeviceUse, DraftModelInfo, InfillTokens, ModelInfo } from "./model_info.js";
export type { PromptPart, RenderedTemplate, RenderTemplate } from "./prompt.js";

/** Sampler settings. Every field is set: defaults are resolved above the engine. */
export interface EngineSampling {
  /** 0 always takes the most likely token. */
  readonly temperature: number;
  /** Candidates kept, most likely first. 0 keeps all. */
  readonly topK: number;
  /** Smallest set of candidates whose probabilities add up to this. 1 keeps all. */
  readonly topP: number;
  /** Candidates less likely than this times the most likely one are dropped. 0 keeps all. */
  readonly minP: number;
  /** 1 is off. */
  readonly repeatPenalty: number;
  /** 0 is off. */
  readonly frequencyPenalty: number;
  /** 0 is off. */
  readonly presencePenalty: number;
  /** Number of last tokens that the three penalties count. 0 is off, -1 is the whole context. */
  readonly penaltyLastN: number;
  /**
   * DRY, which penalizes tokens that continue a repetition. `multiplier` 0 is off; `lastN` 0 is off, -1 is the whole
   * context.
   */
  readonly dry: {
    readonly multiplier: number;
    readonly base: number;
    readonly allowedLength: number;
    readonly lastN: number;
    readonly sequenceBreakers: readonly string[];
  };
  /** Candidates within so many standard deviations of the likeliest one are kept. 0 keeps all. */
  readonly topNSigma: number;
  /** Locally typical candidates up to this share. 1 keeps all. */
  readonly typicalP: number;
  /**
   * XTC: probability that the most likely candidates are removed, except the last of those above `xtcThreshold`. 0 is
   * off.
   */
  readonly xtcProbability: number;
  readonly xtcThreshold: number;
  /** Range of the dynamic temperature. 0 is off. */
  readonly dynatempRange: number;
  readonly dynatempExponent: number;
  /** 1 and 2 sample by Mirostat, which replaces the samplers that remove candidates. 0 is off. */
  readonly mirostat: number;
  readonly mirostatTau: number;
  readonly mirostatEta: number;
  /** Adaptive p chooses among the candidates that are left. Below 0 is off. */
  readonly adaptiveTarget: number;
  readonly adaptiveDecay: number;
  /** 32-bit seed of the random choice. Undefined picks one. */
  readonly seed?: number | undefined;
  /** Added to the logits of a token, or of each token of a text; -Infinity bans them. */
  readonly logitBias: ReadonlyArray<readonly [token: number | string, bias: number]>;
}

/** An adapter by the id that `addAdapter` gave. */
export interface AdapterUse {
  readonly id: number;
  readonly scale: number;
}

export interface RunRequest {
  readonly prompt: readonly PromptPart[];
  /** Id of an earlier run of this engine that was not released: the prompt continues after its last token. */
  readonly after?: number | undefined;
  readonly sampling: EngineSampling;
  /** Undefined: the remaining context. 0: the prompt is computed, and nothing generated. */
  readonly maxTokens?: number | undefined;
  /** Minimum number of tokens before one may end the turn, unless the constraint allows nothing else. Undefined: 0. */
  readonly minTokens?: number | undefined;
  /**
   * Generation ends before the first of these strings; it is not part of the text. Where only calls are constrained,
   * they are not looked for in a call, its tags and the white space between two calls included.
   */
  readonly stop: readonly string[];
  /** Tokens that end the turn besides the model's own end-of-generation tokens. */
  readonly stopTokens: readonly number[];
  /** Deltas carry log probabilities of the chosen tokens. */
  readonly logProbabilities: boolean;
  /**
   * The first output is a `RunPrompt`: log probabilities of the prompt's own tokens, all of which are computed for it.
   * Undefined: false.
   */
  readonly promptLogProbabilities?: boolean | undefined;
  /** Number of most likely tokens reported with each log probability. Undefined: 0. */
  readonly topLogProbabilities?: number | undefined;
  /** Requests of different scopes never share cached tokens. */
  readonly cacheScope: string;
  /** Adapters that are added to the model, each at most once. Those of other requests share nothing with it. Undefined: none. */
  readonly adapters?: readonly AdapterUse[] | undefined;
  /** Higher runs first. 0 is normal. */
  readonly priority: number;
  /** Maximum time in milliseconds before the first prefill. Undefined: no limit. */
  readonly queueTimeoutMs?: number | undefined;
  /**
   * Number of leading prompt parts whose state is saved to disk, with `after` together with those before them. The last
   * of them and the next part are never both `text`. Undefined: none.
   */
  readonly keepPrefix?: number | undefined;
  /** Constraint on the output. Undefined: none. Needs `capabilities.constrained`. */
  readonly constraint?: Constraint | undefined;
  /** What the model may think before the answer. Undefined: tags have no meaning. */
  readonly thought?: ThoughtRequest | undefined;
  /**
   * Computed apart, alone, with fixed threads and chunks and no shared prefix: the same request, with its seed, gives
   * the same bits.
   */
  readonly deterministic: boolean;
  /**
   * After the first piece, text waits so many milliseconds for more, at most to the end of the step of that time.
   * Undefined: it comes with each step.
   */
  readonly gatherMs?: number | undefined;
}

/** Token counts of one run. */
export interface Usage {
  /** Tokens of the whole prompt, those before `after` included. */
  readonly promptTokens: number;
  /** Number of the prompt's tokens that were cached, in the KV cache, the host cache or on disk, and not computed. */
  readonly cachedTokens: number;
  readonly generatedTokens: number;
}

/** Durations of one run in milliseconds, as the engine's thread saw them. */
export interface Timings {
  /** From submission to the beginning of the prefill. */
  readonly queueMs: number;
  /** Prefill of the part of the prompt that was not cached. */
  readonly promptMs: number;
  /** From submission to the first generated token. */
  readonly firstTokenMs: number;
  /** From the first generated token to the last. */
  readonly generationMs: number;
  /** Generated tokens a second after the first; 0 when there was at most one. */
  readonly tokensPerSecond: number;
}

/** Tokens with their log probabilities before sampling: natural logarithms, -Infinity for impossible tokens. */
export interface ScoredTokens {
  readonly tokens: Int32Array;
  /** One for each token; present if requested. */
  readonly logProbabilities?: Float32Array | undefined;
  /** The most likely tokens at each position, `topLogProbabilities` of them in order; present if requested. */
  readonly topTokens?: Int32Array | undefined;
  readonly topLogProbabilities?: Float32Array | undefined;
}

/**
 * The whole prompt, with the BOS that the engine put before it. What comes first follows nothing, so all its numbers
 * are NaN.
 */
export interface RunPrompt extends ScoredTokens {
  readonly type: "prompt";
}

export interface RunDelta extends ScoredTokens {
  readonly type: "delta";
  /** Whole code points; may be empty when a token ends inside a character or might begin a stop string. */
  readonly text: string;
}

export interface RunEnd {
  readonly type: "end";
  readonly finishReason: "stop" | "length" | "cancelled";
  /** Which of the request's stop strings ended it. */
  readonly stopString?: string | undefined;
  /**
   * The token that ended the turn, which is not among those of the deltas; present where log probabilities were asked
   * for.
   */
  readonly endToken?: ScoredTokens | undefined;
  readonly usage: Usage;
  readonly timings: Timings;
  /** Of a run with a constraint. */
  readonly constraint?: ConstraintEnd | undefined;
}

/** Whether the constrained output is complete, and what the constraint cost. */
export interface ConstraintEnd {
  /** Whether the output is complete: the constraint allowed it to end here. */
  readonly complete: boolean;
  /** Number of generated tokens that were forced and not sampled. */
  readonly forcedTokens: number;
  /** Sampled tokens that the constraint refused. */
  readonly rejectedTokens: number;
  /** Compiling, in milliseconds; 0 when it was cached. */
  readonly compileMs: number;
}

/** A running request. It exists until `release`, so that later requests can continue `after` it. */
export interface Run {
  readonly id: number;
  /**
   * Waits for the next piece of output. The last is the `end`, then always undefined. Rejects with a `CaduceusError` if
   * the run failed. If it is not called, the run's buffer fills, and the run pauses until the next call.
   */
  next(): Promise<RunPrompt | RunDelta | RunEnd | undefined>;
  /** Ends the run at the next opportunity; `next` then gives the `end`. Does nothing when it has ended. */
  cancel(): void;
  /** Cancels the run if it has not ended, and releases it. Its tokens may stay cached. May be called twice. */
  release(): void;
}

/** Guarantees that this engine enforces itself. The layers above check the others afterwards. */
export interface EngineCapabilities {
  /** Generation can be constrained to a schema, a grammar or tool calls. */
  readonly constrained: boolean;
  /** Many runs share one cache and one batch. */
  readonly prefixSharing: boolean;
  /** The log probabilities of chosen tokens are known. */
  readonly logProbabilities: boolean;
  /** Runs with `deterministic` give the same bits each time. */
  readonly deterministic: boolean;
  /** It has a tokenizer. Undefined: true. */
  readonly tokenizes?: boolean | undefined;
  /**
   * What constraints are written in before they reach the engine of a server: `"gbnf"` does not say all that a schema
   * does. Undefined: nothing is lost.
   */
  readonly grammar?: "gbnf" | undefined;
  /** Calls are constrained that are not written as Hermes writes them. Undefined: as other calls are. */
  readonly constrainsOtherCalls?: boolean | undefined;
  /** A thought can be ended after some tokens. Undefined: where generation can be constrained. */
  readonly limitsThoughts?: boolean | undefined;
}

/** One server of a fleet, as this process sees it. */
export interface ServerStats {
  /** Its address. */
  readonly url: string;
  /** `"up"`: takes requests. `"draining"`: finishes what it has begun. `"down"`: failed, and is looked at again later. */
  readonly state: "up" | "draining" | "down";
  /** Requests of this process that it has. */
  readonly requests: number;
  /** Tokens of those that are not computed yet, as far as they can be estimated. */
  readonly outstandingTokens: number;
  /** How often it has failed and was left out. */
  readonly ejections: number;
}

/** Current state of an engine, and totals. */
export interface EngineStats {
  /** Running requests: they have cells, and decode or prefill. */
  readonly running: number;
  /** Waiting requests. */
  readonly queued: number;
  /** Running requests that are paused because their readers are slow. */
  readonly paused: number;
  /** Size of the KV cache, in tokens. */
  readonly cacheTokens: number;
  /** Occupied cells, of running and of cached sequences. */
  readonly cacheTokensUsed: number;
  /** Number of cached sequences, without the running ones. */
  readonly cachedSequences: number;
  /** Memory of the host cache in use, in bytes. */
  readonly hostCacheBytes: number;
  /** Threads in use at the moment: fewer than `info.threads` while other programs need the cores. */
  readonly threads: number;
  /** Occupied cells of the draft model's KV cache, which has as many as that of the model. 0 without a draft model. */
  readonly draftCacheTokensUsed: number;
  /** Memory of the adapters' weights, in bytes, with those that were removed and are still in use. */
  readonly adapterBytes: number;
  /** Total number of prompt tokens. This and the following fields are totals since the model was loaded. */
  readonly promptTokens: number;
  /** Prompt tokens that were cached and not computed. */
  readonly cachedTokens: number;
  /** Cached tokens that were loaded from the host cache or from disk. */
  readonly restoredTokens: number;
  readonly generatedTokens: number;
  /** Generated tokens that a constraint forced. */
  readonly forcedTokens: number;
  /** Sampled tokens that a constraint refused. */
  readonly rejectedTokens: number;
  /** Tokens that prompt lookup or a draft model proposed (speculative decoding) and the engine verified. */
  readonly draftTokens: number;
  /** Draft tokens that were accepted. */
  readonly acceptedDraftTokens: number;
  /** Of `draftTokens`, those by a draft model. */
  readonly draftModelTokens: number;
  /** Of `acceptedDraftTokens`, those by a draft model. */
  readonly acceptedDraftModelTokens: number;
  /** Computations of a draft model. */
  readonly draftModelSteps: number;
  /** How often other adapters were put to use, which takes a few milliseconds each time. */
  readonly adapterChanges: number;
  /** Steps of the engine's thread. */
  readonly steps: number;
  /** The servers of a fleet. Missing where the model is not on several servers. */
  readonly servers?: readonly ServerStats[] | undefined;
}

export interface Engine {
  readonly info: ModelInfo;
  readonly capabilities: EngineCapabilities;
  /**
   * Submits a request without blocking. Errors in the request surface in the run. Throws `MODEL_CLOSED` after `close`.
   */
  submit(request: RunRequest): Run;
  /**
   * Token ids of a prompt, as a run of it would read them, the leading BOS included. Rejects with the signal's reason
   * when it aborts.
   */
  tokenize(parts: readonly PromptPart[], signal?: AbortSignal): Promise<Int32Array>;
  /** The text of tokens; control tokens are written out when `special` is true and left out otherwise. */
  detokenize(tokens: ArrayLike<number>, options?: { special?: boolean }): Promise<string>;
  /** The bytes of each token, which may be part of a character; control tokens are written out. */
  tokenBytes(tokens: ArrayLike<number>): Promise<Uint8Array[]>;
  /**
   * Computes an embedding, together with those that wait at the same time. Rejects with the signal's reason when it
   * aborts.
   */
  embed(request: EmbeddingRequest, signal?: AbortSignal): Promise<Embedding>;
  /** Loads an adapter (LoRA) for this model, and makes it known to requests. */
  addAdapter(path: string): Promise<{ readonly id: number; readonly sizeBytes: number }>;
  /** Requests can no longer name it. Its memory is freed when the last of those that did has ended. */
  removeAdapter(id: number): void;
  readonly renderTemplate: RenderTemplate;
  /** What of a schema it does not enforce; `asArguments`: of a call. Undefined: it enforces all. */
  readonly widenedKeywords?: ((schema: EnforcedSchema, asArguments: boolean) => readonly WidenedKeyword[]) | undefined;
  /**
   * Makes control tokens part of the generated text (llama.cpp: preserved tokens): those whose text stands in one of
   * these. Before the first request.
   */
  preserveTokens(texts: readonly string[]): void;
  stats(): EngineStats;
  /** Ends every run with `MODEL_CLOSED`, stops the thread and frees the memory. Twice is fine. */
  close(): Promise<void>;
}

/** How to load a model into an engine; every field is validated and its default resolved by the layer above. */
export interface EngineOptions {
  readonly path: string;
  /** Undefined: the model's own, at most 8,192. */
  readonly contextSize?: number | undefined;
  /** Undefined: twice `contextSize`. */
  readonly cacheTokens?: number | undefined;
  readonly kvType: "f16" | "q8_0";
  /** Undefined: as many as the machine has physical cores for this process. */
  readonly threads?: number | undefined;
  readonly gpuLayers: number;
  /** A model that drafts for this one. Undefined: none. */
  readonly draft?: { readonly path: string; readonly gpuLayers: number } | undefined;
  /**
   * Memory outside of the KV cache for branches that are not in use. Undefined: as much as the KV cache itself; 0:
   * none.
   */
  readonly hostCacheBytes?: number | undefined;
  /** Speculative decoding by prompt lookup, where it pays. Undefined: true. */
  readonly promptLookup?: boolean | undefined;
  /** Where prefixes are kept on disk; absolute. Undefined: nowhere. */
  readonly prefixFolder?: string | undefined;
  /** The most that folder may hold. */
  readonly prefixFolderBytes: number;
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}
