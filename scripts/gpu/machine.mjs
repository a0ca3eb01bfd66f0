// What a machine has for GPUs: the driver, the GPUs it knows, and what building for CUDA needs. Asks programs and looks
// into the usual folders; needs no package and changes nothing.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

/**
 * @typedef {object} Gpu
 * @property {string} name
 * @property {string | undefined} architecture as CMake takes it, such as "90"
 * @property {number | undefined} memoryBytes
 *
 * @typedef {object} Machine
 * @property {Gpu[]} gpus of NVIDIA
 * @property {string | undefined} driver its version
 * @property {string[]} libraryFolders where what the loader does not find by itself lies
 * @property {string | undefined} toolkit folder of a CUDA toolkit that can build
 * @property {string[]} missing for CUDA to run here, each with its remedy
 * @property {string[]} missingToBuild for the module to be built here, likewise
 */

/** @returns {Machine} */
export function describeMachine() {
  const { gpus, driver } = askDriver();
  const driverFolder = folderOf("libcuda.so.1", [
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
    "/usr/lib/wsl/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
  ]);
  const toolkits = toolkitFolders();
  const blasFolder = folderOf("libcublas.so.13", [
    ...toolkits.flatMap((folder) => [path.join(folder, "lib64"), path.join(folder, "lib")]),
    ...pythonFolders(),
  ]);
  const missing = [];
  if (driverFolder === undefined)
    missing.push(
      "the driver of NVIDIA (libcuda.so.1): install driver 580 or newer, or set LD_LIBRARY_PATH to its folder",
    );
  else if (gpus.length === 0)
    missing.push("a GPU that nvidia-smi lists: look at what `nvidia-smi` says, and whether /dev/nvidia0 is there");
  if (driver !== undefined && Number.parseInt(driver, 10) < 580)
    missing.push(`driver 580 or newer (this one is ${driver}), which CUDA 13 needs`);
  if (blasFolder === undefined)
    missing.push(
      "cuBLAS 13 (libcublas.so.13): install the CUDA toolkit 13, or `python3 -m pip install nvidia-cublas`, or set LD_LIBRARY_PATH to its folder",
    );
  const { toolkit, problems } = usableToolkit(toolkits);
  const missingToBuild = [...problems];
  for (const [program, what] of /** @type {const} */ ([
    ["cmake", "CMake 3.21 or newer"],
    ["g++", "a C++20 compiler (g++)"],
  ]))
    if (output(program, ["--version"]) === undefined) missingToBuild.push(`${what}, on the path`);
  if (output("ninja", ["--version"]) === undefined && output("make", ["--version"]) === undefined)
    missingToBuild.push("ninja or make, on the path");
  return {
    gpus,
    driver,
    libraryFolders: [driverFolder, blasFolder].flatMap((folder) => folder || []),
    toolkit,
    missing,
    missingToBuild,
  };
}

/** Whether NVIDIA's hardware or driver is here at all. @param {Machine} machine */
export const hasNvidia = ({ gpus }) => gpus.length > 0 || existsSync("/dev/nvidia0") || existsSync("/dev/nvidiactl");

/** @returns {{ gpus: Gpu[], driver: string | undefined }} */
function askDriver() {
  const query = ["--query-gpu=name,compute_cap,memory.total,driver_version", "--format=csv,noheader,nounits"];
  for (const program of [
    "nvidia-smi",
    "/usr/local/nvidia/bin/nvidia-smi",
    "/usr/bin/nvidia-smi",
    "/usr/lib/wsl/lib/nvidia-smi",
  ]) {
    const lines = output(program, query)?.trim().split("\n");
    if (lines === undefined || lines[0] === "") continue;
    const rows = lines.map((line) => line.split(",").map((field) => field.trim()));
    return {
      gpus: rows.map(([name = "", capability = "", mebibytes = ""]) => ({
        name,
        architecture: /^\d+\.\d+$/.test(capability) ? capability.replace(".", "") : undefined,
        memoryBytes: /^\d+$/.test(mebibytes) ? Number(mebibytes) * 2 ** 20 : undefined,
      })),
      driver: rows[0][3],
    };
  }
  return { gpus: [], driver: undefined };
}

/** "" where the loader finds it by itself, undefined where it is nowhere. @param {string} library @param {string[]} places */
function folderOf(library, places) {
  const known = ["ldconfig", "/sbin/ldconfig"].some((program) => output(program, ["-p"])?.includes(`${library} `));
  const given = (process.env.LD_LIBRARY_PATH ?? "").split(":").filter((folder) => folder !== "");
  if (known || given.some((folder) => existsSync(path.join(folder, library)))) return "";
  return places.find((folder) => existsSync(path.join(folder, library)));
}

/** Of CUDA, whether they can build or not. */
function toolkitFolders() {
  const named = [process.env.CUDA_PATH, process.env.CUDA_HOME, process.env.CUDAToolkit_ROOT];
  const onPath = (process.env.PATH ?? "")
    .split(":")
    .filter((folder) => folder !== "" && existsSync(path.join(folder, "nvcc")))
    .map((folder) => path.dirname(folder));
  const versions = list("/usr/local")
    .filter((name) => name.startsWith("cuda-"))
    .sort()
    .reverse();
  const usual = ["/usr/local/cuda", ...versions.map((name) => path.join("/usr/local", name)), "/opt/cuda"];
  const all = [...named, ...onPath, ...usual].filter((folder) => folder !== undefined && existsSync(folder));
  return /** @type {string[]} */ ([...new Set(all)]);
}

/** Where pip put NVIDIA's libraries. */
function pythonFolders() {
  const paths = output("python3", ["-c", "import sys; print('\\n'.join(sys.path))"])?.split("\n") ?? [];
  return paths
    .map((folder) => path.join(folder, "nvidia"))
    .flatMap((folder) => list(folder).map((name) => path.join(folder, name, "lib")));
}

/** @param {string[]} folders */
function usableToolkit(folders) {
  /** @type {string[]} */
  const problems = [];
  for (const folder of folders) {
    const version = /release (\d+)\.(\d+)/.exec(output(path.join(folder, "bin", "nvcc"), ["--version"]) ?? "");
    if (version === null) continue;
    if (Number(version[1]) < 13) {
      problems.push(
        `CUDA toolkit 13: the one in ${folder} is ${version[1]}.${version[2]}, and the package asks for cuBLAS 13`,
      );
      continue;
    }
    const hasHeaders = ["include", "targets/x86_64-linux/include", "targets/sbsa-linux/include"].some((place) =>
      existsSync(path.join(folder, place, "cublas_v2.h")),
    );
    if (hasHeaders) return { toolkit: folder, problems: [] };
    problems.push(
      `cuBLAS's headers (cublas_v2.h), which ${folder} lacks: install libcublas-dev-13-0 or the whole toolkit`,
    );
  }
  if (problems.length === 0) problems.push("nvcc of a CUDA toolkit 13: install it, or set CUDA_PATH to its folder");
  return { toolkit: undefined, problems };
}

/** @param {string} folder */
function list(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** What a program printed; undefined when it is missing or failed. @param {string} program @param {string[]} args */
function output(program, args) {
  const result = spawnSync(program, args, { encoding: "utf8", timeout: 20_000 });
  return result.status === 0 ? result.stdout : undefined;
}
