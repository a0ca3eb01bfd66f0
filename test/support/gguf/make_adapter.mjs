// Makes LoRA adapters with random weights, for the tiny models of make_model.mjs and for models of known shapes.
import { closeSync, openSync, writeSync } from "node:fs";
import { seeded } from "../seeded.mjs";
import { aligned, encodeHeader, tensorBytes } from "./gguf_writer.mjs";
import { planModel } from "./make_model.mjs";

/**
 * @param {string} out
 * @param {import("./make_adapter.mjs").AdapterOptions} options
 */
export function makeAdapter(out, { model, seed = 1, rank = 8, gain = 0.5, architecture = "llama", ...options }) {
  const random = seeded(seed).next;
  const weights = options.weights ?? (model === undefined ? [] : matricesOf(model));
  /** @type {import("./make_model.mjs").TensorPlan[]} */
  const tensors = [];
  /** @type {Float32Array[]} */
  const values = [];
  let offset = 0;
  const add = (/** @type {string} */ name, /** @type {number[]} */ dimensions, /** @type {number} */ deviation) => {
    const bytes = tensorBytes("F32", dimensions);
    tensors.push({ name, dimensions, type: "F32", bytes, offset, deviation, steer: undefined });
    // Uniform, with that deviation.
    values.push(Float32Array.from({ length: bytes / 4 }, () => (random() * 2 - 1) * Math.sqrt(3) * deviation));
    offset += aligned(bytes);
  };
  for (const { name, dimensions } of weights) {
    const [columns = 0, rows = 0] = dimensions;
    add(`${name}.lora_a`, [columns, rank], 1 / Math.sqrt(columns));
    add(`${name}.lora_b`, [rank, rows], gain / Math.sqrt(rank));
  }
  const header = encodeHeader(
    [
      ["general.architecture", { type: "string", value: architecture }],
      ["general.type", { type: "string", value: "adapter" }],
      ["adapter.type", { type: "string", value: "lora" }],
      ["adapter.lora.alpha", { type: "f32", value: rank }],
    ],
    tensors,
  );
  const file = openSync(out, "w");
  try {
    writeSync(file, header);
    for (const [index, { bytes }] of tensors.entries()) {
      writeSync(file, Buffer.from(/** @type {Float32Array} */ (values[index]).buffer));
      writeSync(file, Buffer.alloc(aligned(bytes) - bytes));
    }
  } finally {
    closeSync(file);
  }
}

/** @param {import("./make_model.mjs").ModelOptions} model */
function matricesOf(model) {
  return planModel(model).tensors.filter(({ name, dimensions }) => name.startsWith("blk.") && dimensions.length === 2);
}
