// Small files beside models, read whole. A pipe in the place of one would be waited for until somebody writes to it, on
// one of the few threads that Node has for files, and the process would not end.
import { constants } from "node:fs";
import { open } from "node:fs/promises";

export const mostBytes = 2 ** 20;

/** The file's text; empty where there is no such file, where it cannot be read, and where it is none. */
export async function readRegularFile(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(() => undefined);
  if (handle === undefined) return "";
  try {
    const found = await handle.stat();
    return found.isFile() && found.size <= mostBytes ? await handle.readFile("utf8") : "";
  } catch {
    return "";
  } finally {
    await handle.close();
  }
}
