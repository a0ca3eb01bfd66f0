// Random weights as quantized blocks. Bytes come from AES-CTR keyed by seed and tensor name: the same on every machine,
// any tensor on its own, and fast enough for 4 GB.
import { createCipheriv, createHash } from "node:crypto";
import { TENSOR_TYPES } from "./gguf_writer.mjs";

/** @typedef {import("./make_model.mjs").TensorPlan} TensorPlan */
/** @typedef {import("./make_model.mjs").TensorType} TensorType */

const CHUNK_BLOCKS = 1 << 14;

/**
 * Where the halves of a block that scale it stand, and their value for weights of standard deviation 1. Derived from
 * the block layouts of ggml-common.h with every other byte uniformly random.
 * @type {Record<Exclude<TensorType, "F32">, ReadonlyArray<readonly [offset: number, scale: number]>>}
 */
const BLOCK_SCALES = {
  Q4_0: [[0, 1 / 4.61]], //                              d * (0..15 - 8)
  Q5_0: [[0, 1 / 9.23]], //                              d * (0..31 - 16)
  Q8_0: [[0, 1 / 73.9]], //                              d * (-128..127)
  Q2_K: [
    [80, 1 / 13.87],
    [82, 1.5 / 13.87],
  ], //               d * (0..15) * (0..3) - dmin * (0..15): 1.5 centers it
  Q3_K: [[108, 1 / 43.3]], //                            d * (0..63 - 32) * (-4..3)
  Q4_K: [
    [0, 1 / 258],
    [2, 7.5 / 258],
  ], //               d * (0..63) * (0..15) - dmin * (0..63): 7.5 centers it
  Q5_K: [
    [0, 1 / 527],
    [2, 15.5 / 527],
  ], //               d * (0..63) * (0..31) - dmin * (0..63): 15.5 centers it
  Q6_K: [[208, 1 / 1366]], //                            d * (-128..127) * (0..63 - 32)
};

/**
 * The tensor's bytes, chunk by chunk; a chunk is only good until the next one is taken.
 * @param {TensorPlan} tensor
 * @param {string} seed
 * @returns {Generator<Buffer, void>}
 */
export function* tensorData(tensor, seed) {
  if (tensor.type === "F32") {
    yield Buffer.from(new Float32Array(tensor.bytes / 4).fill(1).buffer);
    return;
  }
  const { blockBytes } = TENSOR_TYPES[tensor.type];
  const scales = BLOCK_SCALES[tensor.type].map(
    ([offset, scale]) => /** @type {const} */ ([offset, toHalf(scale * tensor.deviation)]),
  );
  const cipher = createCipheriv(
    "aes-128-ctr",
    createHash("sha256").update(`${seed}\n${tensor.name}`).digest().subarray(0, 16),
    Buffer.alloc(16),
  );
  const zeros = Buffer.alloc(CHUNK_BLOCKS * blockBytes);
  const blocks = tensor.bytes / blockBytes;
  for (let first = 0; first < blocks; first += CHUNK_BLOCKS) {
    const count = Math.min(CHUNK_BLOCKS, blocks - first);
    const chunk = cipher.update(zeros.subarray(0, count * blockBytes));
    for (const [offset, half] of scales) {
      for (let block = 0; block < count; block++) chunk.writeUInt16LE(half, block * blockBytes + offset);
    }
    if (tensor.steer !== undefined) steer(tensor, chunk, first, count);
    yield chunk;
  }
}

/**
 * Keeps the first number of the hidden state the same for every token at every layer, so that the first column of the
 * output matrix is a bias for each token. Only Q8_0.
 * @param {TensorPlan} tensor
 * @param {Buffer} chunk
 * @param {number} first block of the tensor at the chunk's start
 * @param {number} count blocks in the chunk
 */
function steer(tensor, chunk, first, count) {
  const { blockBytes, blockWeights } = TENSOR_TYPES.Q8_0;
  const blocksInRow = (tensor.dimensions[0] ?? 0) / blockWeights;
  for (let block = 0; block < count; block++) {
    const row = Math.floor((first + block) / blocksInRow);
    const start = block * blockBytes;
    const firstOfRow = (first + block) % blocksInRow === 0;
    if (tensor.steer?.kind === "never-write-first") {
      if (row === 0) chunk.fill(0, start + 2, start + blockBytes);
    } else if (firstOfRow && tensor.steer?.kind === "constant-first") {
      chunk.writeInt8(127, start + 2);
    } else if (firstOfRow && tensor.steer?.kind === "token-bias") {
      const bias = tensor.steer.bias[row];
      chunk.writeInt8(0, start + 2);
      if (bias === undefined) continue;
      chunk.fill(0, start + 2, start + blockBytes);
      chunk.writeUInt16LE(toHalf(Math.abs(bias) / 127), start);
      chunk.writeInt8(Math.sign(bias) * 127, start + 2);
    }
  }
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The bits of the nearest IEEE half. Magnitudes from 2^-24 to 65504.
 * @param {number} value
 */
export function toHalf(value) {
  const magnitude = Math.abs(value);
  const sign = value < 0 ? 0x8000 : 0;
  if (magnitude < 2 ** -14) return sign | Math.round(magnitude * 2 ** 24);
  float[0] = magnitude;
  const single = /** @type {number} */ (bits[0]);
  const rounded = single + 0xfff + ((single >>> 13) & 1);
  return sign | ((rounded >>> 13) - ((127 - 15) << 10));
}
