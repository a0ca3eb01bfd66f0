// Splits a generated model into two files, as llama.cpp's gguf-split does: the first has all metadata, each its own
// tensors.
import { readFileSync, writeFileSync } from "node:fs";
import { planModel, type ModelOptions, type TensorPlan } from "./make_model.mjs";

const types = { F32: 0, Q4_0: 2, Q5_0: 6, Q8_0: 8, Q2_K: 10, Q3_K: 11, Q4_K: 12, Q5_K: 13, Q6_K: 14 } as const;

/** `file` was made with `options`. Gives the two paths. */
export function splitModel(file: string, options: ModelOptions, prefix: string): [string, string] {
  const { header, tensors } = planModel(options);
  const content = readFileSync(file);
  const first = tensors[0]!.name;
  const pairs = header.subarray(24, header.indexOf(Buffer.concat([u64(first.length), Buffer.from(first)])));
  const half = Math.floor(tensors.length / 2);
  return (
    [
      [0, tensors.slice(0, half)],
      [1, tensors.slice(half)],
    ] as const
  ).map(([part, own]) => {
    const split = [
      pair("split.no", 2, u16(part)),
      pair("split.count", 2, u16(2)),
      pair("split.tensors.count", 5, u32(tensors.length)),
    ];
    const metadata = part === 0 ? [pairs, ...split] : split;
    const count = (part === 0 ? Number(header.readBigUInt64LE(16)) : 0) + split.length;
    let offset = 0;
    const infos = own.map((tensor) => info(tensor, (offset += aligned(tensor.bytes)) - aligned(tensor.bytes)));
    const head = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(own.length), u64(count), ...metadata, ...infos]);
    const data = own.map((tensor) =>
      content.subarray(header.length + tensor.offset, header.length + tensor.offset + aligned(tensor.bytes)),
    );
    const path = `${prefix}-0000${part + 1}-of-00002.gguf`;
    writeFileSync(path, Buffer.concat([head, Buffer.alloc(aligned(head.length) - head.length), ...data]));
    return path;
  }) as [string, string];
}

function info({ name, dimensions, type }: TensorPlan, offset: number): Buffer {
  return Buffer.concat([text(name), u32(dimensions.length), ...dimensions.map(u64), u32(types[type]), u64(offset)]);
}

const aligned = (bytes: number) => Math.ceil(bytes / 32) * 32;
const pair = (key: string, type: number, value: Buffer) => Buffer.concat([text(key), u32(type), value]);
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
