// Tiny models of BERT's architecture with random weights: for embeddings, and a reranker. Plain JavaScript like
// make_model.mjs, beside whose models they are cached.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { aligned, encodeHeader, tensorBytes } from "./gguf_writer.mjs";
import { cacheFolder, writeModel } from "./make_model.mjs";

/** @typedef {import("./make_model.mjs").TensorPlan} TensorPlan */
/** @typedef {import("./gguf_writer.mjs").MetadataValue} MetadataValue */

/** Raise it when the bytes change. */
const version = 3;
const width = 128;
const feedForward = 256;
const layers = 2;
const context = 512;
const poolings = { mean: 1, cls: 2, reranker: 4 };

const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...letters("\u2581"), ...letters("")];

/** @param {string} before @returns {string[]} */
function letters(before) {
  return [..."abcdefghijklmnopqrstuvwxyz0123456789.,;:!?-'\"()[]{}<>|=+*/"].map((letter) => before + letter);
}

/**
 * Path of the model; makes it when it is missing.
 * @param {"mean" | "cls" | "reranker"} kind
 */
export function bertModel(kind) {
  const path = join(cacheFolder(), "test-models", `bert-${kind}-${version}.gguf`);
  if (!existsSync(path)) writeModel(path, plan(kind), "1");
  return path;
}

/** @param {keyof typeof poolings} kind */
function plan(kind) {
  /** @type {TensorPlan[]} */
  const tensors = [];
  let offset = 0;
  /** @param {string} name @param {number[]} dimensions @param {boolean} [isVector] */
  const add = (name, dimensions, isVector = false) => {
    const type = isVector ? "F32" : "Q8_0";
    const bytes = tensorBytes(type, dimensions);
    tensors.push({
      name,
      dimensions,
      type,
      bytes,
      offset,
      deviation: name.endsWith("embd.weight") ? 1 : 1.5 / 8,
      steer: undefined,
    });
    offset += aligned(bytes);
  };
  /** @param {string} name @param {number} rows @param {number} columns */
  const dense = (name, rows, columns) => {
    add(`${name}.weight`, [columns, rows]);
    add(`${name}.bias`, [rows], true);
  };
  /** @param {string} name */
  const norm = (name) => {
    add(`${name}.weight`, [width], true);
    add(`${name}.bias`, [width], true);
  };
  add("token_embd.weight", [width, vocabulary.length]);
  add("token_types.weight", [width, 2], true);
  add("position_embd.weight", [width, context]);
  norm("token_embd_norm");
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}`;
    for (const name of ["attn_q", "attn_k", "attn_v", "attn_output"]) dense(`${block}.${name}`, width, width);
    norm(`${block}.attn_output_norm`);
    dense(`${block}.ffn_up`, feedForward, width);
    dense(`${block}.ffn_down`, width, feedForward);
    norm(`${block}.layer_output_norm`);
  }
  if (kind === "reranker") {
    dense("cls", width, width);
    dense("cls.output", 1, width);
  }
  const header = encodeHeader(metadata(kind), tensors);
  return { header, tensors, fileBytes: header.length + offset };
}

/** @param {keyof typeof poolings} kind @returns {Array<[string, MetadataValue]>} */
function metadata(kind) {
  /** @type {(value: number) => MetadataValue} */
  const u32 = (value) => ({ type: "u32", value });
  return [
    ["general.architecture", { type: "string", value: "bert" }],
    ["general.name", { type: "string", value: `BERT for tests (${kind})` }],
    ["bert.context_length", u32(context)],
    ["bert.embedding_length", u32(width)],
    ["bert.block_count", u32(layers)],
    ["bert.feed_forward_length", u32(feedForward)],
    ["bert.attention.head_count", u32(4)],
    ["bert.attention.layer_norm_epsilon", { type: "f32", value: 1e-12 }],
    ["bert.attention.causal", { type: "bool", value: false }],
    ["bert.pooling_type", u32(poolings[kind])],
    ["general.file_type", u32(7)],
    ["tokenizer.ggml.model", { type: "string", value: "bert" }],
    ["tokenizer.ggml.token_type_count", u32(2)],
    ["tokenizer.ggml.tokens", { type: "strings", value: vocabulary }],
    ["tokenizer.ggml.token_type", { type: "i32s", value: vocabulary.map((_, index) => (index < 4 ? 3 : 1)) }],
    ["tokenizer.ggml.bos_token_id", u32(2)],
    ["tokenizer.ggml.padding_token_id", u32(0)],
    ["tokenizer.ggml.unknown_token_id", u32(1)],
    ["tokenizer.ggml.cls_token_id", u32(2)],
    ["tokenizer.ggml.seperator_token_id", u32(3)],
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(bertModel(/** @type {"mean"} */ (process.argv[2])));
