// Tools that packaging needs, each fetched once into a folder of the cache.
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { withLock } from "../../setup/lock.mjs";
import { cacheFolder } from "../../setup/paths.mjs";

/**
 * The folder of that name, made where `holds` is not in it yet: beside its place first, so that nobody meets half of
 * it.
 * @param {string} name @param {string} holds @param {(folder: string) => Promise<void>} make
 * @returns {Promise<string>}
 */
export async function cachedFolder(name, holds, make) {
  const folder = path.join(cacheFolder, name);
  await withLock(name, async () => {
    if (existsSync(path.join(folder, holds))) return;
    const next = `${folder}.${process.pid}`;
    try {
      await mkdir(next, { recursive: true });
      await make(next);
      await rm(folder, { recursive: true, force: true });
      await rename(next, folder);
    } finally {
      await rm(next, { recursive: true, force: true });
    }
  });
  return folder;
}
