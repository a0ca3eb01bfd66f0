// Makes the package that is published: node scripts/package/pack.mjs [--pack-destination=DIR]
//
// Its binaries are what lies in prebuilds/ at that moment; without any it is one that everybody builds from source.
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { command } from "../setup/command.mjs";
import { setUp } from "../setup.mjs";
import { root } from "../setup/paths.mjs";
import { npmCommand, runLogged } from "../setup/run_logged.mjs";

/** @param {string} destination @returns {Promise<string>} the archive */
export async function packPackage(destination) {
  await setUp("package");
  return packFolder(root, destination);
}

/** @param {string} folder of a package @param {string} destination @returns {Promise<string>} the archive */
export async function packFolder(folder, destination) {
  await mkdir(destination, { recursive: true });
  // --ignore-scripts: `prepare` would build once more what was built just now.
  const [program, args] = npmCommand(["pack", "--json", "--ignore-scripts", "--pack-destination", destination]);
  const [{ filename }] = JSON.parse(
    await runLogged("pack", program, args, { cwd: folder, append: true, what: "npm pack" }),
  );
  return path.join(destination, filename);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    const { values } = parseArgs({ options: { "pack-destination": { type: "string", default: root } } });
    process.stdout.write(`${await packPackage(path.resolve(values["pack-destination"]))}\n`);
  });
}
