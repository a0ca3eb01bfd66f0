// The folder of this package. The build joins modules into few files, so that a module's own path does not tell.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder of the nearest package.json: from src/ as from dist/, but the program's own where a bundler took the
 * package in.
 */
export const packageFolder = nearest(path.dirname(fileURLToPath(import.meta.url)));

function nearest(folder: string): string {
  const above = path.dirname(folder);
  return above === folder || existsSync(path.join(folder, "package.json")) ? folder : nearest(above);
}

/** Its version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(path.join(packageFolder, "package.json"), "utf8")) as { version: string }).version;
}
