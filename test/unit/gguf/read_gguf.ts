// A GGUF v3 reader for tests, written from the format's description and sharing nothing with the writer.

export interface GgufTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly type: number;
  /** Of the tensor's first byte in the file. */
  readonly position: number;
}

export interface Gguf {
  readonly metadata: ReadonlyMap<string, unknown>;
  readonly tensors: readonly GgufTensor[];
}

export function readGguf(file: Buffer): Gguf {
  let at = 0;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const text = () => {
    const length = u64();
    return file.toString("utf8", at, (at += length));
  };
  const value = (type: number): unknown => {
    if (type === 4) return u32();
    if (type === 5) return file.readInt32LE((at += 4) - 4);
    if (type === 6) return file.readFloatLE((at += 4) - 4);
    if (type === 7) return file[at++] === 1;
    if (type === 8) return text();
    if (type !== 9) throw new Error(`Unexpected value type ${type} at byte ${at}.`);
    const element = u32();
    return Array.from({ length: u64() }, () => value(element));
  };

  if (file.toString("latin1", 0, (at += 4)) !== "GGUF") throw new Error("Not a GGUF file.");
  const version = u32();
  if (version !== 3) throw new Error(`Unexpected version ${version}.`);
  const tensorCount = u64();
  const valueCount = u64();
  const metadata = new Map<string, unknown>();
  for (let index = 0; index < valueCount; index++) metadata.set(text(), value(u32()));
  const found = Array.from({ length: tensorCount }, () => ({
    name: text(),
    dimensions: Array.from({ length: u32() }, u64),
    type: u32(),
    offset: u64(),
  }));
  const data = Math.ceil(at / 32) * 32;
  return { metadata, tensors: found.map(({ offset, ...tensor }) => ({ ...tensor, position: data + offset })) };
}

/** A row of a Q8_0 tensor: blocks of a half-precision scale and 32 signed bytes. */
export function decodeQ8Row(file: Buffer, tensor: GgufTensor, row: number): Float64Array {
  const length = tensor.dimensions[0] ?? 0;
  const start = tensor.position + row * (length / 32) * 34;
  return Float64Array.from({ length }, (_, column) => {
    const block = start + Math.floor(column / 32) * 34;
    return half(file.readUInt16LE(block)) * file.readInt8(block + 2 + (column % 32));
  });
}

export function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -magnitude : magnitude;
}
