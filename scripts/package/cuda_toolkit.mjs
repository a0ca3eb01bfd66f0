// CUDA's compiler and libraries: those that are installed (CUDA_PATH, or nvcc on the path), else on Linux NVIDIA's own packages
// from PyPI, put together in one folder of the cache.
import { cp, mkdir, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { cacheFolder } from "../setup/paths.mjs";
import { withLock } from "../setup/lock.mjs";
import { runLogged, SetupError } from "../setup/run_logged.mjs";

const version = "13.0.2";

/**
 * @param {string | undefined} architectures as CMake takes them, such as "90" or "75-virtual;86-real"; undefined: ggml's own choice
 * @param {(text: string) => void} report
 * @returns {Promise<string[]>} arguments of CMake
 */
export async function cudaArguments(architectures, report) {
  const toolkit = process.env.CUDA_PATH ?? (await fetchedToolkit(report));
  return [
    // Of several GPUs each has layers of its own, which takes neither; and without VMM the module loads where no driver is.
    "-DGGML_CUDA_NCCL=OFF", "-DGGML_CUDA_NO_VMM=ON",
    ...(toolkit === undefined ? [] : [`-DCUDAToolkit_ROOT=${toolkit}`, `-DCMAKE_CUDA_COMPILER=${path.join(toolkit, "bin", process.platform === "win32" ? "nvcc.exe" : "nvcc")}`]),
    ...(architectures === undefined ? [] : [`-DCMAKE_CUDA_ARCHITECTURES=${architectures}`]),
  ];
}

/** @param {(text: string) => void} report @returns {Promise<string | undefined>} undefined: on the path */
async function fetchedToolkit(report) {
  if (spawnSync("nvcc", ["--version"]).status === 0) return undefined;
  if (process.platform !== "linux") throw new SetupError("Building for CUDA needs the CUDA toolkit 12.4 or newer: install it from https://developer.nvidia.com/cuda-downloads and set CUDA_PATH.");
  const folder = path.join(cacheFolder, `cuda-${version}`);
  await withLock("cuda", async () => {
    if (await stat(path.join(folder, "bin", "nvcc")).then(() => true, () => false)) return;
    report("fetching the CUDA toolkit");
    const next = `${folder}.${process.pid}`;
    try {
      await mkdir(next, { recursive: true });
      await runLogged("cuda", "python3", ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--target", path.join(next, "packages"), `cuda-toolkit[nvcc,cudart,cccl,crt,nvvm,cublas,culibos]==${version}`], { what: "Fetching the CUDA toolkit" });
      // Each package has part of the one folder that CMake looks for.
      const parts = path.join(next, "packages", "nvidia");
      for (const part of await readdir(parts)) await cp(path.join(parts, part), path.join(next, "toolkit"), { recursive: true, force: true });
      // Wheels have no symbolic links, by whose names libraries are linked with.
      for (const name of await readdir(path.join(next, "toolkit", "lib"))) {
        const linked = /^(lib\w+\.so)\.\d+$/.exec(name)?.[1];
        if (linked !== undefined) await symlink(name, path.join(next, "toolkit", "lib", linked)).catch(() => {});
      }
      await symlink("lib", path.join(next, "toolkit", "lib64")).catch(() => {});
      await rm(path.join(next, "packages"), { recursive: true });
      await rm(folder, { recursive: true, force: true });
      await rename(path.join(next, "toolkit"), folder);
    } finally {
      await rm(next, { recursive: true, force: true });
    }
  });
  return folder;
}
