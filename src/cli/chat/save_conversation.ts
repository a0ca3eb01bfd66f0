// Puts a conversation into a file, whole or not at all.
import { open, realpath, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Message } from "../../index.js";
import { replaceFile } from "../../system/busy_file.js";
import { UsageError } from "../exit_codes.js";

/** Whether a file of that name is there already. Throws for what is no file: a folder, a device. */
export async function isFile(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found !== undefined && !found.isFile())
    throw new UsageError(`Expected the name of a file but ${file} is something else.`);
  return found !== undefined;
}

/** Readable by this user alone, since people type private things. */
export async function saveConversation(file: string, messages: readonly Message[]): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const written = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
  try {
    const handle = await open(written, "w", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(messages, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await replaceFile(written, target);
  } catch (error) {
    await rm(written, { force: true });
    throw new UsageError(`The conversation cannot be saved: ${(error as Error).message}.`);
  }
}
