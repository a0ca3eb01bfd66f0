// Whether a file is the expected one, by size and SHA-256. A result is remembered beside the file, so that asking again is free.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";

export interface ExpectedFile {
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** False for a missing, shorter, longer or different file. Rejects with the signal's reason when aborted. */
export async function isExpectedFile(file: string, expected: ExpectedFile, signal?: AbortSignal): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || !found.isFile() || found.size !== expected.size) return false;
  // Any write changes the time; a file moved here from elsewhere has no such note.
  const note = `${expected.sha256} ${found.size} ${found.mtimeMs} ${found.ino}\n`;
  const noteFile = `${file}.verified`;
  if ((await readFile(noteFile, "utf8").catch(() => "")) === note) return true;
  if ((await sha256(file, signal)) !== expected.sha256) return false;
  const temporary = `${noteFile}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  // The note only saves time: a folder that cannot be written to is no failure.
  await writeFile(temporary, note).then(() => rename(temporary, noteFile)).catch(() => rm(temporary, { force: true }));
  return true;
}

async function sha256(file: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}
