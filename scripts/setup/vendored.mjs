// The sources of others that the published package brings along, so that it builds without network and without git.
import { existsSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { unpackArchive } from "./archive.mjs";
import { cacheFolder, root } from "./paths.mjs";

/** Made by scripts/package/vendor.mjs. */
export const vendorFolder = path.join(root, "vendor");
export const llamaArchive = "llama.cpp.tar.br";
export const cratesArchive = "crates.tar.br";
export const toolsArchive = "build_tools.tar.br";
/** SHA-256 of each archive, by its name. */
export const sumsFile = path.join(vendorFolder, "sha256.json");

/**
 * Only the package builds from its archives: a checkout wants all of llama.cpp, whose own programs its tests run.
 * @returns {Record<string, string>}
 */
function packagedSums() {
  if (existsSync(path.join(root, ".git")) || !existsSync(sumsFile)) return {};
  return JSON.parse(readFileSync(sumsFile, "utf8"));
}

/** @param {string} name @returns {{ file: string, sha256: string } | undefined} undefined where it is not to be used */
export function vendoredArchive(name) {
  const sha256 = packagedSums()[name];
  return sha256 === undefined ? undefined : { file: path.join(vendorFolder, name), sha256 };
}

/** @returns {Promise<string | undefined>} what cargo reads in place of its registry; undefined: it asks that */
export const vendoredCrates = () => unpacked(cratesArchive, path.join(cacheFolder, "crates"));

/** @returns {Promise<string | undefined>} whose node_modules holds cmake-js; undefined: ours does */
export const vendoredTools = () => unpacked(toolsArchive, path.join(cacheFolder, "build_tools"));

/** @param {string} name @param {string} folder */
async function unpacked(name, folder) {
  const archive = vendoredArchive(name);
  if (archive === undefined) return undefined;
  const stamp = `${folder}.sha256`;
  if (existsSync(folder) && (await readFile(stamp, "utf8").catch(() => "")) === archive.sha256) return folder;
  await rm(stamp, { force: true });
  await unpackArchive(archive.file, archive.sha256, folder);
  await writeFile(stamp, archive.sha256);
  return folder;
}
