// The folder of a native build, and whether it is current.
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { cpus } from "node:os";
import path from "node:path";
import { addonFile, nativeTrees, root } from "../setup/paths.mjs";
import { isInstallable } from "./build_options.mjs";
import { fingerprint, toolsFingerprint } from "./fingerprint.mjs";

/** @typedef {import("./build_options.mjs").BuildOptions} BuildOptions */

/** What decides a tree: other options get another tree, since CMake keeps the first ones it was given. */
export function treeOptions(/** @type {BuildOptions} */ options) {
  return {
    type: options.debug ? "Debug" : options.sanitize ? "RelWithDebInfo" : "Release",
    sanitize: options.sanitize ?? "",
    cuda: options.cuda === true,
    vulkan: options.vulkan === true,
    // Metal is part of every Apple machine that is still sold.
    metal: options.metal ?? (process.platform === "darwin" && process.arch === "arm64"),
    portable: options.portable === true,
    target: options.target ?? "",
    gpuModule: options.gpuModule ?? "",
    cudaArchitectures: options.cudaArchitectures ?? "",
  };
}

/** The folder of the build with these options. @param {BuildOptions} options */
export async function treeFolder(options) {
  const chosen = treeOptions(options);
  const machine = chosen.portable ? "" : await instructionSet();
  const hash = createHash("sha256")
    .update(JSON.stringify([chosen, root, process.platform, process.arch, machine]))
    .digest("hex");
  const name = [
    chosen.type.toLowerCase(),
    chosen.sanitize.replace(",", "-"),
    chosen.cuda && "cuda",
    chosen.vulkan && "vulkan",
    chosen.target || (chosen.portable && "portable"),
    chosen.gpuModule,
  ].filter(Boolean);
  return path.join(nativeTrees, `${name.join("-")}-${hash.slice(0, 8)}`);
}

/** A tree tuned to one machine crashes on a lesser one, and folders do get copied. */
async function instructionSet() {
  const info = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  return /^(?:flags|Features)\s*:(.*)$/m.exec(info)?.[1]?.trim() ?? cpus()[0]?.model ?? "";
}

/** @param {string} tree */
export const treeAddon = (tree) => path.join(tree, "build", "Release", "caduceus.node");

/** True when a build with these options would change nothing. @param {BuildOptions} options */
export async function isBuilt(options) {
  const tree = await treeFolder(options);
  const wanted = await fingerprint(false);
  const have = await readFile(path.join(tree, "caduceus-built.json"), "utf8").then(JSON.parse, () => ({}));
  if (
    options.addon !== false &&
    options.gpuModule === undefined &&
    (have.caduceus !== wanted || !(await exists(treeAddon(tree))))
  )
    return false;
  if (options.tests && have.caduceus_tests !== (await fingerprint(true))) return false;
  if (options.llamaTools && have.caduceus_llama_tools !== (await toolsFingerprint())) return false;
  if (options.llamaServer && have.caduceus_llama_server !== (await toolsFingerprint())) return false;
  // A module, or without any target the engine alone: CMake knows what of them is current.
  if (options.gpuModule !== undefined) return false;
  if (options.addon === false)
    return options.tests === true || options.llamaTools === true || options.llamaServer === true;
  if (!isInstallable(options)) return true;
  const installed = await readFile(`${addonFile}.json`, "utf8").then(JSON.parse, () => ({}));
  return installed.tree === path.basename(tree) && installed.fingerprint === wanted && exists(addonFile);
}

/** @param {string} file @returns {Promise<boolean>} */
export function exists(file) {
  return stat(file).then(
    () => true,
    () => false,
  );
}
