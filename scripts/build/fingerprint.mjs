// The sources of the native build, and a fingerprint that changes when any of them does.
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { root } from "../setup/paths.mjs";

/** Of the addon, or of its tests too. @param {boolean} tests */
export async function fingerprint(tests) {
  const hash = createHash("sha256").update(await toolsFingerprint());
  for (const file of await nativeSources(tests)) hash.update(await mark(file));
  return hash.digest("hex");
}

/** The files of native/ that the addon is built from, or its tests too, without the linker's. @param {boolean} tests */
export async function nativeSources(tests) {
  const folders = ["engine", "binding", "ggml", "kernels", "constraint", ...(tests ? ["test"] : [])];
  const found = await Promise.all(
    folders.map(async (folder) => {
      const options = /** @type {const} */ ({ recursive: true, withFileTypes: true });
      const entries = await readdir(path.join(root, "native", folder), options).catch(() => []);
      return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
    }),
  );
  return found
    .flat()
    .map((file) => path.relative(root, file).replaceAll("\\", "/"))
    .sort();
}

/** Of llama.cpp and how it is built. */
export async function toolsFingerprint() {
  const files = [
    "CMakeLists.txt",
    "cmake/portable_ggml.cmake",
    "cmake/zig.toolchain.cmake",
    "native/exports.map",
    "native/ggml_exports.map",
    "llama.cpp/pin.json",
    "llama.cpp/source.tree",
  ];
  // Its version, not its time: `npm ci` writes all packages anew.
  const addonApi = await readFile(path.join(root, "node_modules/node-addon-api/package.json"), "utf8").then(
    (text) => JSON.parse(text).version,
    () => "",
  );
  return [...(await Promise.all(files.map(mark))), addonApi].join();
}

/** @param {string} file */
async function mark(file) {
  const { size, mtimeMs } = await stat(path.join(root, file)).catch(() => ({ size: -1, mtimeMs: 0 }));
  return `${file} ${size} ${mtimeMs};`;
}
