// Makes the folder that the GPU test runs from: a copy of what it needs, so that it runs the same here and on a machine
// that has neither network nor Node nor Rust.
import { chmod, copyFile, link, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { build, isShipped } from "../build.mjs";
import { ownTarget } from "../build/build_options.mjs";
import { treeAddon } from "../build/build_tree.mjs";
import { buildTools } from "../package/licenses.mjs";
import { llamaFiles } from "../package/vendor.mjs";
import { setUp } from "../setup.mjs";
import { cacheFolder, root } from "../setup/paths.mjs";
import { showProgress } from "../setup/progress.mjs";
import { buildModule } from "./module.mjs";

export const testFolder = path.join(cacheFolder, "caduceus-gpu-test");
const machine = `${process.platform}-${process.arch}`;
const programs = ["llama-bench", "llama-batched-bench", "llama-server"];

/**
 * @param {object} options
 * @param {"cuda" | "vulkan" | undefined} options.kind module to build first; undefined: the ones that are built
 * @param {string | undefined} options.architectures of CUDA's module
 * @param {boolean} options.models with the small model
 * @param {boolean} options.elsewhere for another machine, which may be older: by the compiler of the prebuilt addons
 */
export async function makeTestFolder({ kind, architectures, models, elsewhere }) {
  await setUp("gpu");
  const target = elsewhere ? ownTarget() : undefined;
  const options = { portable: true, install: false, llamaTools: true, llamaServer: true };
  const tree = await showProgress("portable addon and llama.cpp's own programs", (report) =>
    build({ ...options, ...(target === undefined ? {} : { target }) }, report),
  );
  if (kind !== undefined)
    await showProgress(`module for ${kind}`, (report) => buildModule(kind, architectures, report));
  const next = `${testFolder}.${process.pid}`;
  try {
    await fill(next, tree, models);
    // Models that were made there are worth keeping.
    for (const name of await readdir(path.join(testFolder, "models")).catch(() => []))
      if (!existsSync(path.join(next, "models", name)))
        await rename(path.join(testFolder, "models", name), path.join(next, "models", name));
    await rm(testFolder, { recursive: true, force: true });
    await rename(next, testFolder);
  } finally {
    await rm(next, { recursive: true, force: true });
  }
  return testFolder;
}

/** @param {string} to @param {string} tree of the build @param {boolean} models */
async function fill(to, tree, models) {
  for (const name of [
    ...["package.json", "CMakeLists.txt", "cmake", "scripts", "bench", "dist", "llama.cpp/pin.json"],
    ...["native/engine", "native/binding", "native/ggml", "native/kernels", "native/constraint"],
    ...["native/exports.map", "native/ggml_exports.map", "test/support/gguf"],
    ...["node-gyp-build", "node-addon-api", "mistral-tokenizer-js", ...(await buildTools())].map(
      (name) => `node_modules/${name}`,
    ),
    ...(await llamaFiles()).map((name) => `llama.cpp/source/${name}`),
  ])
    await take(path.join(root, name), path.join(to, name));
  // Without the module too: it may be built there.
  for (const kind of ["cuda", "vulkan"]) await take(path.join(root, "packages", kind), path.join(to, "packages", kind));
  for (const name of programs) await take(path.join(tree, "bin", name), path.join(to, "bin", name));
  const built = path.dirname(treeAddon(tree));
  for (const name of (await readdir(built)).filter(isShipped)) {
    await take(path.join(built, name), path.join(to, "prebuilds", machine, name));
    // As llama.cpp's programs look for it.
    const other = name.replace("libcaduceus-ggml-cpu", "libggml-cpu");
    for (const one of new Set(name.endsWith(".node") ? [] : [name, other]))
      await take(path.join(built, name), path.join(to, "bin", one));
  }
  await mkdir(path.join(to, "models"), { recursive: true });
  if (models) {
    const { fetchDefaultModel } = await import("../../dist/files/index.js");
    await take(await fetchDefaultModel(), path.join(to, "models", "smollm2.gguf"));
  }
  await take(process.execPath, path.join(to, "node"));
  await writeFile(path.join(to, "run"), runScript);
  await chmod(path.join(to, "run"), 0o755);
}

const runScript = `#!/bin/sh
folder=$(cd "$(dirname "$0")" && pwd) || exit 1
"$folder/node" -e 0 || { echo "The Node in $folder does not run here: put another one (20.19 or newer) in its place." >&2; exit 1; }
exec "$folder/node" "$folder/scripts/gpu/run.mjs" "$@"
`;

/** A file or folder, as hard links where that is possible. @param {string} from @param {string} to */
async function take(from, to) {
  await mkdir(path.dirname(to), { recursive: true });
  const entries = await readdir(from, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return link(from, to).catch(() => copyFile(from, to));
  await mkdir(to, { recursive: true });
  for (const entry of entries) {
    if (entry.name === "node_modules" && path.basename(from) !== "node_modules") continue;
    if (entry.isFile() || entry.isDirectory()) await take(path.join(from, entry.name), path.join(to, entry.name));
  }
}
