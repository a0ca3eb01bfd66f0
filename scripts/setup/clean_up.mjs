// What a build from source leaves in an installed package: some 200 MB that nothing needs to run.
import { rm } from "node:fs/promises";
import path from "node:path";
import { cacheFolder, llamaSource, nativeTrees, root } from "./paths.mjs";
import { llamaArchive, vendoredArchive } from "./vendored.mjs";

/**
 * The addon stays, and the logs. Another build unpacks the package's archives anew; a checkout goes on from what it
 * has.
 */
export async function removeBuildFiles() {
  if (vendoredArchive(llamaArchive) === undefined) return;
  const unpacked = ["crates", "build_tools"].flatMap((name) => [
    path.join(cacheFolder, name),
    path.join(cacheFolder, `${name}.sha256`),
  ]);
  // The stamp before what it vouches for.
  for (const name of [path.join(root, "llama.cpp", "source.tree"), llamaSource, nativeTrees, ...unpacked]) {
    // What somebody holds open, such as a scanner of viruses, is no reason to fail: the addon is built.
    await rm(name, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}
