// Paths for C++, which opens files without Node.
import path from "node:path";

/** Windows takes none of 260 characters or more unless it begins with `\\\\?\\`. Leaves room for names below a folder. */
const longest = 160;

export function nativePath(file: string, platform: NodeJS.Platform = process.platform): string {
  return platform === "win32" && file.length > longest ? path.win32.toNamespacedPath(path.win32.resolve(file)) : file;
}
