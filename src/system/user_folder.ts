// Where each system has the files that programs keep for a user.
import { homedir } from "node:os";
import path from "node:path";

/** `cache` can be made again, `state` cannot. On Windows and in the variable that moves it, they are one or the other. */
export function userFolder(
  kind: "cache" | "state",
  environment: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  const moved = environment[kind === "cache" ? "CADUCEUS_CACHE" : "CADUCEUS_STATE"];
  if (moved) return path.resolve(moved);
  if (platform === "win32")
    return path.join(environment["LOCALAPPDATA"] || path.join(homedir(), "AppData", "Local"), "caduceus");
  if (platform === "darwin")
    return path.join(homedir(), "Library", kind === "cache" ? "Caches" : "Application Support", "caduceus");
  const xdg = environment[kind === "cache" ? "XDG_CACHE_HOME" : "XDG_STATE_HOME"];
  const usual = kind === "cache" ? [".cache"] : [".local", "state"];
  // The XDG specification has relative paths ignored.
  return path.join(xdg && path.isAbsolute(xdg) ? xdg : path.join(homedir(), ...usual), "caduceus");
}
