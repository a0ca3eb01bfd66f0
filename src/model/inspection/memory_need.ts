// How much memory a model takes, from its header and the options: the same sizes that the engine will choose.
import type { EngineOptions } from "../../engine/engine.js";
import type { GgufHeader } from "./gguf_header.js";

export type MemoryOptions = Pick<EngineOptions, "contextSize" | "cacheTokens" | "gpuLayers"> & {
  readonly kvType: "f16" | "q8_0";
};

/** Bytes of this machine's memory; what a GPU holds is not counted. */
export interface MemoryNeed {
  /** Tokens of one conversation that this is for. */
  readonly contextSize: number;
  /** Tokens of all conversations together that this is for. */
  readonly cacheTokens: number;
  readonly weightsBytes: number;
  /** Of all cached tokens. */
  readonly cacheBytes: number;
  readonly cacheBytesPerToken: number;
  /** Room to compute in; an estimate, good to a third. */
  readonly computeBytes: number;
  /** Weights and cache of a draft model; missing without one. */
  readonly draftBytes?: number;
  readonly totalBytes: number;
}

/** The engine's own defaults and shapes: native/engine/model/llama_context.cpp. */
const defaultContextSize = 8192;
const batchTokens = 512;
const outputRows = 65;
/** Bytes of a cached value: q8_0 has 34 for 32. */
const valueBytes = { f16: 2, q8_0: 34 / 32 };

/** `fileBytes`: of all files of the model. */
export function memoryNeed(
  header: GgufHeader,
  fileBytes: number,
  { contextSize: wanted, cacheTokens: cache, kvType, gpuLayers }: MemoryOptions,
): MemoryNeed {
  const { layers, embedding, heads, keyLength, valueLength, headsKv, feedForward, vocabulary, trained } =
    shapeOf(header);
  const contextSize = wanted ?? Math.min(trained, cache ?? Infinity, defaultContextSize);
  const cacheTokens = cache ?? 2 * contextSize;
  const onCpu = layers === 0 ? 1 : Math.max(0, layers - gpuLayers) / layers;
  const weightsBytes = Math.round(Math.max(0, fileBytes - header.dataOffset) * onCpu);
  const cacheBytesPerToken = Math.round((keyLength + valueLength) * headsKv * valueBytes[kvType] * onCpu);
  const cacheBytes = cacheBytesPerToken * cacheTokens;
  const computeBytes = Math.round(
    batchTokens * 4 * (2 * feedForward + 6 * embedding + heads * 16) + outputRows * vocabulary * 4,
  );
  return {
    contextSize,
    cacheTokens,
    weightsBytes,
    cacheBytes,
    cacheBytesPerToken,
    computeBytes,
    totalBytes: weightsBytes + cacheBytes + computeBytes,
  };
}

/** With a draft model, whose cache has as many tokens. */
export function withDraft(need: MemoryNeed, draft: MemoryNeed): MemoryNeed {
  const draftBytes = draft.weightsBytes + draft.cacheBytes;
  return { ...need, draftBytes, totalBytes: need.totalBytes + draft.totalBytes };
}

export interface ModelShape {
  readonly architecture: string;
  readonly layers: number;
  readonly embedding: number;
  readonly heads: number;
  /** Summed over the layers. */
  readonly headsKv: number;
  readonly keyLength: number;
  readonly valueLength: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Tokens it was trained with. */
  readonly trained: number;
}

/** What is missing counts as 0. */
export function shapeOf({ metadata }: GgufHeader): ModelShape {
  const architecture = String(metadata.get("general.architecture") ?? "");
  const values = (key: string): readonly number[] => {
    const value = metadata.get(`${architecture}.${key}`);
    return typeof value === "number" ? [value] : Array.isArray(value) ? (value as readonly number[]) : [];
  };
  const number = (key: string) => Math.max(0, ...values(key));
  const layers = number("block_count");
  const embedding = number("embedding_length");
  const heads = number("attention.head_count");
  const perLayer = values("attention.head_count_kv");
  const head = heads === 0 ? 0 : embedding / heads;
  const tokens = metadata.get("tokenizer.ggml.tokens");
  return {
    architecture,
    layers,
    embedding,
    heads,
    headsKv: perLayer.length > 1 ? perLayer.reduce((sum, count) => sum + count, 0) : layers * (perLayer[0] ?? heads),
    keyLength: number("attention.key_length") || head,
    valueLength: number("attention.value_length") || head,
    feedForward: number("feed_forward_length"),
    vocabulary:
      typeof tokens === "object" && "count" in tokens ? tokens.count : Array.isArray(tokens) ? tokens.length : 0,
    trained: number("context_length") || defaultContextSize,
  };
}
