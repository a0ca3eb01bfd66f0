// What an engine says of its model.

/** Properties of a loaded model and its configuration. */
export interface ModelInfo {
  readonly path: string;
  /** llama.cpp's one-line description, such as `llama 7B Q4_K - Medium`. */
  readonly description: string;
  readonly architecture: string;
  /**
   * What the file says that it was made for. A model for `"text"` gives embeddings too; the others generate nothing.
   */
  readonly purpose: "text" | "embedding" | "reranking";
  readonly name?: string | undefined;
  readonly parameters: number;
  /** Of the weights. */
  readonly sizeBytes: number;
  /** Context length that the model was trained with. */
  readonly trainingContextSize: number;
  readonly layers: number;
  readonly embeddingSize: number;
  readonly heads: number;
  /** Heads that keys and values have; fewer than `heads` where some share them. */
  readonly headsKv: number;
  readonly vocabularySize: number;
  readonly vocabularyType: "none" | "spm" | "bpe" | "wpm" | "ugm" | "rwkv" | "plamo2" | "test";
  /** The file's own Jinja chat template. */
  readonly chatTemplate?: string | undefined;
  /** All scalar metadata of the file, as text. Arrays are left out. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly bosToken?: number | undefined;
  readonly eosToken?: number | undefined;
  /** Tokens after which llama.cpp ends generation. */
  readonly endOfGenerationTokens: readonly number[];
  /** Missing for models that do not fill in the middle of a text. */
  readonly infillTokens?: InfillTokens | undefined;
  /** One conversation's limit in tokens. */
  readonly contextSize: number;
  /** Length in bytes of the longest token: a text of so many bytes has at least one token. Undefined if unknown. */
  readonly longestTokenBytes?: number | undefined;
  /** Size of the KV cache in tokens, for all running and cached sequences. */
  readonly cacheTokens: number;
  readonly kvType: "f16" | "q8_0";
  /** Number of threads for decoding, and for prefill. */
  readonly threads: number;
  /**
   * What multiplies matrices on the processor: `"Caduceus AVX-512 VNNI"`, or `"ggml"` where the processor lacks the
   * instructions that Caduceus' own kernels need, or `CADUCEUS_KERNELS=ggml` is in the environment.
   */
  readonly matrixKernels: string;
  /** Layers on GPUs. */
  readonly gpuLayers: number;
  /** Memory by device, the processor first, without that of a draft model. */
  readonly devices: readonly DeviceUse[];
  /** The draft model; missing without one. */
  readonly draftModel?: DraftModelInfo | undefined;
}

/** Properties of a draft model. */
export interface DraftModelInfo {
  readonly path: string;
  /** llama.cpp's one-line description. */
  readonly description: string;
  readonly name?: string | undefined;
  readonly parameters: number;
  /** Of the weights. */
  readonly sizeBytes: number;
  /** Longer conversations are not drafted for. */
  readonly trainingContextSize: number;
  /** Layers on GPUs. */
  readonly gpuLayers: number;
  /** Memory by device, the processor first. */
  readonly devices: readonly DeviceUse[];
}

/** Tokens by which a model fills in the middle of a text. */
export interface InfillTokens {
  /** Before the text that precedes the gap. */
  readonly prefix: number;
  /** Before the text that follows it. */
  readonly suffix: number;
  /** Before what the model writes. */
  readonly middle: number;
  /** Before the name of a repository. */
  readonly repository?: number | undefined;
  /** Before the name of each file. */
  readonly file?: number | undefined;
}

/** Memory that a model takes on one device. */
export interface DeviceUse {
  /** ggml's own: `"CPU"`, `"CUDA0"`, `"Vulkan0"`, `"Metal"`. */
  readonly name: string;
  readonly description: string;
  readonly weightsBytes: number;
  readonly cacheBytes: number;
  /** Compute buffers. */
  readonly computeBytes: number;
}
