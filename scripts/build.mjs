// Builds the addon from source with CMake, driven by cmake-js. Incremental: nothing changed costs a few milliseconds.
//
//   node scripts/build.mjs [--debug] [--sanitize=address,undefined|thread] [--cuda] [--vulkan] [--metal]
//                          [--portable [--target=linux-x64-glibc|…] [--gpu-module=cuda|vulkan]] [--tests]
//                          [--llama-tools] [--llama-server] [--addon=no] [--jobs=N] [--force] [--print-tree]
//
// Plain builds land in build/Release/caduceus.node, where the library looks, and their GPU options stay for later
// set-ups (`--cpu` goes back). Debug and sanitizer builds stay in their tree; CADUCEUS_PREBUILD=<tree> makes the
// library load them.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { fingerprint, toolsFingerprint } from "./setup/fingerprint.mjs";
import { addonFile, nativeTrees, root } from "./setup/paths.mjs";
import { withLock } from "./setup/lock.mjs";
import { showProgress } from "./setup/progress.mjs";
import { runLogged, SetupError } from "./setup/run_logged.mjs";
import { vendoredCrates, vendoredTools } from "./setup/vendored.mjs";

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
 * @property {number} [jobs]
 */

/** Those that zig builds for: its name of them, and Rust's. glibc 2.31 is that of Debian 11 and Ubuntu 20.04. */
export const targets = {
  "linux-x64-glibc": { zig: "x86_64-linux-gnu.2.31", rust: "x86_64-unknown-linux-gnu" },
  "linux-x64-musl": { zig: "x86_64-linux-musl", rust: "x86_64-unknown-linux-musl" },
  "linux-arm64-glibc": { zig: "aarch64-linux-gnu.2.31", rust: "aarch64-unknown-linux-gnu" },
  "linux-arm64-musl": { zig: "aarch64-linux-musl", rust: "aarch64-unknown-linux-musl" },
};

/** What decides a tree: other options get another tree, since CMake keeps the first ones it was given. */
function treeOptions(/** @type {BuildOptions} */ options) {
  return {
    type: options.debug ? "Debug" : options.sanitize ? "RelWithDebInfo" : "Release",
    sanitize: options.sanitize ?? "",
    cuda: options.cuda === true,
    vulkan: options.vulkan === true,
    // Metal is part of every Apple machine that is still sold.
    metal: options.metal ?? (process.platform === "darwin" && process.arch === "arm64"),
    portable: options.portable === true,
    target: options.target ?? "",
    gpuModule: options.gpuModule ?? "",
    cudaArchitectures: options.cudaArchitectures ?? "",
  };
}

/** The folder of the build with these options. @param {BuildOptions} options */
export async function treeFolder(options) {
  const chosen = treeOptions(options);
  const machine = chosen.portable ? "" : await instructionSet();
  const hash = createHash("sha256")
    .update(JSON.stringify([chosen, root, process.platform, process.arch, machine]))
    .digest("hex");
  const name = [
    chosen.type.toLowerCase(),
    chosen.sanitize.replace(",", "-"),
    chosen.cuda && "cuda",
    chosen.vulkan && "vulkan",
    chosen.target || (chosen.portable && "portable"),
    chosen.gpuModule,
  ].filter(Boolean);
  return path.join(nativeTrees, `${name.join("-")}-${hash.slice(0, 8)}`);
}

/** A tree tuned to one machine crashes on a lesser one, and folders do get copied. */
async function instructionSet() {
  const info = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  return /^(?:flags|Features)\s*:(.*)$/m.exec(info)?.[1]?.trim() ?? cpus()[0]?.model ?? "";
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

/** True when a build with these options would change nothing. @param {BuildOptions} options */
export async function isBuilt(options) {
  const tree = await treeFolder(options);
  const wanted = await fingerprint(false);
  const have = await readFile(path.join(tree, "caduceus-built.json"), "utf8").then(JSON.parse, () => ({}));
  if (
    options.addon !== false &&
    options.gpuModule === undefined &&
    (have.caduceus !== wanted || !(await exists(treeAddon(tree))))
  )
    return false;
  if (options.tests && have.caduceus_tests !== (await fingerprint(true))) return false;
  if (options.llamaTools && have.caduceus_llama_tools !== (await toolsFingerprint())) return false;
  if (options.llamaServer && have.caduceus_llama_server !== (await toolsFingerprint())) return false;
  // A module, or without any target the engine alone: CMake knows what of them is current.
  if (options.gpuModule !== undefined) return false;
  if (options.addon === false)
    return options.tests === true || options.llamaTools === true || options.llamaServer === true;
  if (!isInstallable(options)) return true;
  const installed = await readFile(`${addonFile}.json`, "utf8").then(JSON.parse, () => ({}));
  return installed.tree === path.basename(tree) && installed.fingerprint === wanted && exists(addonFile);
}

/** @param {string} tree */
export const treeAddon = (tree) => path.join(tree, "build", "Release", "caduceus.node");

/**
 * Builds what is out of date.
 * @param {BuildOptions} options
 * @param {(text: string) => void} [report]
 * @returns {Promise<string>} the tree
 */
export async function build(options, report = () => {}) {
  const tree = await treeFolder(options);
  return withLock(`build of ${path.basename(tree)}`, async () => {
    if (!(await isBuilt(options))) await buildTree(options, tree, report);
    return tree;
  });
}

/** @param {BuildOptions} options @param {string} tree @param {(text: string) => void} report */
async function buildTree(options, tree, report) {
  const chosen = treeOptions(options);
  // Taken before building: a file that changes meanwhile makes the next build run.
  const marks = {
    caduceus: await fingerprint(false),
    caduceus_tests: await fingerprint(true),
    caduceus_llama_tools: await toolsFingerprint(),
    caduceus_llama_server: await toolsFingerprint(),
    caduceus_engine: "",
    "ggml-cuda": "",
    "ggml-vulkan": "",
  };
  await mkdir(tree, { recursive: true });
  /** @type {Array<keyof typeof marks>} */
  const goals = options.addon === false || options.gpuModule !== undefined ? [] : ["caduceus"];
  if (options.tests) goals.push("caduceus_tests");
  if (options.llamaTools) goals.push("caduceus_llama_tools");
  if (options.llamaServer) goals.push("caduceus_llama_server");
  // What CMake knows to be current costs little.
  if (goals.length === 0) goals.push(options.gpuModule === undefined ? "caduceus_engine" : `ggml-${options.gpuModule}`);

  const cmakeJs = createRequire(path.join((await vendoredTools()) ?? root, "package.json")).resolve(
    "cmake-js/bin/cmake-js",
  );
  const theirs = options.llamaTools === true || options.llamaServer === true;
  const crates = await vendoredCrates();
  const onOff = (/** @type {boolean} */ value) => (value ? "ON" : "OFF");
  // `build`, never `compile`: that one deletes the whole tree after a compile error.
  const args = (/** @type {string} */ target) => [
    cmakeJs,
    "build",
    "-d",
    root,
    "-O",
    tree,
    "-B",
    chosen.type,
    "-T",
    target,
    "-p",
    String(options.jobs ?? defaultJobs()),
    ...(crates === undefined ? [] : [`--CDCADUCEUS_CRATES=${crates}`]),
    ...(chosen.sanitize ? [`--CDCADUCEUS_SANITIZE=${chosen.sanitize}`] : []),
    `--CDCADUCEUS_CUDA=${onOff(chosen.cuda)}`,
    `--CDCADUCEUS_VULKAN=${onOff(chosen.vulkan)}`,
    `--CDCADUCEUS_METAL=${onOff(chosen.metal)}`,
    `--CDCADUCEUS_PORTABLE=${onOff(chosen.portable)}`,
    `--CDCADUCEUS_LLAMA_TOOLS=${onOff(theirs)}`,
    ...more,
  ];
  const more = [
    ...(options.target === undefined ? [] : await crossArguments(options.target, report)),
    ...(options.gpuModule === undefined ? [] : await moduleArguments(options, report)),
  ].map((argument) => argument.replace(/^-D/, "--CD"));
  const log = path.basename(tree);
  let append = false;
  if (theirs && (await exists(path.join(tree, "CMakeCache.txt")))) {
    await runLogged(log, "cmake", ["-DCADUCEUS_LLAMA_TOOLS=ON", tree], { what: "CMake" });
    append = true;
  }
  // A configuration that failed leaves a cache, at which cmake-js would not configure again.
  const isConfigured = (
    await Promise.all(["build.ninja", "Makefile", "ALL_BUILD.vcxproj"].map((name) => exists(path.join(tree, name))))
  ).some(Boolean);
  if (!isConfigured) await rm(path.join(tree, "CMakeCache.txt"), { force: true });
  const built = await readFile(path.join(tree, "caduceus-built.json"), "utf8").then(JSON.parse, () => ({}));
  for (const goal of goals) {
    await runLogged(log, process.execPath, args(goal), {
      append,
      what: "The native build",
      onLine: (line) => {
        const step = /^\[\s*(\d+)\/(\d+)\]/.exec(line);
        const percent = step
          ? Math.floor((100 * Number(step[1])) / Number(step[2]))
          : Number(/^\[\s*(\d+)%\]/.exec(line)?.[1] ?? NaN);
        if (Number.isFinite(percent)) report(`${percent} %`);
      },
    });
    append = true;
    built[goal] = marks[goal];
  }
  await writeFile(path.join(tree, "caduceus-built.json"), JSON.stringify(built));
  if (options.addon !== false && isInstallable(options)) await install(tree, marks.caduceus, options);
}

/** @param {keyof typeof targets} target @param {(text: string) => void} report */
async function crossArguments(target, report) {
  const { zig } = await import("./package/zig.mjs");
  const names = targets[target];
  return [
    `-DCMAKE_TOOLCHAIN_FILE=${path.join(root, "cmake", "zig.toolchain.cmake")}`,
    `-DCADUCEUS_ZIG=${await zig(report)}`,
    `-DCADUCEUS_ZIG_TARGET=${names.zig}`,
    `-DCADUCEUS_RUST_TARGET=${names.rust}`,
    `-DCADUCEUS_LIBC=${target.split("-")[2]}`,
  ];
}

/** @param {BuildOptions} options @param {(text: string) => void} report */
async function moduleArguments({ gpuModule, cudaArchitectures }, report) {
  const { cudaArguments } = await import("./package/cuda_toolkit.mjs");
  const { vulkanArguments } = await import("./package/vulkan_sdk.mjs");
  return [
    `-DCADUCEUS_GPU_MODULE=${gpuModule}`,
    ...(gpuModule === "cuda" ? await cudaArguments(cudaArchitectures, report) : await vulkanArguments(report)),
  ];
}

/**
 * Moved into place in one step, so that a process that has the old file loaded keeps its own.
 * @param {string} from
 * @param {string} to
 */
export async function placeFile(from, to) {
  await copyFile(from, `${to}.${process.pid}`);
  await rename(`${to}.${process.pid}`, to);
}

async function install(/** @type {string} */ tree, /** @type {string} */ wanted, /** @type {BuildOptions} */ options) {
  await mkdir(path.dirname(addonFile), { recursive: true });
  // The libraries before the addon, which needs them; those of an earlier build after it.
  const folder = path.dirname(addonFile);
  const built = (await readdir(path.dirname(treeAddon(tree)))).filter(
    (name) => isShipped(name) && name !== path.basename(addonFile),
  );
  for (const name of [...built, path.basename(addonFile)]) {
    await placeFile(path.join(path.dirname(treeAddon(tree)), name), path.join(folder, name));
  }
  for (const name of await readdir(folder)) {
    if (isShipped(name) && !name.endsWith(".node") && !built.includes(name)) await rm(path.join(folder, name));
  }
  const { cuda, vulkan, metal, portable } = options;
  await writeFile(
    `${addonFile}.json`,
    JSON.stringify({ tree: path.basename(tree), fingerprint: wanted, options: { cuda, vulkan, metal, portable } }),
  );
}

const isInstallable = (/** @type {BuildOptions} */ options) =>
  !options.debug && !options.sanitize && options.target === undefined && options.gpuModule === undefined;

/** The addon, and libraries that belong to it. @param {string} name */
export const isShipped = (name) => /\.(node|so|dylib|dll)$/.test(name);

/** Of those, what is for musl: it lies in one folder with what is for glibc. @param {string} name */
export const isForMusl = (name) => /[.-]musl\./.test(name);

/** Each compiler of llama.cpp's larger files takes up to 1.5 GB. */
const defaultJobs = () => Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 1.5e9)));

/** @param {string} file @returns {Promise<boolean>} */
function exists(file) {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** @param {string[]} args @returns {Promise<BuildOptions & { force?: boolean, printTree?: boolean }>} */
export async function parseBuildArguments(args) {
  const flag = /** @type {const} */ ({ type: "boolean" });
  const text = /** @type {const} */ ({ type: "string" });
  const { values } = parseArgs({
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
      `Expected address, undefined, address,undefined or thread for --sanitize but received ${values.sanitize}.`,
    );
  }
  if (values.target !== undefined && !Object.hasOwn(targets, values.target))
    throw new SetupError(
      `Expected one of ${Object.keys(targets).join(", ")} for --target but received ${values.target}.`,
    );
  if (values["gpu-module"] !== undefined && !/^(cuda|vulkan)$/.test(values["gpu-module"]))
    throw new SetupError(`Expected cuda or vulkan for --gpu-module but received ${values["gpu-module"]}.`);
  if ((values.target !== undefined || values["gpu-module"] !== undefined) && !values.portable)
    throw new SetupError("--target and --gpu-module need --portable.");
  if (values.jobs !== undefined && !/^[1-9]\d*$/.test(values.jobs)) {
    throw new SetupError(`Expected a whole number of at least 1 for --jobs but received ${values.jobs}.`);
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

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const options = await parseBuildArguments(process.argv.slice(2));
    if (options.printTree) {
      process.stdout.write(`${await treeFolder(options)}\n`);
    } else {
      if (options.force) await rm(await treeFolder(options), { recursive: true, force: true });
      if (!(await isBuilt(options))) {
        // An installed package keeps none of it after its build.
        const source = await import("./fetch_llama_cpp.mjs");
        if (!(await source.isCurrent())) await showProgress("llama.cpp source", source.fetchLlamaCpp);
        await showProgress("native build", (report) => build(options, report));
      }
      process.stderr.write(`built in ${path.relative(root, await treeFolder(options))}\n`);
    }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
