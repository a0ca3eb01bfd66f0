// Builds the addon from source with CMake, driven by cmake-js. Incremental: nothing changed costs a few milliseconds.
//
//   node scripts/build.mjs [--debug] [--sanitize=address,undefined|thread] [--cuda] [--vulkan] [--metal]
//                          [--portable [--target=linux-x64-glibc|…] [--gpu-module=cuda|vulkan]] [--tests]
//                          [--llama-tools] [--llama-server] [--addon=no] [--jobs=N] [--force] [--print-tree]
//
// Plain builds land in build/Release/caduceus.node, where the library looks, and their GPU options stay for later
// set-ups (`--cpu` goes back). Debug and sanitizer builds stay in their tree; CADUCEUS_PREBUILD=<tree> makes the
// library load them.
import { createRequire } from "node:module";
import { availableParallelism, totalmem } from "node:os";
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { isInstallable, parseBuildArguments, targets } from "./build/build_options.mjs";
import { exists, isBuilt, treeAddon, treeFolder, treeOptions } from "./build/build_tree.mjs";
import { fingerprint, toolsFingerprint } from "./build/fingerprint.mjs";
import { addonFile, root } from "./setup/paths.mjs";
import { withLock } from "./setup/lock.mjs";
import { showProgress } from "./setup/progress.mjs";
import { runLogged, SetupError } from "./setup/run_logged.mjs";
import { vendoredCrates, vendoredTools } from "./setup/vendored.mjs";

/** @typedef {import("./build/build_options.mjs").BuildOptions} BuildOptions */

/** Each compiler of llama.cpp's larger files takes up to 1.5 GB. */
const defaultJobs = () => Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 1.5e9)));

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
  const { zig } = await import("./package/toolchains/zig.mjs");
  const names = targets[target];
  return [
    `-DCMAKE_TOOLCHAIN_FILE=${path.join(root, "cmake", "zig.toolchain.cmake")}`,
    `-DCADUCEUS_ZIG=${await zig(report)}`,
    `-DCADUCEUS_ZIG_TARGET=${names.zig}`,
    `-DCADUCEUS_RUST_TARGET=${names.rust}`,
    `-DCADUCEUS_LIBC=${target.split("-")[2] ?? ""}`,
  ];
}

/** @param {BuildOptions} options @param {(text: string) => void} report */
async function moduleArguments({ gpuModule, cudaArchitectures }, report) {
  const { cudaArguments } = await import("./package/toolchains/cuda_toolkit.mjs");
  const { vulkanArguments } = await import("./package/toolchains/vulkan_sdk.mjs");
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

/** The addon, and libraries that belong to it. @param {string} name */
export const isShipped = (name) => /\.(node|so|dylib|dll)$/.test(name);

/** Of those, what is for musl: it lies in one folder with what is for glibc. @param {string} name */
export const isForMusl = (name) => /[.-]musl\./.test(name);

/**
 * Builds as the flags say, and tells the tree.
 * @param {string[]} args
 */
export async function buildFromArguments(args) {
  const options = await parseBuildArguments(args);
  if (options.printTree) {
    process.stdout.write(`${await treeFolder(options)}\n`);
    return;
  }
  if (options.force) await rm(await treeFolder(options), { recursive: true, force: true });
  if (!(await isBuilt(options))) {
    // An installed package keeps none of it after its build.
    const source = await import("./fetch_llama_cpp.mjs");
    if (!(await source.isCurrent())) await showProgress("llama.cpp source", source.fetchLlamaCpp);
    await showProgress("native build", (report) => build(options, report));
  }
  process.stderr.write(`built in ${path.relative(root, await treeFolder(options))}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await buildFromArguments(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
