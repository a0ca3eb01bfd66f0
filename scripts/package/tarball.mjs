// The packed package given to a command, else a new one.
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { root } from "../setup/paths.mjs";
import { SetupError } from "../setup/run_logged.mjs";
import { packPackage } from "./pack.mjs";

/**
 * @param {string | undefined} given a tarball, or the folder where the only one lies
 * @returns {Promise<string>} its absolute path
 */
export async function findTarball(given) {
  const files = given === undefined ? [await packPackage(root)] : await tarballsIn(given);
  if (files.length !== 1)
    throw new SetupError(`Expected one packed package in ${given} but there are ${files.length}.`);
  return /** @type {string} */ (files[0]);
}

/**
 * Those of a folder in the order of their names, or the one file.
 * @param {string} place
 * @returns {Promise<string[]>}
 */
export async function tarballsIn(place) {
  const found = await stat(place).catch(() => undefined);
  if (found === undefined)
    throw new SetupError(`There is no ${place}: make a packed package with \`node scripts/package/pack.mjs\`.`);
  if (!found.isDirectory()) return [path.resolve(place)];
  const names = (await readdir(place)).filter((name) => name.endsWith(".tgz")).sort();
  if (names.length === 0)
    throw new SetupError(`There is no packed package in ${place}: make one with \`node scripts/package/pack.mjs\`.`);
  return names.map((name) => path.resolve(place, name));
}
