// Finds the compiled addon by node-gyp-build's rules (build/Release, then prebuilds/) and says what to do when it is not there.
import { createRequire } from "node:module";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { CaduceusError } from "../../errors.js";
import type { Addon } from "./native.js";

interface NodeGypBuild {
  resolve(folder: string): string;
}

const require = createRequire(import.meta.url);
// The same number of steps up from src/ and from dist/.
const packageFolder = fileURLToPath(new URL("../../..", import.meta.url));
const loaded = new Map<string, Addon>();

/**
 * The addon, ready for use; loaded once in each thread. `CADUCEUS_PREBUILD` names a folder to look in instead of the package's own.
 * @throws CaduceusError ADDON_NOT_FOUND when there is none for this machine, or it does not load
 */
export function loadAddon(folder: string = packageFolder): Addon {
  const known = loaded.get(folder);
  if (known !== undefined) return known;
  const file = findAddon(folder);
  let addon: Addon;
  try {
    addon = require(file) as Addon;
    addon.initialize({ CaduceusError });
    // process.exit() runs no native clean-up hooks: a thread in the middle of its work would meet destroyed objects.
    process.once("exit", addon.endThreads);
  } catch (error) {
    throw new CaduceusError("ADDON_NOT_FOUND", `The compiled addon ${file} does not load: ${diagnose(error)}`, { cause: error });
  }
  loaded.set(folder, addon);
  return addon;
}

export interface AddonBuild {
  readonly file: string;
  /** False: it uses every instruction of the processor it was built on. */
  readonly isPortable: boolean;
}

/** Where the addon lies and how it was built. @throws CaduceusError ADDON_NOT_FOUND */
export function describeAddon(folder: string = packageFolder): AddonBuild {
  return { file: findAddon(folder), isPortable: loadAddon(folder).takesModules };
}

function findAddon(folder: string): string {
  try {
    return (require("node-gyp-build") as NodeGypBuild).resolve(folder);
  } catch (error) {
    const machine = `${process.platform}-${process.arch}`;
    const offered = prebuilds(folder);
    const why = offered.length > 0 ? `there are prebuilt ones for ${offered.join(", ")} only` : "it was not built";
    throw new CaduceusError("ADDON_NOT_FOUND", `There is no compiled addon for ${machine}: ${why}. ${remedy}`, { cause: error });
  }
}

// Package managers that refuse install scripts leave a package without its addon.
const remedy = "Run `npm rebuild caduceus --foreground-scripts` (in a checkout of caduceus: `npm run build`).";

function diagnose(error: unknown): string {
  const message = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  if (/GLIBC(XX)?_[\d.]+' not found/.test(message)) return `it was built on a system with newer libraries (${message}). ${remedy}`;
  if (/invalid ELF header|wrong ELF class|Exec format error|incompatible architecture|not a valid Win32|not a mach-o/i.test(message)) {
    return `it was built for another kind of machine, or is damaged (${message}). ${remedy}`;
  }
  return `${message}. ${remedy}`;
}

function prebuilds(folder: string): string[] {
  try {
    return readdirSync(path.join(folder, "prebuilds")).sort();
  } catch {
    return [];
  }
}
