// Writes importance matrices as llama.cpp's llama-imatrix does, with the values that a test wants.
import { readFileSync, writeFileSync } from "node:fs";
import { readGguf } from "../../unit/gguf/read_gguf.js";

/** Square sums of a weight's inputs, and for how many tokens they were added up. */
export interface Importance {
  readonly sums: Float32Array;
  readonly count: number;
}

export interface MatrixChanges {
  /** Undefined: left out. */
  readonly change?: (name: string, importance: Importance) => Importance | undefined;
  /** Leaves out what llama-imatrix notes of itself. */
  readonly isBare?: boolean;
}

/** Values for the matrices of a model's layers, of which some inputs count far more than others. */
export function writeImportanceMatrix(file: string, model: string, { change, isBare = false }: MatrixChanges = {}) {
  const weights = readGguf(readFileSync(model)).tensors.filter(
    ({ name, dimensions }) => /^blk\..*\.weight$/.test(name) && dimensions.length > 1,
  );
  const all = weights.flatMap(({ name, dimensions: [inputs = 0] }) => {
    const sums = Float32Array.from({ length: inputs }, (_, index) => 512 * (index % 7 === 0 ? 40 : 0.5));
    const given: Importance = { sums, count: 512 };
    const importance = change === undefined ? given : change(name, given);
    return importance === undefined ? [] : [{ name, ...importance }];
  });
  const tensors = all.flatMap(({ name, sums, count }) => [
    { name: `${name}.in_sum2`, values: sums },
    { name: `${name}.counts`, values: Float32Array.of(count) },
  ]);
  const number = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  const half = (value: number) => number(value).subarray(0, 4);
  const text = (value: string) => Buffer.concat([number(Buffer.byteLength(value)), Buffer.from(value)]);
  const notes = [
    [text("imatrix.datasets"), half(9), half(8), number(1), text("words.txt")],
    [text("imatrix.chunk_count"), half(4), half(1)],
    [text("imatrix.chunk_size"), half(4), half(512)],
  ];
  const metadata = [[text("general.type"), half(8), text("imatrix")], ...(isBare ? [] : notes)];
  let offset = 0;
  const directory = tensors.flatMap(({ name, values }) => {
    // The name, two dimensions, F32 and the place in the file.
    const entry = [text(name), half(2), number(values.length), number(1), half(0), number(offset)];
    offset += aligned(values.byteLength);
    return entry;
  });
  const counts = [number(tensors.length), number(metadata.length)];
  const header = Buffer.concat([Buffer.from("GGUF"), half(3), ...counts, ...metadata.flat(), ...directory]);
  const data = tensors.map(({ values }) => padded(Buffer.from(values.buffer, values.byteOffset, values.byteLength)));
  writeFileSync(file, Buffer.concat([padded(header), ...data]));
}

const aligned = (bytes: number) => Math.ceil(bytes / 32) * 32;

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)]);
