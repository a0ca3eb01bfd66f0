// Types of make_model.mjs, which runs before anything is compiled; its own modules refer to them in JSDoc.

export interface ModelOptions {
  /**
   * `tiny`: 2 layers of width 128, Q8_0, 10 MB. `7b`: Hermes-2-Pro-Mistral-7B's own shape, 4.4 GB as Q4_K_M. `narrow`: as
   * many layers, of width 256, 22 MB.
   */
  shape: "tiny" | "7b" | "narrow";
  /** How `<|im_end|>`, `<|im_start|>` and the padding tokens are typed; published files differ. */
  added: "control" | "user-defined";
  /** Further markup of the vocabulary, from token 32002 on. Defaults to none. */
  markup?: readonly string[];
  /** Defaults to Q8_0 for `tiny` (nothing else there) and Q4_K_M for the others. */
  quantization?: Quantization;
  /** Defaults to the shape's own: 2 or 32. */
  layers?: number;
  /** Training length in the metadata. Defaults to 32768. */
  contextLength?: number;
  /** `general.name`. Defaults to `Hermes-2-Pro-Mistral-7B`. */
  name?: string;
  /** `tokenizer.chat_template`. Defaults to plain ChatML with a leading `{{bos_token}}`. */
  chatTemplate?: string;
  /** `llama.pooling_type`: 1 mean, 3 last. Defaults to none, as models that generate text have it. */
  pooling?: 1 | 3;
  /** Other weights for another seed. Defaults to 1. */
  seed?: number;
  /**
   * Only `tiny`: what is added to single tokens' logits, in units of at least 1. Logits without it reach about ±11, so
   * 40 makes a token certain and -30 impossible. Defaults to -30 for `</s>`, `<|im_end|>` and `<|im_start|>`: the model
   * never ends by itself.
   */
  tokenBias?: Readonly<Record<number, number>>;
  /** Writes one thing wrong on purpose. */
  corrupt?: "duplicate-token" | "short-scores" | "bos-out-of-range" | "no-vocabulary";
}

export type TensorType = "F32" | "Q4_0" | "Q5_0" | "Q8_0" | "Q2_K" | "Q3_K" | "Q4_K" | "Q5_K" | "Q6_K";

/** Those that Hermes 2 Pro is published in. */
export type Quantization =
  | "Q2_K"
  | `Q3_K_${"S" | "M" | "L"}`
  | "Q4_0"
  | `Q4_K_${"S" | "M"}`
  | "Q5_0"
  | `Q5_K_${"S" | "M"}`
  | "Q6_K"
  | "Q8_0";

export interface TensorPlan {
  name: string;
  /** ggml's order: the first is the length of a row. */
  dimensions: number[];
  type: TensorType;
  bytes: number;
  /** From the end of the header. */
  offset: number;
  /** Standard deviation of the weights. F32 tensors hold ones. */
  deviation: number;
  steer:
    | { kind: "constant-first" }
    | { kind: "never-write-first" }
    | { kind: "token-bias"; bias: Readonly<Record<number, number>> }
    | undefined;
}

export interface ModelPlan {
  header: Buffer;
  tensors: TensorPlan[];
  fileBytes: number;
}

/** Part of a cached file's name: another version is another file. */
export const GENERATOR_VERSION: number;

/** What `makeModel` would write, without writing it. */
export function planModel(options: ModelOptions): ModelPlan;

/** Writes the model; `out` is there whole or not at all. */
export function makeModel(out: string, options: ModelOptions, onProgress?: (fraction: number) => void): void;

/** Writes what was planned, with weights of a seed. */
export function writeModel(
  out: string,
  plan: ModelPlan,
  seed: string,
  onProgress?: (fraction: number) => void,
): void;

/** The same folder as `cacheFolder` of src/files. */
export function cacheFolder(): string;

/** Where the model lies in the user's cache folder, or would. */
export function cachedModelPath(options: ModelOptions): string;

/** That path; makes the model when it is missing. */
export function cachedModel(options: ModelOptions, onProgress?: (fraction: number) => void): string;
