// Makes vendor/, from which the published package builds without network: node scripts/package/vendor.mjs
//
//   llama.cpp.tar.br         the part of llama.cpp that CMakeLists.txt builds, every backend that it has an option for
//   crates.tar.br            what native/constraint/Cargo.lock names, as `cargo vendor` lays it out
//   build_tools.tar.br       cmake-js and what it needs, as package-lock.json names them: only who builds wants
//                            39 packages more
//   tar.mjs                  what unpacks them
//   sha256.json              the archives' sums, which unpacking checks
//   THIRD_PARTY_LICENSES.md  of everything that is linked or bundled
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import path from "node:path";
import { build as rolldown } from "rolldown";
import { isCurrent as isLlamaCurrent, readPin } from "../fetch_llama_cpp.mjs";
import { command } from "../setup/command.mjs";
import { writeArchive } from "../setup/archive.mjs";
import { findCargo } from "../setup/check_tools.mjs";
import { cacheFolder, llamaSource, root } from "../setup/paths.mjs";
import { runLogged, SetupError } from "../setup/run_logged.mjs";
import { cratesArchive, llamaArchive, sumsFile, toolsArchive, vendorFolder } from "../setup/vendored.mjs";
import { buildTools, bundledPackages, licensesFile, writeLicenses } from "./licenses.mjs";

const stampFile = path.join(cacheFolder, "vendor.stamp");

/**
 * What of llama.cpp goes along. The headers below its vendor/ are only for its own programs, its CMake files are always
 * read.
 */
const llamaParts = [
  /^(CMakeLists\.txt|LICENSE|AUTHORS)$/,
  /^(cmake|include|src)\//,
  /^vendor\/([^/]+\/)?CMakeLists\.txt$/,
  /^vendor\/hash\//,
  /^common\/(unicode|jinja\/(lexer|parser|runtime|string|utils|value))\.(cpp|h)$/,
  /^ggml\/(CMakeLists\.txt$|cmake\/|include\/|src\/[^/]+$)/,
  // Without what is built by options that we never set.
  /^ggml\/src\/ggml-cpu\/(?!kleidiai\/|spacemit\/|arch\/wasm\/)/,
  /^ggml\/src\/ggml-(cuda|metal|vulkan)\//,
];

/** What a crate is not built of. Its licenses and README stay: some crates include the latter as documentation. */
const unneededOfCrates =
  /^[^/]+\/((tests|benches|examples|fuzz|\.github)\/|(Cargo\.toml\.orig|Cargo\.lock|\.cargo_vcs_info\.json)$)/;

/** True when making it again would change nothing. */
export async function isCurrent() {
  const made =
    [llamaArchive, cratesArchive, toolsArchive, "tar.mjs"].every((name) => existsSync(path.join(vendorFolder, name))) &&
    existsSync(licensesFile(vendorFolder)) &&
    existsSync(sumsFile);
  return made && (await readFile(stampFile, "utf8").catch(() => "")) === (await mark());
}

/** @param {(text: string) => void} [report] */
export async function makeVendor(report = () => {}) {
  if (!(await isLlamaCurrent()))
    throw new SetupError("llama.cpp's source is not there: run `node scripts/fetch_llama_cpp.mjs`.");
  const making = await mark();
  await mkdir(cacheFolder, { recursive: true });
  const work = await mkdtemp(path.join(cacheFolder, "vendor-"));
  try {
    const next = path.join(work, "vendor");
    await mkdir(next);
    report("crates");
    const crates = await vendorCrates(path.join(work, "crates"));
    report("licenses");
    await writeLicenses(next, { crates, llama: llamaSource });
    /** @type {Record<string, string>} */
    const sums = {};
    report(llamaArchive);
    sums[llamaArchive] = await writeArchive(path.join(next, llamaArchive), llamaSource, await llamaFiles());
    report(cratesArchive);
    sums[cratesArchive] = await writeArchive(path.join(next, cratesArchive), crates, await filesBelow(crates));
    report(toolsArchive);
    sums[toolsArchive] = await writeArchive(path.join(next, toolsArchive), root, await toolFiles());
    await rolldown({
      input: fileURLToPath(import.meta.resolve("tar")),
      platform: "node",
      output: { file: path.join(next, "tar.mjs") },
    });
    await writeFile(path.join(next, path.basename(sumsFile)), `${JSON.stringify(sums, null, 2)}\n`);
    await rm(stampFile, { force: true });
    await rm(vendorFolder, { recursive: true, force: true });
    await rename(next, vendorFolder);
    await writeFile(stampFile, making);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Of llama.cpp's source, what the package is built of. */
export async function llamaFiles() {
  const files = (await filesBelow(llamaSource)).filter((name) => llamaParts.some((part) => part.test(name)));
  const unmatched = llamaParts.find((part) => !files.some((name) => part.test(name)));
  // A newer llama.cpp may have moved something.
  if (unmatched !== undefined)
    throw new SetupError(
      `llama.cpp ${(await readPin()).version} has nothing that matches ${unmatched}: adapt llamaParts in scripts/package/vendor.mjs.`,
    );
  return files;
}

/** Without what only people read, but for the licenses. */
async function toolFiles() {
  const files = await Promise.all(
    (await buildTools()).map(async (name) =>
      (await filesBelow(path.join(root, "node_modules", name))).map((file) => `node_modules/${name}/${file}`),
    ),
  );
  return files.flat().filter((name) => !/\.(map|[cm]?ts)$|\/(changelog|readme)\.md$/i.test(name));
}

/** @param {string} folder @returns {Promise<string>} the folder */
async function vendorCrates(folder) {
  const args = ["vendor", "--locked", "--versioned-dirs", folder];
  await runLogged("cargo-vendor", findCargo() ?? "cargo", args, {
    cwd: path.join(root, "native", "constraint"),
    what: "cargo vendor",
  });
  for (const name of await filesBelow(folder)) {
    if (unneededOfCrates.test(name)) await rm(path.join(folder, name));
  }
  // cargo checks every file on this list. The crate's own sum, which Cargo.lock names, stays as it is.
  for (const crate of await readdir(folder)) {
    const file = path.join(folder, crate, ".cargo-checksum.json");
    const { files, package: sum } = JSON.parse(await readFile(file, "utf8"));
    const kept = Object.keys(files)
      .filter((name) => !unneededOfCrates.test(`${crate}/${name}`))
      .sort();
    await writeFile(
      file,
      JSON.stringify({ files: Object.fromEntries(kept.map((name) => [name, files[name]])), package: sum }),
    );
  }
  return folder;
}

/** @param {string} folder @returns {Promise<string[]>} with forward slashes */
async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"));
}

/** Changes when anything does that vendor/ is made of. */
async function mark() {
  const hash = createHash("sha256");
  const own = [
    "vendor.mjs",
    "licenses.mjs",
    ...(await readdir(path.join(root, "scripts/package/licenses"))).sort().map((name) => `licenses/${name}`),
  ];
  const files = [
    "llama.cpp/source.tree",
    "native/constraint/Cargo.lock",
    "scripts/setup/archive.mjs",
    "package-lock.json",
    ...own.map((name) => `scripts/package/${name}`),
  ];
  for (const name of files) {
    const { size, mtimeMs } = await stat(path.join(root, name));
    hash.update(`${name} ${size} ${mtimeMs};`);
  }
  hash.update((await bundledPackages()).join());
  return hash.digest("hex");
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    await makeVendor((what) => process.stderr.write(`vendor: ${what}\n`));
  });
}
