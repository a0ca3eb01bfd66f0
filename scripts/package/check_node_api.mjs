// Does the addon ask its runtime for Node-API and nothing else? Then it runs in every version of Node, in Electron, Bun and Deno as it
// is. Symbols of V8, libuv or OpenSSL would tie it to one of them.
//
//   node scripts/package/check_node_api.mjs [FILE.node …]       without files: all of prebuilds/, and the addon of the checkout
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { command } from "../setup.mjs";
import { addonFile, root } from "../setup/paths.mjs";
import { SetupError } from "../setup/run_logged.mjs";
import { isElf, readElf } from "./elf.mjs";

/** What package.json promises (`binary.napi_versions`). */
const nodeApiVersion = "v8";

/**
 * Symbols that neither Node-API, nor the libraries beside the addon, nor the system's C and C++ libraries have.
 * @param {string} file of an addon for Linux @returns {Promise<string[]>}
 */
export async function foreignSymbols(file) {
  const bytes = await readFile(file);
  if (!isElf(bytes)) throw new SetupError(`Expected a 64-bit ELF file but ${path.relative(root, file)} is none: addons of other systems are not looked into.`);
  const { symbols, needed } = readElf(bytes);
  const known = new Set([...nodeApi(), ...(await systemSymbols())]);
  for (const name of needed) {
    const beside = path.join(path.dirname(file), name);
    if (!existsSync(beside)) continue;
    for (const { name, isDefined } of readElf(await readFile(beside)).symbols) if (isDefined) known.add(name);
  }
  return symbols.filter(({ name, isDefined, isWeak, hasVersion }) => !isDefined && !isWeak && !hasVersion && !known.has(name)).map(({ name }) => name);
}

/** Every function of the promised version of Node-API. @returns {string[]} */
function nodeApi() {
  const { symbols } = createRequire(import.meta.url)("node-api-headers");
  return [...symbols[nodeApiVersion].js_native_api_symbols, ...symbols[nodeApiVersion].node_api_symbols];
}

/** Those of the C and C++ libraries that this process itself has loaded; musl's have no versions to know them by. */
async function systemSymbols() {
  const report = /** @type {{ sharedObjects: string[] }} */ (process.report.getReport());
  const libraries = report.sharedObjects.filter((file) => /\/(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s|ld-linux[^/]*|ld-musl[^/]*)\.so[.\d]*$/.test(file));
  const all = await Promise.all(libraries.map(async (file) => readElf(await readFile(file)).symbols));
  return all.flat().filter(({ isDefined }) => isDefined).map(({ name }) => name);
}

async function allAddons() {
  const prebuilds = path.join(root, "prebuilds");
  const names = existsSync(prebuilds) ? await readdir(prebuilds, { recursive: true }) : [];
  const built = names.filter((name) => name.startsWith("linux-") && name.endsWith(".node")).map((name) => path.join(prebuilds, name));
  return existsSync(addonFile) && process.platform === "linux" ? [...built, addonFile] : built;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    const files = process.argv.length > 2 ? process.argv.slice(2).map((file) => path.resolve(file)) : await allAddons();
    if (files.length === 0) throw new SetupError("There is no addon to look at: run `npm run build` first.");
    /** @type {string[]} */
    const problems = [];
    for (const file of files) {
      const foreign = await foreignSymbols(file);
      if (foreign.length > 0) problems.push(`${path.relative(root, file)} asks for ${foreign.slice(0, 10).join(", ")}${foreign.length > 10 ? ` and ${foreign.length - 10} more` : ""}, which are no functions of Node-API ${nodeApiVersion}.`);
      else process.stdout.write(`${path.relative(root, file)}: Node-API only\n`);
    }
    if (problems.length > 0) throw new SetupError(problems.join("\n"));
  });
}
