// Checks the binaries before they are published: they need nothing newer than glibc 2.31 and no library that a system
// may lack; their names are unique; the addon exports only Node's two entry points; and of its runtime it needs only
// Node-API, so that it runs in every version of Node, in Electron, Bun and Deno.
//
//   node scripts/package/check_binaries.mjs [FILE …]       without files: all of prebuilds/
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { command } from "../setup/command.mjs";
import { root } from "../setup/paths.mjs";
import { SetupError } from "../setup/run_logged.mjs";
import { isElf, readElf } from "./elf.mjs";
import { isMachO, readMachO } from "./macho.mjs";
import { isPe, readPe } from "./pe.mjs";

/** Debian 11's and Ubuntu 20.04's. */
const newestGlibc = /** @type {const} */ ([2, 31]);
/** What package.json promises (`binary.napi_versions`). */
const nodeApiVersion = "v8";
const ggmlSymbols = /ggml|gguf|quantize|^iq[23]xs/;
const entryPoints = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];
const systemLibraries = /^(lib(c|m|dl|pthread|rt)\.so\.\d|ld-linux[\w-]*\.so\.\d|libc\.so|libc\.musl-\w+\.so\.1)$/;
/** Parts of Windows 10, its C library (api-ms-win-crt) among them. No program: Node-API is looked up in the one that runs. */
const windowsLibraries =
  /^(kernel32|ntdll|advapi32|bcrypt|bcryptprimitives|userenv|ws2_32|api-ms-win-(crt|core)-[\w-]+)\.dll$/i;
const macLibraries = /^(\/usr\/lib|\/System\/Library\/Frameworks)\//;

/**
 * @param {string} file
 * @param {string} [system] for which it is meant, such as darwin-x64
 * @returns {Promise<string[]>} in words for people
 */
export async function problemsOf(file, system = path.basename(path.dirname(file))) {
  const bytes = await readFile(file);
  if (isPe(bytes)) return problemsOnWindows(file, bytes, system);
  if (isMachO(bytes)) return problemsOnMac(file, bytes, system);
  if (!isElf(bytes)) return ["is a library of no known system"];
  const { symbols, needed, soname } = readElf(bytes);
  /** @type {string[]} */
  const problems = [];
  problems.push(
    ...list(
      "asks for versions that not every system has:",
      symbols.flatMap(({ name, version }) =>
        version === undefined || isEverywhere(version) ? [] : [`${name}@${version}`],
      ),
    ),
  );
  for (const library of needed)
    if (!systemLibraries.test(library) && !library.startsWith("libcaduceus-"))
      problems.push(`asks for the library ${library}`);
  const exported = symbols.filter(({ isDefined }) => isDefined).map(({ name }) => name);
  if (file.endsWith(".node")) {
    problems.push(
      ...list(
        "offers",
        exported.filter((name) => !entryPoints.includes(name)),
      ),
    );
    problems.push(...list("asks its runtime for", await foreignSymbols(file)));
  } else {
    // Modules, which are loaded by their paths, have no other name.
    if (soname !== undefined && soname !== path.basename(file)) problems.push(`calls itself ${soname}`);
    // Of the same name in another llama.cpp they would be taken for each other, were not the libraries loaded for
    // themselves.
    problems.push(
      ...list(
        "offers",
        exported.filter((name) => !ggmlSymbols.test(name)),
      ),
    );
  }
  return problems;
}

/** @param {string} file @param {Buffer} bytes @param {string} system @returns {string[]} */
function problemsOnWindows(file, bytes, system) {
  const { arch, needed, exported } = readPe(bytes);
  const isAddon = file.endsWith(".node");
  return [
    ...otherArch(system, "win32", arch),
    ...needed
      .filter((library) => !windowsLibraries.test(library) && !library.startsWith("caduceus-"))
      .map((library) => `asks for the library ${library}`),
    ...list(
      "offers",
      exported.filter((name) => !(isAddon ? entryPoints.includes(name) : ggmlSymbols.test(name))),
    ),
  ];
}

/** @param {string} file @param {Buffer} bytes @param {string} system @returns {string[]} */
function problemsOnMac(file, bytes, system) {
  const { arch, needed, unbound } = readMachO(bytes);
  const known = nodeApi();
  return [
    ...otherArch(system, "darwin", arch),
    ...needed
      .filter((library) => !macLibraries.test(library) && !library.startsWith("@rpath/libcaduceus-"))
      .map((library) => `asks for the library ${library}`),
    ...list(
      "asks its runtime for",
      unbound.filter((name) => !file.endsWith(".node") || !known.includes(name)),
    ),
  ];
}

/** @param {string} system @param {string} platform @param {string | undefined} arch */
function otherArch(system, platform, arch) {
  return system.startsWith(`${platform}-`) && system !== `${platform}-${arch}` ? [`is for ${arch}`] : [];
}

/** @param {string} what @param {string[]} names */
function list(what, names) {
  return names.length === 0
    ? []
    : [`${what} ${names.slice(0, 5).join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`];
}

/** @param {string} version such as GLIBC_2.17 */
function isEverywhere(version) {
  const [, major = "", minor = "0"] = /^GLIBC_(\d+)\.(\d+)/.exec(version) ?? [];
  const [newestMajor, newestMinor] = newestGlibc;
  return (
    major !== "" && (Number(major) < newestMajor || (Number(major) === newestMajor && Number(minor) <= newestMinor))
  );
}

/**
 * Symbols that neither Node-API, nor the libraries beside the addon, nor the system's C and C++ libraries have.
 * @param {string} file @returns {Promise<string[]>}
 */
export async function foreignSymbols(file) {
  const { symbols, needed } = readElf(await readFile(file));
  const known = new Set([...nodeApi(), ...(await systemSymbols())]);
  for (const name of needed) {
    const beside = path.join(path.dirname(file), name);
    if (!existsSync(beside)) continue;
    for (const { name, isDefined } of readElf(await readFile(beside)).symbols) if (isDefined) known.add(name);
  }
  return symbols
    .filter(
      ({ name, isDefined, isWeak, version }) => !isDefined && !isWeak && version === undefined && !known.has(name),
    )
    .map(({ name }) => name);
}

/** Every function of the promised version of Node-API. @returns {string[]} */
function nodeApi() {
  const { symbols } = createRequire(import.meta.url)("node-api-headers");
  return [...symbols[nodeApiVersion].js_native_api_symbols, ...symbols[nodeApiVersion].node_api_symbols];
}

/** Those of the C and C++ libraries that this process itself has loaded; musl's have no versions to know them by. */
async function systemSymbols() {
  const report = /** @type {{ sharedObjects: string[] }} */ (process.report.getReport());
  const libraries = report.sharedObjects.filter((file) =>
    /\/(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s|ld-linux[^/]*|ld-musl[^/]*)\.so[.\d]*$/.test(file),
  );
  const all = await Promise.all(libraries.map(async (file) => readElf(await readFile(file)).symbols));
  return all
    .flat()
    .filter(({ isDefined }) => isDefined)
    .map(({ name }) => name);
}

/** @param {string[]} files @param {string} [system] if no folder says it @throws SetupError with everything that is wrong */
export async function checkBinaries(files, system) {
  const problems = (
    await Promise.all(
      files.map(async (file) =>
        (await problemsOf(file, system)).map((problem) => `${path.relative(root, file)} ${problem}`),
      ),
    )
  ).flat();
  if (problems.length > 0) throw new SetupError(`These are not fit to be shipped:\n  ${problems.join("\n  ")}`);
}

async function shipped() {
  const folder = path.join(root, "prebuilds");
  const names = existsSync(folder) ? await readdir(folder, { recursive: true }) : [];
  return names.map((name) => path.join(folder, name)).filter((name) => /\.(node|so|dylib|dll)$/.test(name));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    const files = process.argv.length > 2 ? process.argv.slice(2).map((file) => path.resolve(file)) : await shipped();
    if (files.length === 0)
      throw new SetupError("There is nothing in prebuilds/: run `node scripts/package/prebuild.mjs`.");
    await checkBinaries(files);
    process.stdout.write(`${files.length} binaries are fit to be shipped\n`);
  });
}
