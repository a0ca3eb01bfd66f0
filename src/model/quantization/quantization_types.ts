// The types that a model can be quantized to, by the names and numbers that llama.cpp has for them.

/** llama.cpp's `llama_ftype`. The file says it as `general.file_type`. */
const fileTypes = {
  F32: 0,
  F16: 1,
  BF16: 32,
  Q8_0: 7,
  Q6_K: 18,
  Q5_K_M: 17,
  Q5_K_S: 16,
  Q5_1: 9,
  Q5_0: 8,
  Q4_K_M: 15,
  Q4_K_S: 14,
  Q4_1: 3,
  Q4_0: 2,
  IQ4_NL: 25,
  IQ4_XS: 30,
  Q3_K_L: 13,
  Q3_K_M: 12,
  Q3_K_S: 11,
  IQ3_M: 27,
  IQ3_S: 26,
  IQ3_XS: 22,
  IQ3_XXS: 23,
  Q2_K: 10,
  Q2_K_S: 21,
  IQ2_M: 29,
  IQ2_S: 28,
  IQ2_XS: 20,
  IQ2_XXS: 19,
  IQ1_M: 31,
  IQ1_S: 24,
  TQ2_0: 37,
  TQ1_0: 36,
  Q2_0: 41,
  Q1_0: 40,
  MXFP4_MOE: 38,
  /** What the file has: joins the parts of a split model. */
  COPY: 0,
} as const;

/** A type that models are quantized to, such as `"Q4_K_M"`. */
export type QuantizationType = keyof typeof fileTypes;

export const quantizationTypes = Object.keys(fileTypes) as readonly QuantizationType[];

export const fileTypeOf = (type: QuantizationType): number => fileTypes[type];

/** Types of single weights, that ggml can write without an importance matrix and compute with. */
const tensorTypes = [
  ...(["F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q5_1", "Q5_0", "Q4_K", "Q4_1", "Q4_0"] as const),
  ...(["IQ4_NL", "IQ4_XS", "Q3_K", "IQ3_S", "Q2_K"] as const),
] as const;

/** The type of a weight, such as `"Q6_K"`. */
export type TensorType = (typeof tensorTypes)[number];

export const tensorTypeNames: readonly TensorType[] = tensorTypes;

/** In any case. Undefined: there is no such type. */
export const readTensorType = (name: string): TensorType | undefined =>
  tensorTypes.find((type) => type === name.toUpperCase());

const aliases: Readonly<Record<string, QuantizationType>> = { Q3_K: "Q3_K_M", Q4_K: "Q4_K_M", Q5_K: "Q5_K_M" };

/** In any case, and by llama-quantize's short names. Undefined: there is no such type. */
export function readQuantizationType(name: string): QuantizationType | undefined {
  const upper = name.toUpperCase();
  return (
    quantizationTypes.find((type) => type === upper) ?? (Object.hasOwn(aliases, upper) ? aliases[upper] : undefined)
  );
}
