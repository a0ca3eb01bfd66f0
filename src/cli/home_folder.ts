// Paths below the home folder.
import { homedir } from "node:os";
import path from "node:path";

/** `~` is the home folder, since no shell has seen what is typed into a chat or behind `--schema=`. */
export function expandHome(file: string): string {
  return file === "~" || file.startsWith("~/") ? path.join(homedir(), file.slice(1)) : file;
}
