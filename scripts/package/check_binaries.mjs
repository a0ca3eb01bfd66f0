// Checks what is shipped, by readelf: nothing newer than glibc 2.31 is asked for, all names are our own, nothing but Node's two
// entry points leaves the addon, and of Node nothing but Node-API is used.
//
//   node scripts/package/check_binaries.mjs [FILE …]    (default: all of prebuilds/linux-*)
import { readdir } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { command } from "../setup.mjs";
import { root } from "../setup/paths.mjs";
import { runLogged, SetupError } from "../setup/run_logged.mjs";

const newest = { GLIBC: [2, 31] };
const entryPoints = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];
/** Of the system, in both libcs. */
const systemLibraries = /^(lib(c|m|dl|pthread|rt)\.so\.\d+|ld-linux-[\w-]+\.so\.\d|libc\.so|libc\.musl-\w+\.so\.1|libvulkan\.so\.1|libcuda\.so\.1)$/;

/** @typedef {{ soname?: string, needed: string[], undefined: string[], exported: string[] }} Binary */

/** @param {string[]} files Files that are not ELF are left to their own systems. */
export async function checkBinaries(files) {
  /** @type {string[]} */
  const problems = [];
  for (const file of files) {
    if (!/\.(node|so)$/.test(file) || file.includes(`${path.sep}darwin-`)) continue;
    problems.push(...problemsOf(path.basename(file), await read(file)).map((problem) => `${path.relative(root, file)}: ${problem}`));
  }
  if (problems.length > 0) throw new SetupError(`What was built cannot be shipped:\n  ${problems.join("\n  ")}`);
}

/** @param {string} name @param {Binary} binary @returns {string[]} */
export function problemsOf(name, { soname, needed, undefined: wanted, exported }) {
  const problems = [];
  for (const symbol of wanted) {
    const [, library = "", version = ""] = /@(\w+?)_([\d.]+)$/.exec(symbol) ?? [];
    if (library === "") continue;
    const limit = /** @type {Record<string, number[]>} */ (newest)[library];
    if (limit === undefined) problems.push(`needs ${symbol}, of a library that is not part of every system`);
    else if (isNewer(version.split(".").map(Number), limit)) problems.push(`needs ${symbol}, which is newer than ${library} ${limit.join(".")}`);
  }
  for (const library of needed) {
    if (!systemLibraries.test(library) && !library.startsWith("libcaduceus-")) problems.push(`needs ${library}`);
  }
  if (name.endsWith(".node")) {
    const foreign = exported.filter((symbol) => !entryPoints.includes(symbol));
    if (foreign.length > 0) problems.push(`exports ${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? ` and ${foreign.length - 3} more` : ""}`);
    const ofNode = wanted.filter((symbol) => /^(_ZN?K?2v8|_ZN4node|uv_|node_module_register)/.test(symbol));
    if (ofNode.length > 0) problems.push(`uses ${ofNode.slice(0, 3).join(", ")} of Node, which is not Node-API`);
  } else {
    if (soname !== name) problems.push(`calls itself ${soname ?? "nothing"}`);
    // Any would be taken for another library's of that name.
    const foreign = exported.filter((symbol) => !/^(ggml|gguf|quantize|dequantize|iq[23]xs)/.test(symbol) && !/(ggml|gguf)/.test(symbol));
    if (foreign.length > 0) problems.push(`exports ${foreign.slice(0, 3).join(", ")}${foreign.length > 3 ? ` and ${foreign.length - 3} more` : ""}`);
  }
  return problems;
}

/** @param {number[]} version @param {number[]} limit */
function isNewer([major = 0, minor = 0], [limitMajor = 0, limitMinor = 0]) {
  return major > limitMajor || (major === limitMajor && minor > limitMinor);
}

/** @param {string} file @returns {Promise<Binary>} */
async function read(file) {
  const dynamic = await runLogged("binaries", "readelf", ["--dynamic", "--wide", file], { append: true });
  const symbols = await runLogged("binaries", "readelf", ["--dyn-syms", "--wide", file], { append: true });
  const all = [...symbols.matchAll(/^\s*\d+: \S+\s+\d+ \w+\s+(\w+)\s+\w+\s+(\S+) (\S+)/gm)].map(([, binding = "", section = "", name = ""]) => ({ binding, section, name: name.replace("@@", "@") }));
  return {
    soname: /\(SONAME\)\s+Library soname: \[(.*)\]/.exec(dynamic)?.[1],
    needed: [...dynamic.matchAll(/\(NEEDED\)\s+Shared library: \[(.*)\]/g)].map((match) => match[1] ?? ""),
    // Weak ones may be missing.
    undefined: all.filter(({ section, binding }) => section === "UND" && binding === "GLOBAL").map(({ name }) => name),
    exported: all.filter(({ section, binding }) => section !== "UND" && binding !== "LOCAL").map(({ name }) => name.replace(/@.*/, "")),
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    const files = process.argv.length > 2 ? process.argv.slice(2) : await shipped();
    if (files.length === 0) throw new SetupError("There is nothing in prebuilds/: run `node scripts/package/prebuild.mjs`.");
    await checkBinaries(files);
    process.stdout.write(`${files.length} binaries are fit to be shipped\n`);
  });
}

async function shipped() {
  const folder = path.join(root, "prebuilds");
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => name.startsWith("linux-")).map((name) => path.join(folder, name)).filter((name) => /\.(node|so)$/.test(name));
}
