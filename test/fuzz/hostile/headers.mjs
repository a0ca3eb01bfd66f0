// Model files with a header that lies: the entries of a small valid one, some of them changed where a loader believes
// them.
import { openSync, readSync, closeSync } from "node:fs";

/** @typedef {import("./mutate.mjs").Random} Random */
/** @typedef {{ name: string, at: number, length: number, kind: "u32" | "u64" | "f32" | "text" | "type" }} Field */

const sizes = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };

/**
 * Where in a header what stands. @param {Buffer} bytes @returns {{ fields: Field[], end: number }}
 */
export function headerFields(bytes) {
  /** @type {Field[]} */
  const fields = [];
  let at = 4;
  /** @param {string} name @param {Field["kind"]} kind @param {number} length */
  const field = (name, kind, length) => fields.push({ name, at: (at += length) - length, length, kind });
  const u32 = () => bytes.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(bytes.readBigUInt64LE((at += 8) - 8));
  /** @param {string} name */
  const text = (name) => {
    field(`${name} length`, "u64", 8);
    const length = Number(bytes.readBigUInt64LE(at - 8));
    if (length > 0) field(name, "text", length);
    return bytes.toString("latin1", at - length, at);
  };
  field("version", "u32", 4);
  const [tensors, pairs] = [u64(), u64()];
  fields.push(
    { name: "tensors", at: at - 16, length: 8, kind: "u64" },
    { name: "pairs", at: at - 8, length: 8, kind: "u64" },
  );
  for (let n = 0; n < pairs; n++) {
    const key = text("key");
    field(`${key} type`, "type", 4);
    const type = bytes.readUInt32LE(at - 4);
    if (type === 8) text(key);
    else if (type !== 9) field(key, type === 6 ? "f32" : "u32", sizes[/** @type {keyof typeof sizes} */ (type)]);
    else {
      field(`${key} items' type`, "type", 4);
      field(`${key} count`, "u64", 8);
      const [itemType, count] = [bytes.readUInt32LE(at - 12), Number(bytes.readBigUInt64LE(at - 8))];
      for (let m = 0; m < count; m++) {
        // Some items of a long list stand for all.
        const isKept = m < 300 || m % 997 === 0 || m > count - 40;
        const before = fields.length;
        if (itemType === 8) text(`${key}[${m}]`);
        else field(`${key}[${m}]`, itemType === 6 ? "f32" : "u32", sizes[/** @type {keyof typeof sizes} */ (itemType)]);
        if (!isKept) fields.length = before;
      }
    }
  }
  for (let n = 0; n < tensors; n++) {
    const name = text("tensor name");
    field(`${name} dimensions`, "u32", 4);
    for (let d = bytes.readUInt32LE(at - 4); d > 0; d--) field(`${name} dimension`, "u64", 8);
    field(`${name} type`, "type", 4);
    field(`${name} offset`, "u64", 8);
  }
  void u32;
  return { fields, end: at };
}

const words = [
  "",
  "rwkv",
  "gpt2",
  "bert",
  "t5",
  "none",
  "llama",
  "qwen2",
  "mamba",
  "tekken",
  "general.architecture",
  "tokenizer.ggml.model",
  "\u0000",
  "../x",
  "{{ ",
  "{% for i in range(99999999) %}{% endfor %}",
];

/**
 * Changes one to three fields; rare kinds as often as common ones.
 * @param {Buffer} original @param {Field[]} fields @param {Random} random
 * @returns {{ file: Buffer, changes: string[] }}
 */
export function damaged(original, fields, { below, pick }) {
  const file = Buffer.from(original);
  const changes = [];
  for (let n = 1 + below(3); n > 0; n--) {
    // The vocabulary's own items are tens of thousands.
    const items = fields.filter(({ name }) => /\[\d+\]/.test(name));
    const others = fields.filter(({ name }) => !/\[\d+\]/.test(name));
    const { name, at, length, kind } = pick(below(4) === 0 ? items : others);
    changes.push(name);
    if (kind === "u64")
      file.writeBigUInt64LE(
        pick([
          0n,
          1n,
          7n,
          255n,
          65_536n,
          2n ** 31n,
          2n ** 32n - 1n,
          2n ** 40n,
          2n ** 63n,
          2n ** 64n - 1n,
          BigInt(below(100_000)),
        ]),
        at,
      );
    else if (kind === "type") file.writeUInt32LE(pick([below(14), below(45), 255, 2 ** 31]), at);
    else if (kind === "f32" && length === 4) file.writeFloatLE(pick([0, -1, 1e-30, 1e30, Infinity, NaN]), at);
    else if (kind === "text")
      Buffer.from(
        pick(words)
          .padEnd(length, pick([" ", "a", "\u0000"]))
          .slice(0, length),
        "latin1",
      ).copy(file, at, 0, length);
    else if (length === 4)
      file.writeUInt32LE(pick([0, 1, 2, 3, 7, 127, 4096, 2 ** 16, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]), at);
    else file.fill(pick([0, 1, 2, 127, 255]), at, at + length);
  }
  return { file, changes };
}

/** @param {string} path */
export function readWhole(path, most = 64 * 2 ** 20) {
  const handle = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(most);
    return buffer.subarray(0, readSync(handle, buffer, 0, most, 0));
  } finally {
    closeSync(handle);
  }
}
