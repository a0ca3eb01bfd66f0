// A GGUF file taken apart into raw values, changed, and put together again: whatever a header can say, and much that it
// cannot.
import { readFileSync, writeFileSync } from "node:fs";

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
const [u16Type, u32Type, i32Type, f32Type, stringType, arrayType] = [2, 4, 5, 6, 8, 9];

/** A value as it stands in the file, its type before it. */
export interface RawValue {
  readonly type: number;
  readonly bytes: Buffer;
}

export interface RawTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly data: Buffer;
}

export class GgufFile {
  readonly metadata: [key: string, value: RawValue][] = [];
  readonly tensors: RawTensor[] = [];

  static read(path: string): GgufFile {
    const bytes = readFileSync(path);
    const file = new GgufFile();
    let at = 24;
    const u32 = () => bytes.readUInt32LE((at += 4) - 4);
    const u64 = () => Number(bytes.readBigUInt64LE((at += 8) - 8));
    const text = () => {
      const length = u64();
      return bytes.toString("utf8", at, (at += length));
    };
    const skip = (type: number) => {
      if (type === stringType) return void text();
      if (type !== arrayType) return void (at += scalarBytes[type]!);
      const [of, count] = [u32(), u64()];
      for (let n = 0; n < count; n++) skip(of);
    };
    for (let pairs = Number(bytes.readBigUInt64LE(16)); pairs > 0; pairs--) {
      const key = text();
      const type = u32();
      const begin = at;
      skip(type);
      file.metadata.push([key, { type, bytes: bytes.subarray(begin, at) }]);
    }
    const infos = Array.from({ length: Number(bytes.readBigUInt64LE(8)) }, () => {
      const name = text();
      const dimensions = Array.from({ length: u32() }, u64);
      return { name, dimensions, type: u32(), offset: u64() };
    });
    const data = aligned(at);
    infos.forEach(({ offset, ...info }, n) =>
      file.tensors.push({
        ...info,
        data: bytes.subarray(data + offset, data + (infos[n + 1]?.offset ?? bytes.length - data)),
      }),
    );
    return file;
  }

  get(key: string): RawValue {
    return this.metadata.find(([name]) => name === key)![1];
  }

  set(key: string, value: RawValue): this {
    const found = this.metadata.find(([name]) => name === key);
    if (found === undefined) this.metadata.push([key, value]);
    else found[1] = value;
    return this;
  }

  texts(key: string): string[] {
    const { bytes } = this.get(key);
    let at = 12;
    return Array.from({ length: Number(bytes.readBigUInt64LE(4)) }, () => {
      const length = Number(bytes.readBigUInt64LE(at));
      return bytes.toString("utf8", at + 8, (at += 8 + length));
    });
  }

  numbers(key: string): number[] {
    const { bytes } = this.get(key);
    return Array.from({ length: Number(bytes.readBigUInt64LE(4)) }, (_, n) => bytes.readInt32LE(12 + 4 * n));
  }

  /** Its bytes are zeros. */
  storeAs(tensor: string, type: number, bytesPerValue: number): this {
    const at = this.tensors.findIndex(({ name }) => name === tensor);
    const found = this.tensors[at]!;
    this.tensors[at] = {
      ...found,
      type,
      data: Buffer.alloc(
        Math.ceil(found.dimensions.reduce((product, dimension) => product * dimension, 1) * bytesPerValue),
      ),
    };
    return this;
  }

  /** Tokens from `first` on get these texts, as markup that plain text can be. */
  withMarkup(texts: readonly string[], first: number): this {
    const [tokens, types] = [this.texts("tokenizer.ggml.tokens"), this.numbers("tokenizer.ggml.token_type")];
    texts.forEach((text, n) => ((tokens[first + n] = text), (types[first + n] = 4)));
    return this.set("tokenizer.ggml.tokens", raw.texts(tokens)).set("tokenizer.ggml.token_type", raw.i32s(types));
  }

  /** `tensorsOf`: those that are in it, of all. */
  write(path: string, tensorsOf: readonly RawTensor[] = this.tensors): string {
    let offset = 0;
    const infos = tensorsOf.map(({ name, dimensions, type, data }) => {
      const info = Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)]);
      offset += aligned(data.length);
      return info;
    });
    const pairs = this.metadata.flatMap(([key, { type, bytes }]) => [text(key), u32(type), bytes]);
    const head = Buffer.concat([
      Buffer.from("GGUF"),
      u32(3),
      u64(tensorsOf.length),
      u64(this.metadata.length),
      ...pairs,
      ...infos,
    ]);
    writeFileSync(path, Buffer.concat([padded(head), ...tensorsOf.map(({ data }) => padded(data))]));
    return path;
  }
}

const aligned = (bytes: number) => Math.ceil(bytes / 32) * 32;
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

export const raw = {
  u16: (value: number): RawValue => ({ type: u16Type, bytes: u32(value).subarray(0, 2) }),
  u32: (value: number): RawValue => ({ type: u32Type, bytes: u32(value) }),
  i32: (value: number): RawValue => ({ type: i32Type, bytes: u32(value) }),
  f32: (value: number): RawValue => {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return { type: f32Type, bytes };
  },
  text: (value: string): RawValue => ({ type: stringType, bytes: text(value) }),
  texts: (values: readonly string[]): RawValue => ({
    type: arrayType,
    bytes: Buffer.concat([u32(stringType), u64(values.length), ...values.map(text)]),
  }),
  i32s: (values: readonly number[]): RawValue => ({
    type: arrayType,
    bytes: Buffer.concat([u32(i32Type), u64(values.length), ...values.map(u32)]),
  }),
};
