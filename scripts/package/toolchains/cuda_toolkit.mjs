// CUDA's compiler and libraries: those that are installed (CUDA_PATH, or nvcc on the path), else on Linux NVIDIA's own
// packages from PyPI, put together in one folder of the cache.
import { cp, readdir, rm, symlink } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { SetupError } from "../../setup/run_logged.mjs";
import { cachedFolder } from "./cached_folder.mjs";
import { pipInstall } from "./pip_install.mjs";

const version = "13.0.2";

/**
 * @param {string | undefined} architectures as CMake takes them, such as "90" or "75-virtual;86-real"; undefined:
 * ggml's own choice
 * @param {(text: string) => void} report
 * @returns {Promise<string[]>} arguments of CMake
 */
export async function cudaArguments(architectures, report) {
  const toolkit = process.env.CUDA_PATH ?? (await fetchedToolkit(report));
  return [
    // Of several GPUs each has layers of its own, which takes neither; and without VMM the module loads where no driver
    // is.
    "-DGGML_CUDA_NCCL=OFF",
    "-DGGML_CUDA_NO_VMM=ON",
    ...(toolkit === undefined
      ? []
      : [
          `-DCUDAToolkit_ROOT=${toolkit}`,
          `-DCMAKE_CUDA_COMPILER=${path.join(toolkit, "bin", process.platform === "win32" ? "nvcc.exe" : "nvcc")}`,
        ]),
    ...(architectures === undefined ? [] : [`-DCMAKE_CUDA_ARCHITECTURES=${architectures}`]),
  ];
}

/** @param {(text: string) => void} report @returns {Promise<string | undefined>} undefined: on the path */
async function fetchedToolkit(report) {
  if (spawnSync("nvcc", ["--version"]).status === 0) return undefined;
  if (process.platform !== "linux")
    throw new SetupError(
      "Building for CUDA needs the CUDA toolkit 12.4 or newer: install it from https://developer.nvidia.com/cuda-downloads and set CUDA_PATH.",
    );
  return cachedFolder(`cuda-${version}`, path.join("bin", "nvcc"), async (next) => {
    report("fetching the CUDA toolkit");
    const packages = path.join(next, "packages");
    await pipInstall(`cuda-toolkit[nvcc,cudart,cccl,crt,nvvm,cublas,culibos]==${version}`, packages, {
      log: "cuda",
      what: "Fetching the CUDA toolkit",
    });
    // Each package has part of the one folder that CMake looks for.
    for (const part of await readdir(path.join(packages, "nvidia")))
      await cp(path.join(packages, "nvidia", part), next, { recursive: true, force: true });
    await rm(packages, { recursive: true });
    // Wheels have no symbolic links, by whose names libraries are linked with.
    for (const name of await readdir(path.join(next, "lib"))) {
      const linked = /^(lib\w+\.so)\.\d+$/.exec(name)?.[1];
      if (linked !== undefined) await symlink(name, path.join(next, "lib", linked)).catch(() => {});
    }
    await symlink("lib", path.join(next, "lib64")).catch(() => {});
  });
}
