// A download on its way: the bytes so far as `FILE.part`, and beside it, as `FILE.part.json`, whose they are. Only the same
// file goes on from them; neither name can be taken for a model.
import type { Hash } from "node:crypto";
import { open, readFile, rename, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
import { beginDigest, noteDigest, type Digest } from "./verify_file.js";

export const partOf = (file: string) => `${file}.part`;
const ownerOf = (file: string) => `${file}.part.json`;

export class PartFile {
  readonly #file: string;
  readonly #digest: Digest;
  readonly #expectedSize: number;
  readonly #handle: FileHandle;
  #hash: Hash;
  #size = 0;

  /** Begins one, or goes on from one of the same file, whose bytes are read for the checksum. */
  static async open(file: string, size: number, digest: Digest, signal?: AbortSignal): Promise<PartFile> {
    const owner = `${JSON.stringify({ [digest.algorithm]: digest.hex, size })}\n`;
    const isSame = (await readFile(ownerOf(file), "utf8").catch(() => "")) === owner;
    // Emptied before it gets a new owner: whatever happens between, bytes never belong to another file.
    const handle = await open(partOf(file), isSame ? "a+" : "w+");
    const part = new PartFile(file, size, digest, handle);
    try {
      if (isSame) await part.#readAgain(signal);
      else await writeFile(ownerOf(file), owner);
      return part;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private constructor(file: string, expectedSize: number, digest: Digest, handle: FileHandle) {
    this.#file = file;
    this.#expectedSize = expectedSize;
    this.#digest = digest;
    this.#handle = handle;
    this.#hash = beginDigest(digest, expectedSize);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    for (let written = 0; written < chunk.length;) {
      written += (await this.#handle.write(chunk, written, chunk.length - written, this.#size + written)).bytesWritten;
    }
    this.#size += chunk.length;
  }

  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#size = 0;
    this.#hash = beginDigest(this.#digest, this.#expectedSize);
  }

  /** True when it is whole; the bytes are then on the disk under the file's own name. False leaves it as it is. */
  async finish(): Promise<boolean> {
    if (this.#size !== this.#expectedSize || this.#hash.copy().digest("hex") !== this.#digest.hex) return false;
    await this.#handle.sync();
    await this.#handle.close();
    await rename(partOf(this.#file), this.#file);
    await rm(ownerOf(this.#file), { force: true });
    await noteDigest(this.#file, this.#digest);
    return true;
  }

  /** Keeps what is there for another time. Twice is fine. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  async #readAgain(signal: AbortSignal | undefined): Promise<void> {
    const buffer = Buffer.allocUnsafe(1 << 20);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#size);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#size += bytesRead;
    }
    if (this.#size > this.#expectedSize) await this.restart();
  }
}

/** Bytes of a download on its way; 0 when there is none. */
export async function partSize(file: string): Promise<number> {
  return (await stat(partOf(file)).catch(() => undefined))?.size ?? 0;
}

export async function removePart(file: string): Promise<void> {
  await rm(partOf(file), { force: true });
  await rm(ownerOf(file), { force: true });
}
