// The addon's surface as TypeScript sees it: native/binding/addon.cpp, one to one. Only this folder knows it.
import type { CaduceusError } from "../../errors.js";
import type {
  ConstraintEnd,
  Embedding,
  EmbeddingRequest,
  EngineStats,
  ModelInfo,
  PromptPart,
  RenderTemplate,
  RunRequest,
  ScoredTokens,
  Timings,
  Usage,
} from "../engine.js";
import type { NativeConstraint } from "./grammar_rules.js";

export type NativeEnd = {
  readonly stopString?: string;
  readonly endToken?: ScoredTokens;
  readonly usage: Usage;
  readonly timings: Timings;
  readonly constraint?: ConstraintEnd;
} & (
  | { readonly finishReason: "stop" | "length" | "cancelled" }
  | { readonly finishReason: "error"; readonly error: CaduceusError }
);

export type NativeRequest = Omit<RunRequest, "constraint"> & { readonly constraint?: NativeConstraint | undefined };

/**
 * Output of several runs, packed: the n-th run has `textLengths[n]` UTF-16 units of `text` and `tokenCounts[n]` of
 * `tokens`.
 */
export interface NativeOutputs {
  readonly ids: Uint32Array;
  readonly textLengths: Uint32Array;
  readonly tokenCounts: Uint32Array;
  readonly text: string;
  readonly tokens: Int32Array;
  /** As many as `tokens` of those runs that asked for them. */
  readonly logProbabilities: Float32Array;
  /** So many for each of those tokens as their run asked for. */
  readonly topTokens: Int32Array;
  readonly topLogProbabilities: Float32Array;
  /** Sparse: an entry for each run whose prompt has been scored. */
  readonly prompts: readonly (ScoredTokens | undefined)[];
  /** Sparse: an entry for each run that ended. */
  readonly ends: readonly (NativeEnd | undefined)[];
}

export interface NativeEngine {
  submit(request: NativeRequest): number;
  cancel(id: number): void;
  pause(id: number): void;
  resume(id: number): void;
  release(id: number): void;
  take(): NativeOutputs;
  preserveTokens(texts: readonly string[]): void;
  stats(): EngineStats;
  info(): ModelInfo;
  tokenize(parts: readonly PromptPart[]): { readonly id: number; readonly promise: Promise<Int32Array | undefined> };
  /** Its promise then gives undefined. */
  stopTokenizing(id: number): void;
  embed(request: EmbeddingRequest): { readonly id: number; readonly promise: Promise<Embedding | undefined> };
  /** Its promise then gives undefined. */
  stopEmbedding(id: number): void;
  addAdapter(path: string): Promise<{ readonly id: number; readonly sizeBytes: number }>;
  removeAdapter(id: number): void;
  detokenize(tokens: Int32Array, special: boolean): Promise<string>;
  tokenBytes(tokens: Int32Array): Promise<Uint8Array[]>;
  ref(): void;
  unref(): void;
  close(): Promise<NativeOutputs>;
}

export interface NativeLoad {
  readonly promise: Promise<NativeEngine>;
  cancel(): void;
}

export interface NativeLoadOptions {
  readonly path: string;
  readonly gpuLayers: number;
  /** Full paths. The first model of the process, or the first call of `devices`, decides. */
  readonly gpuModules: readonly string[];
  readonly contextSize?: number | undefined;
  readonly cacheTokens?: number | undefined;
  readonly kvType: string;
  readonly threads?: number | undefined;
  readonly hostCacheBytes?: number | undefined;
  readonly promptLookup?: boolean | undefined;
  readonly draft?: { readonly path: string; readonly gpuLayers: number } | undefined;
  readonly prefixFolder?: string | undefined;
  readonly prefixFolderBytes: number;
}

export interface NativeDevice {
  readonly name: string;
  readonly description: string;
  readonly isGpu: boolean;
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

export interface NativeDevices {
  readonly devices: readonly NativeDevice[];
  readonly matrixKernels: string;
  /** Why modules were left out. */
  readonly failures: readonly string[];
}

export interface NativeQuantizeOptions {
  /** Absolute. Of a split model the first file. */
  readonly from: string;
  readonly to: string;
  /** llama.cpp's `llama_ftype`. */
  readonly fileType: number;
  readonly threads: number;
  readonly onlyCopy: boolean;
  readonly allowRequantize: boolean;
  /** Path of a file of llama-imatrix; empty: none. */
  readonly importanceMatrix: string;
  /** ggml's names; empty: llama.cpp's choice. */
  readonly outputTensorType: string;
  readonly tokenEmbeddingType: string;
  readonly leaveOutputTensor: boolean;
}

export interface NativeQuantizationPlan {
  /** Of the weights. */
  readonly bytes: number;
  readonly needsImportanceMatrix: boolean;
  /** Types of weights that are quantized already and would get another: `"q4_K"`. */
  readonly requantized: readonly string[];
  /** Why the importance matrix does not do, and why a type does not, as the end of a sentence; empty: they do. */
  readonly wrongMatrix: string;
  readonly wrongType: string;
}

export interface Addon {
  initialize(classes: { CaduceusError: typeof CaduceusError }): void;
  createEngine(options: NativeLoadOptions, onWake: () => void, onProgress?: (fraction: number) => void): NativeLoad;
  /** GPUs are added by modules; else only what was built in can compute. */
  readonly takesModules: boolean;
  devices(gpuModules: readonly string[]): Promise<NativeDevices>;
  /** With the template's source, the JSON of its variables, and the milliseconds it may take. */
  renderTemplate: RenderTemplate;
  /** What `quantize` would write. */
  planQuantization(options: NativeQuantizeOptions): Promise<NativeQuantizationPlan>;
  /** Nothing but the end of the process can stop it. */
  quantize(options: NativeQuantizeOptions): Promise<void>;
  /** Ends and joins every thread of this environment, at once. For the end of the process. */
  endThreads(): void;
  /** 0 silent, 1 error, 2 warn, 3 info, 4 debug. */
  setLog(level: number, sink?: (level: number, line: string) => void): void;
}
