// The options of a native build, from the command line and from the build before.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { addonFile } from "../setup/paths.mjs";
import { SetupError } from "../setup/run_logged.mjs";

/**
 * @typedef {object} BuildOptions
 * @property {boolean} [debug]
 * @property {string} [sanitize]
 * @property {boolean} [cuda]
 * @property {boolean} [vulkan]
 * @property {boolean} [metal]
 * @property {boolean} [portable] for any machine of this kind, not only this one: ggml in libraries beside the addon
 * @property {keyof typeof targets} [target] of a portable build, by zig; undefined: this machine's own system, by its
 * own compiler
 * @property {"cuda" | "vulkan"} [gpuModule] builds this module for the portable addon, instead of the addon
 * @property {string} [cudaArchitectures] for the module cuda
 * @property {boolean} [tests] also build the plain C++ tests
 * @property {boolean} [llamaTools] also build llama.cpp's own programs, to be measured against
 * @property {boolean} [llamaServer] also build its server and command line
 * @property {boolean} [addon] false leaves the addon out
 * @property {boolean} [install] false leaves the addon in its tree
 * @property {number} [jobs]
 */

/**
 * Those that zig builds for: its name of them, and Rust's. glibc 2.31 is that of Debian 11 and Ubuntu 20.04. For macOS
 * it has no Metal, so that what it makes is a check and is not shipped.
 */
export const targets = {
  "linux-x64-glibc": { zig: "x86_64-linux-gnu.2.31", rust: "x86_64-unknown-linux-gnu" },
  "linux-x64-musl": { zig: "x86_64-linux-musl", rust: "x86_64-unknown-linux-musl" },
  "linux-arm64-glibc": { zig: "aarch64-linux-gnu.2.31", rust: "aarch64-unknown-linux-gnu" },
  "linux-arm64-musl": { zig: "aarch64-linux-musl", rust: "aarch64-unknown-linux-musl" },
  "win32-x64": { zig: "x86_64-windows-gnu", rust: "x86_64-pc-windows-gnullvm" },
  "win32-arm64": { zig: "aarch64-windows-gnu", rust: "aarch64-pc-windows-gnullvm" },
  "darwin-x64": { zig: "x86_64-macos.13.0", rust: "x86_64-apple-darwin" },
  "darwin-arm64": { zig: "aarch64-macos.13.0", rust: "aarch64-apple-darwin" },
};

/** What the prebuilt addon for this machine's own system is built for. @returns {keyof typeof targets | undefined} */
export function ownTarget() {
  if (process.platform !== "linux") return undefined;
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  const libc = report.header.glibcVersionRuntime === undefined ? "musl" : "glibc";
  return /** @type {keyof typeof targets} */ (`linux-${process.arch}-${libc}`);
}

/** Options of the addon that is installed: a set-up without options keeps the GPU it was built for. */
export async function installedOptions() {
  /** @type {BuildOptions} */
  const none = {};
  return readFile(`${addonFile}.json`, "utf8").then(
    (text) => /** @type {BuildOptions} */ (JSON.parse(text).options ?? none),
    () => none,
  );
}

/** Whether the library looks for what is built with these. @param {BuildOptions} options */
export const isInstallable = (options) =>
  options.install !== false &&
  !options.debug &&
  !options.sanitize &&
  options.target === undefined &&
  options.gpuModule === undefined;

/** @param {string[]} args @returns {Promise<BuildOptions & { force?: boolean, printTree?: boolean }>} */
export async function parseBuildArguments(args) {
  const flag = /** @type {const} */ ({ type: "boolean" });
  const text = /** @type {const} */ ({ type: "string" });
  const { values } = readFlags({
    args,
    options: {
      debug: flag,
      sanitize: text,
      cuda: flag,
      vulkan: flag,
      metal: flag,
      cpu: flag,
      portable: flag,
      target: text,
      "gpu-module": text,
      tests: flag,
      "llama-tools": flag,
      "llama-server": flag,
      addon: text,
      jobs: text,
      force: flag,
      "print-tree": flag,
    },
  });
  if (values.sanitize !== undefined && !/^(address|undefined|address,undefined|thread)$/.test(values.sanitize)) {
    throw new SetupError(
      `Invalid value for --sanitize: ${values.sanitize}. Expected address, undefined, address,undefined or thread.`,
    );
  }
  if (values.target !== undefined && !Object.hasOwn(targets, values.target))
    throw new SetupError(
      `Invalid value for --target: ${values.target}. Expected one of ${Object.keys(targets).join(", ")}.`,
    );
  if (values["gpu-module"] !== undefined && !/^(cuda|vulkan)$/.test(values["gpu-module"]))
    throw new SetupError(`Invalid value for --gpu-module: ${values["gpu-module"]}. Expected cuda or vulkan.`);
  if ((values.target !== undefined || values["gpu-module"] !== undefined) && !values.portable)
    throw new SetupError("--target and --gpu-module need --portable.");
  if (values.jobs !== undefined && !/^[1-9]\d*$/.test(values.jobs)) {
    throw new SetupError(`Invalid value for --jobs: ${values.jobs}. Expected a whole number of at least 1.`);
  }
  const kept = values.cpu || values.debug || values.sanitize || values.target ? {} : await installedOptions();
  const { debug, sanitize, cuda, vulkan, metal, portable, target, "gpu-module": gpuModule, tests, force } = values;
  /** @type {BuildOptions & { force?: boolean, printTree?: boolean }} */
  const options = { ...kept };
  Object.assign(
    options,
    Object.fromEntries(
      Object.entries({ debug, sanitize, cuda, vulkan, metal, portable, target, gpuModule, tests, force }).filter(
        ([, value]) => value !== undefined,
      ),
    ),
  );
  if (values["llama-tools"]) options.llamaTools = true;
  if (values["llama-server"]) options.llamaServer = true;
  if (values["print-tree"]) options.printTree = true;
  if (values.addon === "no") options.addon = false;
  if (values.jobs !== undefined) options.jobs = Number(values.jobs);
  return options;
}

/** As `parseArgs`; what is wrong with the flags is said in one sentence. @type {typeof parseArgs} */
function readFlags(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new SetupError(/** @type {Error} */ (error).message);
  }
}
