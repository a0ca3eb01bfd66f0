// Finds the compiled addon by node-gyp-build's rules (build/Release, then prebuilds/), here and in the package for this
// system, and says what to do when it is not there.
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import path from "node:path";
import { CaduceusError } from "../../errors.js";
import { packageFolder } from "../../package_folder.js";
import { explainAbsence, explainBadFile, explainFailure, type Diagnosis } from "./diagnose_addon.js";
import type { Addon } from "./native.js";

interface NodeGypBuild {
  resolve(folder: string): string;
}

const require = createRequire(import.meta.url);
const loaded = new Map<string, Addon>();

/**
 * The addon, ready for use; loaded once in each thread. `CADUCEUS_PREBUILD` names a folder to look in instead of the
 * package's own.
 * @throws CaduceusError ADDON_NOT_FOUND when there is none for this machine, or it does not load
 */
export function loadAddon(folder: string = packageFolder): Addon {
  const known = loaded.get(folder);
  if (known !== undefined) return known;
  const file = findAddon(folder);
  const bad = explainBadFile(file);
  if (bad !== undefined) throw doesNotLoad(file, bad);
  let addon: Addon;
  try {
    addon = require(file) as Addon;
    addon.initialize({ CaduceusError });
    // process.exit() runs no native clean-up hooks: a thread in the middle of its work would meet destroyed objects.
    process.once("exit", addon.endThreads);
  } catch (error) {
    throw doesNotLoad(file, explainFailure(file, error), error);
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
  let cause: unknown;
  for (const place of placesOf(folder)) {
    try {
      // CADUCEUS_PREBUILD may be relative to the working folder.
      return unpacked(path.resolve((require("node-gyp-build") as NodeGypBuild).resolve(place)));
    } catch (error) {
      cause ??= error;
    }
  }
  const { problem, remedy } = explainAbsence(folder);
  throw new CaduceusError("ADDON_NOT_FOUND", problem, { remedy, cause });
}

function doesNotLoad(file: string, { problem, remedy }: Diagnosis, cause?: unknown): CaduceusError {
  return new CaduceusError("ADDON_NOT_FOUND", `The compiled addon ${file} does not load: ${problem}`, {
    remedy,
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * The folder itself, then those of the packages that the binaries of a published version come in:
 * scripts/package/split.mjs.
 */
function* placesOf(folder: string): Generator<string> {
  yield folder;
  if (folder !== packageFolder) return;
  const system = `@caduceus/${process.platform}-${process.arch}`;
  for (const name of process.platform === "linux" ? [`${system}-glibc`, `${system}-musl`] : [system]) {
    try {
      yield path.dirname(require.resolve(`${name}/package.json`));
    } catch {
      // Not installed.
    }
  }
}

/**
 * Electron packs an application into app.asar, out of which no library can be loaded; what was left out of it lies in a
 * folder beside it.
 */
function unpacked(file: string): string {
  const beside = file.replace(/\.asar(?=[\\/])/, ".asar.unpacked");
  return existsSync(beside) ? beside : file;
}
