// The GGUF v3 container: metadata, tensor directory and alignment. What the tensors hold is tensor_data.mjs' business.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

export const ALIGNMENT = 32;

/** Bytes and weights of one block, by ggml's type id. */
export const TENSOR_TYPES = /** @type {const} */ ({
  F32: { id: 0, blockWeights: 1, blockBytes: 4 },
  Q4_0: { id: 2, blockWeights: 32, blockBytes: 18 },
  Q5_0: { id: 6, blockWeights: 32, blockBytes: 22 },
  Q8_0: { id: 8, blockWeights: 32, blockBytes: 34 },
  Q2_K: { id: 10, blockWeights: 256, blockBytes: 84 },
  Q3_K: { id: 11, blockWeights: 256, blockBytes: 110 },
  Q4_K: { id: 12, blockWeights: 256, blockBytes: 144 },
  Q5_K: { id: 13, blockWeights: 256, blockBytes: 176 },
  Q6_K: { id: 14, blockWeights: 256, blockBytes: 210 },
});

/** @typedef {import("./make_model.mjs").TensorType} TensorType */
/** @typedef {import("./make_model.mjs").TensorPlan} TensorPlan */
/**
 * @typedef {{ type: "u32" | "i32" | "f32", value: number }
 *   | { type: "bool", value: boolean }
 *   | { type: "string", value: string }
 *   | { type: "strings", value: readonly string[] }
 *   | { type: "f32s" | "i32s", value: ArrayLike<number> }} MetadataValue
 */

const VALUE_TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 };

/** @param {number} bytes */
export const aligned = (bytes) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/**
 * @param {TensorType} type
 * @param {readonly number[]} dimensions ggml's order: the first is the length of a row
 */
export function tensorBytes(type, dimensions) {
  const { blockWeights, blockBytes } = TENSOR_TYPES[type];
  const [row = 0] = dimensions;
  if (row % blockWeights !== 0)
    throw new RangeError(`Expected rows of a multiple of ${blockWeights} for ${type} but received ${row}.`);
  return (dimensions.reduce((product, dimension) => product * dimension, 1) / blockWeights) * blockBytes;
}

/**
 * Everything before the first tensor's bytes, padded to the alignment.
 * @param {ReadonlyArray<readonly [key: string, value: MetadataValue]>} metadata
 * @param {readonly TensorPlan[]} tensors
 * @returns {Buffer}
 */
export function encodeHeader(metadata, tensors) {
  /** @type {Buffer[]} */
  const chunks = [Buffer.from("GGUF", "latin1"), u32(3), u64(tensors.length), u64(metadata.length)];
  for (const [key, value] of metadata) chunks.push(string(key), ...encodeValue(value));
  for (const { name, dimensions, type, offset } of tensors) {
    chunks.push(string(name), u32(dimensions.length), ...dimensions.map(u64), u32(TENSOR_TYPES[type].id), u64(offset));
  }
  const header = Buffer.concat(chunks);
  return Buffer.concat([header, Buffer.alloc(aligned(header.length) - header.length)]);
}

/**
 * @param {MetadataValue} entry
 * @returns {Buffer[]}
 */
function encodeValue(entry) {
  switch (entry.type) {
    case "u32":
    case "i32":
    case "f32":
      return [u32(VALUE_TYPES[entry.type]), number(entry.type, entry.value)];
    case "bool":
      return [u32(VALUE_TYPES.bool), Buffer.from([entry.value ? 1 : 0])];
    case "string":
      return [u32(VALUE_TYPES.string), string(entry.value)];
    case "strings":
      return [u32(VALUE_TYPES.array), u32(VALUE_TYPES.string), u64(entry.value.length), ...entry.value.map(string)];
    case "f32s":
    case "i32s": {
      const type = entry.type === "f32s" ? "f32" : "i32";
      const values = Array.from(entry.value, (value) => number(type, value));
      return [u32(VALUE_TYPES.array), u32(VALUE_TYPES[type]), u64(values.length), ...values];
    }
  }
}

/** @param {"u32" | "i32" | "f32"} type @param {number} value */
function number(type, value) {
  const bytes = Buffer.alloc(4);
  if (type === "u32") bytes.writeUInt32LE(value);
  else if (type === "i32") bytes.writeInt32LE(value);
  else bytes.writeFloatLE(value);
  return bytes;
}

/** @param {number} value */
function u32(value) {
  return number("u32", value);
}

/** @param {number} value */
function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** @param {string} text */
function string(text) {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([u64(bytes.length), bytes]);
}
