// The questions of earlier chats, for the arrow keys. Losing them is no reason to fail.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

export const historySize = 500;

/**
 * The folder that `CADUCEUS_STATE` names, else the platform's own: `$XDG_STATE_HOME/caduceus` or `~/.local/state/caduceus`
 * on Linux, `~/Library/Application Support/caduceus` on macOS, `%LOCALAPPDATA%\caduceus` on Windows.
 */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  const moved = environment["CADUCEUS_STATE"];
  if (moved) return path.resolve(moved);
  if (platform === "win32") return path.join(environment["LOCALAPPDATA"] || path.join(homedir(), "AppData", "Local"), "caduceus");
  if (platform === "darwin") return path.join(homedir(), "Library", "Application Support", "caduceus");
  const xdg = environment["XDG_STATE_HOME"];
  return path.join(xdg && path.isAbsolute(xdg) ? xdg : path.join(homedir(), ".local", "state"), "caduceus");
}

/** Newest first, as readline wants it. */
export function readHistory(folder = stateFolder()): string[] {
  try {
    return readFileSync(path.join(folder, "history"), "utf8").split("\n").filter((line) => line !== "").slice(0, historySize);
  } catch {
    return [];
  }
}

/** Readable by this user alone, since people type private things. */
export function writeHistory(lines: readonly string[], folder = stateFolder()): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(path.join(folder, "history"), `${lines.slice(0, historySize).join("\n")}\n`, { mode: 0o600 });
  } catch {
    // A read-only home, for example.
  }
}
