// Paths below the home folder.
import { homedir } from "node:os";
import path from "node:path";

/** `~` is the home folder: no shell has seen what is typed into a chat or follows `--schema=`. */
export function expandHome(file: string, platform: NodeJS.Platform = process.platform): string {
  return /^~(?=$|\/)/.test(file) || (platform === "win32" && file.startsWith("~\\"))
    ? path.join(homedir(), file.slice(1))
    : file;
}
