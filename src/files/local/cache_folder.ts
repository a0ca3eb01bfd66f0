// Where downloaded and generated files of this user lie.
import path from "node:path";
import { userFolder } from "../../system/user_folder.js";

/**
 * The folder that `CADUCEUS_CACHE` names, else the platform's own place for such files: `$XDG_CACHE_HOME/caduceus` or
 * `~/.cache/caduceus` on Linux, `~/Library/Caches/caduceus` on macOS, `%LOCALAPPDATA%\caduceus` on Windows.
 */
export function cacheFolder(environment?: NodeJS.ProcessEnv, platform?: NodeJS.Platform): string {
  return userFolder("cache", environment, platform);
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
