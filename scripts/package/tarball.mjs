// The packed package that a command was given, else one that is packed now.
import { existsSync } from "node:fs";
import path from "node:path";
import { root } from "../setup/paths.mjs";
import { showProgress } from "../setup/progress.mjs";
import { runLogged, SetupError } from "../setup/run_logged.mjs";

/** @param {string | undefined} given @returns {Promise<string>} its absolute path */
export async function findTarball(given) {
  const file = given === undefined ? await pack() : path.resolve(given);
  if (!existsSync(file)) throw new SetupError(`There is no ${file}: make one with \`node scripts/package/pack.mjs\`.`);
  return file;
}

async function pack() {
  const output = await showProgress("packing", () => runLogged("pack", process.execPath, [path.join(root, "scripts/package/pack.mjs")], { what: "Packing" }));
  return path.resolve(root, /** @type {string} */ (output.trim().split("\n").at(-1)));
}
