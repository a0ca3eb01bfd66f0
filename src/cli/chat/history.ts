// The questions of earlier chats, for the arrow keys. Losing them is no reason to fail.
import { constants, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { mostBytes, readRegularFile } from "../../files/local/read_regular_file.js";
import { userFolder } from "../../system/user_folder.js";

export const historySize = 500;

/**
 * The folder that `CADUCEUS_STATE` names, else the platform's own: `$XDG_STATE_HOME/caduceus` or
 * `~/.local/state/caduceus` on Linux, `~/Library/Application Support/caduceus` on macOS, `%LOCALAPPDATA%\caduceus` on
 * Windows.
 */
export function stateFolder(environment?: NodeJS.ProcessEnv, platform?: NodeJS.Platform): string {
  return userFolder("state", environment, platform);
}

/** Newest first, as readline wants it. */
export async function readHistory(folder = stateFolder()): Promise<string[]> {
  const text = await readRegularFile(path.join(folder, "history"));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .slice(0, historySize);
}

/**
 * Readable by this user alone, since people type private things. The oldest go where it would be more than is read
 * again.
 */
export function writeHistory(lines: readonly string[], folder = stateFolder()): void {
  let room = mostBytes;
  const tooMany = lines.findIndex((line) => (room -= Buffer.byteLength(line) + 1) < 0);
  const kept = lines.slice(0, Math.min(historySize, tooMany === -1 ? historySize : tooMany));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // A pipe in the place of the file would be waited for until somebody reads it.
    const flag = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (constants.O_NONBLOCK ?? 0);
    writeFileSync(path.join(folder, "history"), kept.map((line) => `${line}\n`).join(""), {
      mode: 0o600,
      flag: flag as unknown as string,
    });
  } catch {
    // A read-only home, for example.
  }
}
