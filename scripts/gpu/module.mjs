// The module for one kind of GPU, built in place and put into its package beside this folder.
import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { build, placeFile } from "../build.mjs";
import { treeAddon } from "../build/build_tree.mjs";
import { root } from "../setup/paths.mjs";

/** @param {"cuda" | "vulkan"} kind */
export const moduleFolder = (kind) =>
  path.join(root, "packages", kind, "prebuilds", `${process.platform}-${process.arch}`);

/**
 * @param {"cuda" | "vulkan"} kind @param {string | undefined} architectures CUDA's, as CMake takes them
 * @param {(text: string) => void} report @param {number} [jobs]
 * @returns {Promise<string>} what was placed
 */
export async function buildModule(kind, architectures, report, jobs) {
  const tree = await build(
    {
      portable: true,
      gpuModule: kind,
      ...(architectures === undefined ? {} : { cudaArchitectures: architectures }),
      ...(jobs === undefined ? {} : { jobs }),
    },
    report,
  );
  const folder = moduleFolder(kind);
  await mkdir(folder, { recursive: true });
  const built = path.dirname(treeAddon(tree));
  const names = (await readdir(built)).filter((name) => name.includes(`ggml-${kind}-`));
  for (const name of names) await placeFile(path.join(built, name), path.join(folder, name));
  return names.map((name) => path.relative(root, path.join(folder, name))).join("\n");
}
