// An incomplete download: its bytes as `FILE.part`, and their origin as `FILE.part.json`. Only a download of the same
// file resumes it; neither name can be mistaken for a model.
//
// The checksum is that of the bytes received, so nobody else may write meanwhile. A lock sees to that, unless its
// holder is stopped for so long (a closed laptop) that another process takes it over: so the writer signs, and looks
// for its signature after every pause and before the file gets its name.
import { randomUUID, type Hash } from "node:crypto";
import { open, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
import { CaduceusError } from "../../errors.js";
import { replaceFile } from "../../system/busy_file.js";
import { readRegularFile } from "../local/read_regular_file.js";
import { beginDigest, noteDigest, type Digest } from "../local/verify_file.js";

export const partOf = (file: string) => `${file}.part`;
const ownerOf = (file: string) => `${file}.part.json`;

/** Shorter than a lock takes to go stale. */
const pauseMs = 5_000;

export class PartFile {
  readonly #file: string;
  readonly #digest: Digest;
  readonly #expectedSize: number;
  readonly #handle: FileHandle;
  readonly #writer = randomUUID();
  #hash: Hash;
  #size = 0;
  #wroteAt = performance.now();

  /** Begins one, or goes on from one of the same file, whose bytes are read for the checksum. */
  static async open(file: string, size: number, digest: Digest, signal?: AbortSignal): Promise<PartFile> {
    const owner = await readOwner(file);
    const isSame = owner.digest === digest.hex && owner.size === size && (await partSize(file)) > 0;
    if (!((await stat(partOf(file)).catch(() => undefined))?.isFile() ?? true)) await rm(partOf(file), { force: true });
    // Emptied before it gets a new owner: whatever happens between, bytes never belong to another file.
    const handle = await open(partOf(file), isSame ? "r+" : "w+");
    const part = new PartFile(file, size, digest, handle);
    try {
      await part.#sign();
      if (isSame) await part.#readAgain(signal);
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
    if (performance.now() - this.#wroteAt > pauseMs) await this.#checkSignature();
    this.#hash.update(chunk);
    for (let written = 0; written < chunk.length; ) {
      written += (await this.#handle.write(chunk, written, chunk.length - written, this.#size + written)).bytesWritten;
    }
    this.#size += chunk.length;
    this.#wroteAt = performance.now();
  }

  async restart(): Promise<void> {
    await this.#checkSignature();
    await this.#handle.truncate(0);
    this.#size = 0;
    this.#hash = beginDigest(this.#digest, this.#expectedSize);
  }

  /** True when it is whole; the bytes are then on the disk under the file's own name. False leaves it as it is. */
  async finish(): Promise<boolean> {
    if (this.#size !== this.#expectedSize || this.#hash.copy().digest("hex") !== this.#digest.hex) return false;
    await this.#checkSignature();
    await this.#handle.sync();
    await this.#handle.close();
    await replaceFile(partOf(this.#file), this.#file);
    await rm(ownerOf(this.#file), { force: true });
    await noteDigest(this.#file, this.#digest);
    return true;
  }

  /** Closes the part, which stays for a later attempt. May be called twice. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  async #sign(): Promise<void> {
    const temporary = `${ownerOf(this.#file)}.${this.#writer}`;
    await writeFile(
      temporary,
      `${JSON.stringify({ digest: this.#digest.hex, size: this.#expectedSize, writer: this.#writer })}\n`,
    );
    await replaceFile(temporary, ownerOf(this.#file));
  }

  async #checkSignature(): Promise<void> {
    if ((await readOwner(this.#file)).writer === this.#writer) return;
    throw new CaduceusError(
      "DOWNLOAD_FAILED",
      `Another process has taken over the download of ${this.#file}, since this one was stopped for a while.`,
      { remedy: "Try again." },
    );
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

async function readOwner(
  file: string,
): Promise<{ readonly digest?: unknown; readonly size?: unknown; readonly writer?: unknown }> {
  try {
    return Object(JSON.parse(await readRegularFile(ownerOf(file)))) as object;
  } catch {
    return {};
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
