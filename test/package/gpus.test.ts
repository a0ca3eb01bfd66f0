// Fear: a package for GPUs that is installed and does not work, and a process that ends by it.
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installedCopy, model, remove, runIn } from "./world.js";

const own = (JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as { version: string })
  .version;
let folder: string;
beforeEach(async () => void (folder = await installedCopy()));
afterEach(() => remove(folder));

/** Installs `@caduceus/<kind>` with a module compiled from this text. */
async function installModule(
  kind: "cuda" | "vulkan",
  source: string,
  { version = own, libraries = [] as readonly string[] } = {},
): Promise<void> {
  const place = path.join(folder, "node_modules/@caduceus", kind);
  const modules = path.join(place, "prebuilds", `linux-${process.arch}`);
  await mkdir(modules, { recursive: true });
  await writeFile(path.join(place, "package.json"), JSON.stringify({ name: `@caduceus/${kind}`, version }));
  await writeFile(path.join(place, "module.c"), source);
  const flags = libraries.map((name) => {
    // There to be linked with, and gone when it is needed.
    execFileSync("cc", ["-shared", "-x", "c", "/dev/null", "-o", path.join(place, name), `-Wl,-soname,${name}`]);
    return path.join(place, name);
  });
  execFileSync("cc", [
    "-shared",
    "-fPIC",
    path.join(place, "module.c"),
    "-o",
    path.join(modules, `libcaduceus-ggml-${kind}-${own}.so`),
    "-Wl,--no-as-needed",
    ...flags,
  ]);
}

async function findingOf(): Promise<{ state: string; detail: string }> {
  const { code, stdout, stderr } = await runIn(folder, process.execPath, ["gpu_finding.mjs", model], {
    timeoutMs: 100_000,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { finding, ...rest } = JSON.parse(stdout) as { finding: { state: string; detail: string } };
  expect(rest).toEqual({ tokens: 3, gpuLayers: 0, devices: ["CPU"] });
  return finding;
}

test("without a package models run on the processor, which is as it should be", async () => {
  expect(await findingOf()).toMatchObject({
    state: "ok",
    detail: expect.stringContaining("models run on the processor"),
  });
});

test.runIf(process.platform === "linux").each<[string, () => Promise<void>, RegExp]>([
  [
    "of another version",
    () => installModule("cuda", "", { version: "9.9.9" }),
    new RegExp(`@caduceus/cuda: it is 9\\.9\\.9 and caduceus is ${own}: install @caduceus/cuda@${own}`),
  ],
  [
    "whose driver is missing",
    () => installModule("cuda", "", { libraries: ["libcuda.so.1"] }),
    /@caduceus\/cuda: the driver of NVIDIA is not installed \(libcuda\.so\.1 is missing\)/,
  ],
  [
    "whose toolkit is missing",
    () => installModule("cuda", "", { libraries: ["libcublas.so.13"] }),
    /@caduceus\/cuda: cuBLAS 13, a part of NVIDIA's CUDA toolkit, is not installed \(libcublas\.so\.13 is missing\)/,
  ],
  [
    "that crashes",
    () => installModule("vulkan", "__attribute__((constructor)) void f(void) { *(volatile int*)0 = 1; }"),
    /@caduceus\/vulkan: its driver ended a process that tried it \(SIGSEGV\)/,
  ],
  [
    "that ends the process",
    () => installModule("vulkan", "#include <stdlib.h>\n__attribute__((constructor)) void f(void) { _Exit(7); }"),
    /its driver ended a process that tried it \(exit code 7\)/,
  ],
  [
    "that never comes back",
    () =>
      installModule("vulkan", "#include <unistd.h>\n__attribute__((constructor)) void f(void) { for (;;) pause(); }"),
    /its driver did not answer within 30 s/,
  ],
  [
    "that is something else",
    () => installModule("vulkan", "int f(void) { return 1; }"),
    /failed to find ggml_backend_init/,
  ],
])("a package %s costs a line, and not the process", async (_, install, words) => {
  await install();
  expect(await findingOf()).toMatchObject({
    state: "warning",
    detail: expect.stringMatching(words),
    remedy: expect.any(String),
  });
});

test.runIf(process.platform === "linux")("of two packages that do not work both are named", async () => {
  await installModule("cuda", "", { version: "9.9.9" });
  await installModule("vulkan", "int f(void) { return 1; }");
  expect((await findingOf()).detail).toMatch(/@caduceus\/cuda: .*; @caduceus\/vulkan: /);
});
