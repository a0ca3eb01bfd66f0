// Where downloaded and generated files of this user lie.
import { homedir } from "node:os";
import path from "node:path";

/**
 * The folder that `CADUCEUS_CACHE` names, else the platform's own place for such files: `$XDG_CACHE_HOME/caduceus` or
 * `~/.cache/caduceus` on Linux, `~/Library/Caches/caduceus` on macOS, `%LOCALAPPDATA%\caduceus` on Windows.
 */
export function cacheFolder(
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const moved = environment["CADUCEUS_CACHE"];
  if (moved) return path.resolve(moved);
  if (platform === "win32")
    return path.join(environment["LOCALAPPDATA"] || path.join(homedir(), "AppData", "Local"), "caduceus");
  if (platform === "darwin") return path.join(homedir(), "Library", "Caches", "caduceus");
  const xdg = environment["XDG_CACHE_HOME"];
  // The XDG specification has relative paths ignored.
  return path.join(xdg && path.isAbsolute(xdg) ? xdg : path.join(homedir(), ".cache"), "caduceus");
}

/** Where the tokens of long prompts lie inside it, so that they need not be computed again after a restart. */
export function defaultPrefixFolder(): string {
  return path.join(cacheFolder(), "prefixes");
}

/** Where model files lie inside it. */
export function modelFolder(): string {
  return path.join(cacheFolder(), "models");
}

/** Where those of one repository of the Hugging Face hub lie, by their paths there. */
export function repositoryFolder(repository: string): string {
  return path.join(modelFolder(), repository.replace("/", "--"));
}
