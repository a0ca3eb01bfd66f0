// Packages that need not be installed, loaded where they are used.
import { CaduceusError } from "../errors.js";

/** Runs the import. Throws `PACKAGE_MISSING` where the package, or what it needs, is not there. */
export async function importPeer<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new CaduceusError("PACKAGE_MISSING", `This needs the package ${name}, which is not installed.`, {
      remedy: `Install it beside caduceus: npm install ${name} (with -g if caduceus was).`,
      cause: error,
    });
  }
}
