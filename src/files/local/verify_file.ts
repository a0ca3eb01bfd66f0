// Whether a file is the expected one, by size and checksum. A result is remembered beside the file, so that asking
// again is free.
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm, stat, writeFile } from "node:fs/promises";
import { replaceFile } from "../../system/busy_file.js";
import { readRegularFile } from "./read_regular_file.js";

export interface ExpectedFile {
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** `git`: SHA-1 as Git names a blob, over a header with its size too. Lower-case hexadecimal. */
export interface Digest {
  readonly algorithm: "sha256" | "git";
  readonly hex: string;
}

/** Where the note about a file lies. */
export const noteOf = (file: string) => `${file}.verified`;

/** False for a missing, shorter, longer or different file. Rejects with the signal's reason when aborted. */
export function isExpectedFile(file: string, { size, sha256 }: ExpectedFile, signal?: AbortSignal): Promise<boolean> {
  return hasDigest(file, size, { algorithm: "sha256", hex: sha256 }, signal);
}

export async function hasDigest(file: string, size: number, expected: Digest, signal?: AbortSignal): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || !found.isFile() || found.size !== size) return false;
  if ((await readRegularFile(noteOf(file))) === noteText(expected, found)) return true;
  const hash = beginDigest(expected, size);
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  if (hash.digest("hex") !== expected.hex) return false;
  await noteDigest(file, expected);
  return true;
}

/** Remembers that a file has been read and has this digest. */
export async function noteDigest(file: string, digest: Digest): Promise<void> {
  const noteFile = noteOf(file);
  const temporary = `${noteFile}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  // The note only saves time: a folder that cannot be written to is no failure.
  await stat(file)
    .then((found) => writeFile(temporary, noteText(digest, found)))
    .then(() => replaceFile(temporary, noteFile))
    .catch(() => rm(temporary, { force: true }));
}

/** To be fed with the whole file, whose size Git counts in. */
export function beginDigest({ algorithm }: Digest, size: number): Hash {
  return algorithm === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

/** Any write changes the time; a file moved here from elsewhere has no such note. */
function noteText({ hex }: Digest, { size, mtimeMs, ino }: { size: number; mtimeMs: number; ino: number }): string {
  return `${hex} ${size} ${mtimeMs} ${ino}\n`;
}
