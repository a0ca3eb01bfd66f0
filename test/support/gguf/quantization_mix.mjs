// Which type each matrix of a file gets, for the quantizations that Hermes 2 Pro is published in: llama.cpp's choice
// for a llama model without importance matrix whose keys serve four queries each (llama_tensor_get_type in
// src/llama-quant.cpp). `npm run test:heavy -- llama_cpp` compares both.

/** @typedef {import("./make_model.mjs").TensorType} TensorType @typedef {import("./make_model.mjs").Quantization} Quantization */

/** llama.cpp's number of each. @type {Readonly<Record<Quantization, number>>} */
export const FILE_TYPES = {
  Q2_K: 10,
  Q3_K_S: 11,
  Q3_K_M: 12,
  Q3_K_L: 13,
  Q4_0: 2,
  Q4_K_S: 14,
  Q4_K_M: 15,
  Q5_0: 8,
  Q5_K_S: 16,
  Q5_K_M: 17,
  Q6_K: 18,
  Q8_0: 7,
};

export const QUANTIZATIONS = /** @type {readonly Quantization[]} */ (Object.keys(FILE_TYPES));

/**
 * @param {Quantization} quantization @param {"output" | "token_embd" | "attn_v" | "attn_output" | "ffn_down" | "other"}
 * matrix @param {number} layer @param {number} layers
 * @returns {TensorType}
 */
export function matrixType(quantization, matrix, layer, layers) {
  const base = /** @type {TensorType} */ (quantization.replace(/_[SML]$/, ""));
  if (matrix === "output") return base === "Q8_0" ? base : "Q6_K";
  const first = (/** @type {number} */ count, /** @type {TensorType} */ type, /** @type {TensorType} */ other) =>
    layer < Math.floor(count) ? type : other;
  const eighth = Math.floor(layers / 8);
  const getsMore = layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
  /** @type {Partial<Record<Quantization, Partial<Record<typeof matrix, TensorType>>>>} */
  const better = {
    Q2_K: { attn_v: "Q4_K", attn_output: "Q3_K", ffn_down: "Q3_K" },
    Q3_K_M: { attn_v: first(2, "Q5_K", "Q4_K"), attn_output: "Q4_K", ffn_down: first(layers / 16, "Q5_K", "Q4_K") },
    Q3_K_L: { attn_v: "Q5_K", attn_output: "Q5_K", ffn_down: "Q5_K" },
    Q4_K_S: { attn_v: first(4, "Q5_K", base), ffn_down: first(layers / 8, "Q5_K", base) },
    Q4_K_M: getsMore ? { attn_v: "Q6_K", ffn_down: "Q6_K" } : {},
    Q5_K_M: getsMore ? { attn_v: "Q6_K", ffn_down: "Q6_K" } : {},
  };
  return better[quantization]?.[matrix] ?? base;
}
