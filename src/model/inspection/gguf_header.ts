// What a GGUF file says of itself: metadata and the list of its tensors, read without the weights, from wherever its
// bytes come. A local file of 150,000 tokens takes 50 ms; its texts as well would take ten times that, so lists are
// counted only. Not a judge of files: the engine refuses what is wrong, with its reasons. Format:
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { CaduceusError } from "../../errors.js";

export type MetadataValue = string | number | boolean | readonly number[] | { readonly count: number };

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: number;
  readonly parameters: number;
  /** Parameters by the name of their tensors' type, most first. */
  readonly tensorTypes: Readonly<Record<string, number>>;
  /** Where the weights begin. */
  readonly dataOffset: number;
}

/** Gives bytes from a position; fewer than asked for only at the end. */
export type ReadBytes = (position: number, length: number) => Promise<Uint8Array>;

const largestHeader = 256 * 2 ** 20;
const longestText = 16 * 2 ** 20;
const mostEntries = 2 ** 24;
/** The engine's own limits. */
const mostKeys = 4096;
const mostTensors = 2 ** 14;
/** Lists of numbers up to this length are kept: counts by layer. */
const mostKept = 1024;

const scalarBytes: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const [stringType, arrayType] = [8, 9];
const tensorTypeNames: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  6: "Q5_0",
  7: "Q5_1",
  8: "Q8_0",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  30: "BF16",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
};

export async function readLocalHeader(file: string, signal?: AbortSignal): Promise<GgufHeader> {
  // Of a pipe that took the file's place nothing can be read, and nothing is waited for.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    return await readHeader(async (position, length) => {
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await handle.read(buffer, 0, length, position);
      return buffer.subarray(0, bytesRead);
    }, file);
  } finally {
    await handle.close();
  }
}

/** `chunk`: bytes asked for at once. @throws CaduceusError MODEL_INVALID */
export function readHeader(read: ReadBytes, name: string, chunk = 2 ** 20): Promise<GgufHeader> {
  return new HeaderReader(read, name, chunk).read();
}

class HeaderReader {
  readonly #read: ReadBytes;
  readonly #name: string;
  readonly #chunk: number;
  #window = Buffer.alloc(0);
  /** Of the window in the file, and of the next byte in the window. */
  #start = 0;
  #at = 0;

  constructor(read: ReadBytes, name: string, chunk: number) {
    this.#read = read;
    this.#name = name;
    this.#chunk = chunk;
  }

  async read(): Promise<GgufHeader> {
    await this.#need(24);
    if (this.#window.toString("latin1", 0, 4) !== "GGUF") throw this.#invalid("is not a GGUF file");
    this.#at = 4;
    const version = this.#u32();
    if (version !== 2 && version !== 3) throw this.#invalid(`is GGUF version ${version}; versions 2 and 3 can be read`);
    const [tensors, pairs] = [this.#u64(), this.#u64()];
    if (tensors > mostTensors) throw this.#invalid(`counts ${tensors} tensors; more than ${mostTensors} are not read`);
    if (pairs > mostKeys) throw this.#invalid(`counts ${pairs} keys in its header; more than ${mostKeys} are not read`);
    const metadata = new Map<string, MetadataValue>();
    for (let n = 0; n < pairs; n++) {
      const key = await this.#text();
      await this.#need(4);
      metadata.set(key, await this.#value(this.#u32()));
    }
    const types = new Map<string, number>();
    let parameters = 0;
    for (let n = 0; n < tensors; n++) {
      await this.#text();
      await this.#need(4);
      const dimensions = this.#u32();
      if (dimensions > 8) throw this.#invalid(`is corrupt: a tensor has ${dimensions} dimensions`);
      await this.#need(dimensions * 8 + 12);
      let count = 1;
      for (let d = 0; d < dimensions; d++) count *= this.#u64();
      const type = this.#u32();
      this.#at += 8;
      const label = tensorTypeNames[type] ?? `type ${type}`;
      types.set(label, (types.get(label) ?? 0) + count);
      parameters += count;
    }
    const alignment = metadata.get("general.alignment");
    const step = typeof alignment === "number" && alignment > 0 ? alignment : 32;
    return {
      version,
      metadata,
      tensors,
      parameters,
      tensorTypes: Object.fromEntries([...types].sort((a, b) => b[1] - a[1])),
      dataOffset: Math.ceil((this.#start + this.#at) / step) * step,
    };
  }

  async #value(type: number): Promise<MetadataValue> {
    if (type === stringType) return this.#text();
    if (type === arrayType) return this.#array();
    const bytes = this.#sizeOf(type);
    await this.#need(bytes);
    return this.#scalar(type, bytes);
  }

  async #array(): Promise<MetadataValue> {
    await this.#need(12);
    const [type, count] = [this.#u32(), this.#u64()];
    if (count > mostEntries) throw this.#invalid("is corrupt: a list in its header is too long");
    if (type === stringType) {
      for (let n = 0; n < count; n++) {
        if (this.#left < 8) await this.#need(8);
        const length = this.#u64();
        if (length > longestText) throw this.#invalid("is corrupt: a text in its header is too long");
        if (length <= this.#left) this.#at += length;
        else this.#skip(length);
      }
      return { count };
    }
    const bytes = this.#sizeOf(type);
    if (count > mostKept) {
      this.#skip(count * bytes);
      return { count };
    }
    await this.#need(count * bytes);
    return Array.from({ length: count }, () => Number(this.#scalar(type, bytes)));
  }

  #scalar(type: number, bytes: number): number | boolean {
    const at = this.#at;
    this.#at += bytes;
    const window = this.#window;
    switch (type) {
      case 0:
        return window.readUInt8(at);
      case 1:
        return window.readInt8(at);
      case 2:
        return window.readUInt16LE(at);
      case 3:
        return window.readInt16LE(at);
      case 4:
        return window.readUInt32LE(at);
      case 5:
        return window.readInt32LE(at);
      case 6:
        return window.readFloatLE(at);
      case 7:
        return window.readUInt8(at) !== 0;
      case 10:
        return Number(window.readBigUInt64LE(at));
      case 11:
        return Number(window.readBigInt64LE(at));
      default:
        return window.readDoubleLE(at);
    }
  }

  #sizeOf(type: number): number {
    const bytes = scalarBytes[type];
    if (bytes === undefined) throw this.#invalid("is corrupt: a value in its header has a type that does not exist");
    return bytes;
  }

  async #text(): Promise<string> {
    await this.#need(8);
    const length = this.#u64();
    if (length > longestText) throw this.#invalid("is corrupt: a text in its header is too long");
    await this.#need(length);
    return this.#window.toString("utf8", this.#at, (this.#at += length));
  }

  #u32(): number {
    return this.#window.readUInt32LE((this.#at += 4) - 4);
  }

  #u64(): number {
    return Number(this.#window.readBigUInt64LE((this.#at += 8) - 8));
  }

  get #left(): number {
    return this.#window.length - this.#at;
  }

  /** May leave the window: the next `#need` begins another one. */
  #skip(bytes: number): void {
    this.#at += bytes;
  }

  /** Makes the next bytes part of the window. */
  async #need(bytes: number): Promise<void> {
    if (bytes <= this.#left) return;
    const position = this.#start + this.#at;
    if (position + bytes > largestHeader) throw this.#invalid("is corrupt: its header does not end");
    const kept = this.#at < this.#window.length ? this.#window.subarray(this.#at) : Buffer.alloc(0);
    const more = await this.#read(position + kept.length, Math.max(this.#chunk, bytes - kept.length));
    this.#window = Buffer.concat([kept, more]);
    this.#start = position;
    this.#at = 0;
    if (this.#window.length < bytes)
      throw this.#invalid(
        position + this.#window.length < 24 ? "is not a GGUF file" : "is truncated: it ends inside its header",
      );
  }

  #invalid(what: string): CaduceusError {
    return new CaduceusError("MODEL_INVALID", `${this.#name} ${what}.`);
  }
}
