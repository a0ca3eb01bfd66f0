// Divides the package for the registry: the package without its binaries, and a package for each system with the
// binaries that it needs. Package managers install the one that fits. All of them in one package would be 20 MB for
// each system.
//
//   node scripts/package/split.mjs [--pack-destination=DIR]       prints the archives, the package itself last
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import path from "node:path";
import { isForMusl } from "../build.mjs";
import { command } from "../setup/command.mjs";
import { cacheFolder, root } from "../setup/paths.mjs";
import { runLogged, SetupError } from "../setup/run_logged.mjs";
import { packFolder, packPackage } from "./pack.mjs";

/**
 * @typedef {{ name: string, version: string, license: string, repository?: unknown, files: string[],
 * optionalDependencies?: Record<string, string> } & Record<string, unknown>} Manifest
 */

await command(async () => {
  const { values } = parseArgs({ options: { "pack-destination": { type: "string", default: root } } });
  const destination = path.resolve(values["pack-destination"]);
  const work = path.join(cacheFolder, "split");
  await rm(work, { recursive: true, force: true });
  const whole = await packPackage(work);
  await runLogged("pack", "tar", ["-xzf", whole, "-C", work], { append: true });
  const folder = path.join(work, "package");
  /** @type {Manifest} */
  const manifest = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
  const systems = await readdir(path.join(folder, "prebuilds")).catch(() => []);
  if (systems.length === 0)
    throw new SetupError("There is nothing in prebuilds/: run `node scripts/package/prebuild.mjs`.");
  for (const system of systems.sort()) {
    for (const part of await partsOf(path.join(folder, "prebuilds", system))) {
      const name = `@caduceus/${system}${part.libc === undefined ? "" : `-${part.libc}`}`;
      const own = path.join(work, name.replace("/", "-"));
      await writePart(own, name, system, part, manifest, folder);
      process.stdout.write(`${await packFolder(own, destination)}\n`);
      manifest.optionalDependencies = { ...manifest.optionalDependencies, [name]: manifest.version };
    }
  }
  await rm(path.join(folder, "prebuilds"), { recursive: true });
  await writeFile(path.join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  process.stdout.write(`${await packFolder(folder, destination)}\n`);
});

/** @typedef {{ libc?: string, files: string[] }} Part */

/** On Linux those of each C library. @param {string} folder @returns {Promise<Part[]>} */
async function partsOf(folder) {
  const files = await readdir(folder);
  if (!path.basename(folder).startsWith("linux-")) return [{ files }];
  const parts = [
    { libc: "glibc", files: files.filter((name) => !isForMusl(name)) },
    { libc: "musl", files: files.filter(isForMusl) },
  ];
  return parts.filter((part) => part.files.some((name) => name.endsWith(".node")));
}

/**
 * @param {string} own
 * @param {string} name
 * @param {string} system
 * @param {Part} part
 * @param {Manifest} manifest
 * @param {string} folder
 */
async function writePart(own, name, system, { libc, files }, { version, license, repository }, folder) {
  const [os = "", cpu = ""] = system.split("-");
  await mkdir(path.join(own, "prebuilds", system), { recursive: true });
  for (const file of files)
    await cp(path.join(folder, "prebuilds", system, file), path.join(own, "prebuilds", system, file));
  for (const file of ["LICENSE", "vendor/THIRD_PARTY_LICENSES.md"])
    await cp(path.join(folder, file), path.join(own, path.basename(file)));
  const description = `caduceus' compiled addon for ${system}${libc === undefined ? "" : ` with ${libc}`}: comes with caduceus by itself.`;
  await writeFile(
    path.join(own, "package.json"),
    `${JSON.stringify({ name, version, description, license, ...(repository === undefined ? {} : { repository }), os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) }, null, 2)}\n`,
  );
}
