// Which tensors and metadata a model of a given shape has, and how large its file will be, without writing anything.
import { aligned, encodeHeader, tensorBytes } from "./gguf_writer.mjs";
import { FILE_TYPES, matrixType } from "./quantization_mix.mjs";
import { hermesVocabulary, IM_END, IM_START, VOCABULARY_SIZE } from "./hermes_vocabulary.mjs";

/** @typedef {import("./make_model.mjs").ModelOptions} ModelOptions */
/** @typedef {import("./make_model.mjs").ModelPlan} ModelPlan */
/** @typedef {import("./make_model.mjs").TensorPlan} TensorPlan */
/** @typedef {import("./make_model.mjs").TensorType} TensorType */
/** @typedef {import("./gguf_writer.mjs").MetadataValue} MetadataValue */

/** Plain ChatML as in the files of March 2024: nothing about tools, and a BOS that a renderer must leave empty. */
const CHAT_TEMPLATE =
  "{{bos_token}}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

// The width of a tiny head is 32, so that a q8_0 KV cache fits it.
const SHAPES = {
  tiny: { layers: 2, width: 128, heads: 4, headsKv: 2, feedForward: 256, quantization: /** @type {const} */ ("Q8_0") },
  "7b": {
    layers: 32,
    width: 4096,
    heads: 32,
    headsKv: 8,
    feedForward: 14336,
    quantization: /** @type {const} */ ("Q4_K_M"),
  },
  narrow: {
    layers: 32,
    width: 256,
    heads: 8,
    headsKv: 2,
    feedForward: 512,
    quantization: /** @type {const} */ ("Q4_K_M"),
  },
};

/** A tiny model never ends by itself: tests say where a run ends, by `tokenBias` or by a limit. */
const NEVER_ENDS = { 2: -30, [IM_END]: -30, [IM_START]: -30 };

/**
 * @param {ModelOptions} options
 * @returns {ModelPlan}
 */
export function planModel(options) {
  const shape = SHAPES[options.shape];
  if (options.shape !== "tiny" && options.tokenBias !== undefined)
    throw new RangeError(`Expected the shape tiny for tokenBias but received ${options.shape}.`);
  const quantization = options.quantization ?? shape.quantization;
  if (options.shape === "tiny" && quantization !== "Q8_0")
    throw new RangeError(`Expected Q8_0 for tiny but received ${quantization}.`);
  const layers = options.layers ?? shape.layers;
  const tensors = planTensors(
    { ...shape, layers },
    quantization,
    options.shape === "tiny" ? { ...NEVER_ENDS, ...options.tokenBias } : undefined,
  );
  const metadata = planMetadata(options, { ...shape, layers }, quantization);
  const header = encodeHeader(metadata, tensors);
  const last = /** @type {TensorPlan} */ (tensors.at(-1));
  return { header, tensors, fileBytes: header.length + last.offset + aligned(last.bytes) };
}

/**
 * @param {{ layers: number, width: number, heads: number, headsKv: number, feedForward: number }} shape
 * @param {import("./make_model.mjs").Quantization} quantization
 * @param {Readonly<Record<number, number>> | undefined} bias
 */
function planTensors(shape, quantization, bias) {
  const { layers, width, feedForward } = shape;
  const widthKv = (width / shape.heads) * shape.headsKv;
  /** @type {TensorPlan[]} */
  const tensors = [];
  let offset = 0;
  /**
   * @param {string} name
   * @param {number[]} dimensions
   * @param {TensorType} type
   * @param {number} [gain] of the matrix: what it does to the deviation of a vector
   * @param {TensorPlan["steer"]} [steer]
   */
  const add = (name, dimensions, type, gain = 1, steer = undefined) => {
    const bytes = tensorBytes(type, dimensions);
    const deviation = name === "token_embd.weight" ? gain : gain / Math.sqrt(dimensions[0] ?? 1);
    tensors.push({ name, dimensions, type, bytes, offset, deviation, steer: bias === undefined ? undefined : steer });
    offset += aligned(bytes);
  };
  const typeOf = (/** @type {Parameters<typeof matrixType>[1]} */ matrix, layer = 0) =>
    matrixType(quantization, matrix, layer, layers);
  const base = typeOf("other");

  add("token_embd.weight", [width, VOCABULARY_SIZE], typeOf("token_embd"), 1, { kind: "constant-first" });
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}`;
    add(`${block}.attn_norm.weight`, [width], "F32");
    add(`${block}.attn_q.weight`, [width, width], base, 1.5);
    add(`${block}.attn_k.weight`, [width, widthKv], base, 1.5);
    add(`${block}.attn_v.weight`, [width, widthKv], typeOf("attn_v", layer), 1);
    add(`${block}.attn_output.weight`, [width, width], typeOf("attn_output", layer), 1, { kind: "never-write-first" });
    add(`${block}.ffn_norm.weight`, [width], "F32");
    add(`${block}.ffn_gate.weight`, [width, feedForward], base, 1);
    add(`${block}.ffn_up.weight`, [width, feedForward], base, 1);
    add(`${block}.ffn_down.weight`, [feedForward, width], typeOf("ffn_down", layer), 1, { kind: "never-write-first" });
  }
  add("output_norm.weight", [width], "F32");
  // Logits of deviation 2.5: sampling at usual temperatures then has a few hundred likely candidates.
  add("output.weight", [width, VOCABULARY_SIZE], typeOf("output"), 2.5, {
    kind: "token-bias",
    bias: bias ?? {},
  });
  return tensors;
}

/**
 * @param {ModelOptions} options
 * @param {{ layers: number, width: number, heads: number, headsKv: number, feedForward: number }} shape
 * @param {import("./make_model.mjs").Quantization} quantization
 * @returns {Array<[string, MetadataValue]>}
 */
function planMetadata(options, shape, quantization) {
  const { pieces, scores, types } = hermesVocabulary(options.added, options.markup);
  if (options.corrupt === "duplicate-token") pieces[500] = /** @type {string} */ (pieces[499]);
  if (options.corrupt === "short-scores") scores.pop();
  /** @type {(value: number) => MetadataValue} */
  const u32 = (value) => ({ type: "u32", value });
  /** @type {(value: string) => MetadataValue} */
  const text = (value) => ({ type: "string", value });
  /** @type {Array<[string, MetadataValue]>} */
  const metadata = [
    ["general.architecture", text("llama")],
    ["general.name", text(options.name ?? "Hermes-2-Pro-Mistral-7B")],
    ["llama.context_length", u32(options.contextLength ?? 32768)],
    ["llama.embedding_length", u32(shape.width)],
    ["llama.block_count", u32(shape.layers)],
    ["llama.feed_forward_length", u32(shape.feedForward)],
    ["llama.rope.dimension_count", u32(shape.width / shape.heads)],
    ["llama.attention.head_count", u32(shape.heads)],
    ["llama.attention.head_count_kv", u32(shape.headsKv)],
    ["llama.attention.layer_norm_rms_epsilon", { type: "f32", value: 1e-5 }],
    ["llama.rope.freq_base", { type: "f32", value: 10000 }],
    ["llama.vocab_size", u32(VOCABULARY_SIZE)],
    ...(options.pooling === undefined ? [] : [/** @type {const} */ (["llama.pooling_type", u32(options.pooling)])]),
    ["general.file_type", u32(FILE_TYPES[quantization])],
    ["general.quantization_version", u32(2)],
    ["tokenizer.ggml.model", text("llama")],
    ["tokenizer.ggml.tokens", { type: "strings", value: pieces }],
    ["tokenizer.ggml.scores", { type: "f32s", value: scores }],
    ["tokenizer.ggml.token_type", { type: "i32s", value: types }],
    ["tokenizer.ggml.bos_token_id", u32(options.corrupt === "bos-out-of-range" ? VOCABULARY_SIZE : 1)],
    ["tokenizer.ggml.eos_token_id", u32(IM_END)],
    ["tokenizer.ggml.unknown_token_id", u32(0)],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: true }],
    ["tokenizer.ggml.add_eos_token", { type: "bool", value: false }],
    ["tokenizer.chat_template", text(options.chatTemplate ?? CHAT_TEMPLATE)],
  ];
  return options.corrupt === "no-vocabulary"
    ? metadata.filter(([key]) => !/^tokenizer\.ggml\.(tokens|scores|token_type)$/.test(key))
    : metadata;
}
