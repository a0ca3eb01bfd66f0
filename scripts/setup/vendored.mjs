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
/** SHA-256 of each archive, by its name. */
export const sumsFile = path.join(vendorFolder, "sha256.json");
/** What cargo reads in place of the registry. */
const cratesFolder = path.join(cacheFolder, "crates");
const cratesStamp = `${cratesFolder}.sha256`;

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

/** @returns {Promise<string | undefined>} the crates' folder, unpacked by now; undefined: cargo asks its registry */
export async function vendoredCrates() {
  const archive = vendoredArchive(cratesArchive);
  if (archive === undefined) return undefined;
  if (existsSync(cratesFolder) && (await readFile(cratesStamp, "utf8").catch(() => "")) === archive.sha256) return cratesFolder;
  await rm(cratesStamp, { force: true });
  await unpackArchive(archive.file, archive.sha256, cratesFolder);
  await writeFile(cratesStamp, archive.sha256);
  return cratesFolder;
}
