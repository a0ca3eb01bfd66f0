// What the GPU test finds on a machine, whose driver, GPUs and CUDA toolkit are made up, and what it says is missing.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

/** A real toolkit would be found as well. */
const isBare = process.platform === "linux" && !existsSync("/usr/local/cuda") && !existsSync("/opt/cuda");

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), "caduceus-machine-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text = "", mode = 0o755): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text, { mode });
}

const program = (output: string) => `#!/bin/sh\necho "${output}"\n`;

interface Machine {
  readonly gpus: readonly object[];
  readonly driver?: string;
  readonly libraryFolders: readonly string[];
  readonly toolkit?: string;
  readonly missing: readonly string[];
  readonly missingToBuild: readonly string[];
}

/** As it is seen with this folder's programs and libraries, and nothing else on the path. */
function machine(): Machine {
  const module = new URL("../../../scripts/gpu/machine.mjs", import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then((m) => console.log(JSON.stringify(m.describeMachine())))`;
  const env = { PATH: path.join(folder, "bin"), CUDA_PATH: path.join(folder, "cuda"), LD_LIBRARY_PATH: "" };
  return JSON.parse(execFileSync(process.execPath, ["-e", script], { env, encoding: "utf8" })) as Machine;
}

test.runIf(isBare)("a GPU, its architecture, and a toolkit that can build for it", () => {
  file("bin/nvidia-smi", program("NVIDIA H200, 9.0, 143771, 580.159.03"));
  for (const name of ["cmake", "g++", "ninja"]) file(`bin/${name}`, program("version 9"));
  file("cuda/bin/nvcc", program("Cuda compilation tools, release 13.0, V13.0.88"));
  file("cuda/include/cublas_v2.h");
  file("cuda/lib64/libcublas.so.13");
  expect(machine()).toMatchObject({
    gpus: [{ name: "NVIDIA H200", architecture: "90", memoryBytes: 143771 * 2 ** 20 }],
    driver: "580.159.03",
    libraryFolders: expect.arrayContaining([path.join(folder, "cuda/lib64")]),
    toolkit: path.join(folder, "cuda"),
    missingToBuild: [],
  });
});

test.runIf(isBare)("what is missing is said, each with a remedy", () => {
  file("bin/nvidia-smi", program("NVIDIA A100, 8.0, 40000, 535.1"));
  file("cuda/bin/nvcc", program("Cuda compilation tools, release 12.4, V12.4.1"));
  const { missing, missingToBuild, toolkit } = machine();
  expect(missing).toContainEqual("driver 580 or newer (this one is 535.1), which CUDA 13 needs");
  expect(missing).toContainEqual(expect.stringMatching(/^cuBLAS 13 \(libcublas\.so\.13\): install/));
  expect(toolkit).toBeUndefined();
  expect(missingToBuild).toEqual([
    expect.stringMatching(/^CUDA toolkit 13: the one in .* is 12\.4/),
    "CMake 3.21 or newer, on the path",
    "a C++20 compiler (g++), on the path",
    "ninja or make, on the path",
  ]);
});
