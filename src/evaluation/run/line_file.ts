// An append-only file of JSON lines: a process that writes it can be killed at any moment and continue later.
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import path from "node:path";

const blockSize = 65_536;
const newline = 10;

export class LineFile {
  #descriptor: number | undefined;
  readonly #isRegular: boolean;
  #size: number;

  /** @internal See `open`. */
  private constructor(descriptor: number, isRegular: boolean, size: number) {
    this.#descriptor = descriptor;
    this.#isRegular = isRegular;
    this.#size = size;
  }

  /** Creates the file and its folder, or continues it: an incomplete last line is cut off. */
  static open(file: string): LineFile {
    mkdirSync(path.dirname(file), { recursive: true });
    const descriptor = openSync(file, "a+");
    try {
      const found = fstatSync(descriptor);
      const size = found.isFile() ? endOfLastLine(descriptor, found.size) : 0;
      if (found.isFile() && size < found.size) ftruncateSync(descriptor, size);
      return new LineFile(descriptor, found.isFile(), size);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Whether another process has changed the file since it was opened. */
  get isDisturbed(): boolean {
    return this.#descriptor !== undefined && this.#isRegular && fstatSync(this.#descriptor).size !== this.#size;
  }

  /** Appends a line with one write, so that a kill leaves at most one incomplete line. Does nothing after `close`. */
  add(line: string): void {
    if (this.#descriptor === undefined) return;
    const bytes = Buffer.from(`${line}\n`);
    // Only a full disk needs a second write, which then throws.
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#descriptor, bytes, written);
    this.#size += bytes.length;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function endOfLastLine(descriptor: number, size: number): number {
  const block = Buffer.allocUnsafe(blockSize);
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - blockSize);
    const at = block.subarray(0, readSync(descriptor, block, 0, end - begin, begin)).lastIndexOf(newline);
    if (at !== -1) return begin + at + 1;
    end = begin;
  }
  return 0;
}
