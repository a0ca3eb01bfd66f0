// GPUs, and the modules for them: packages of their own beside this one, loaded by the portable addon where they are
// installed and their driver works.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { packageFolder, packageVersion } from "../../package_folder.js";
import { noWindow } from "../../system/no_window.js";
import { describeAddon, loadAddon } from "./load_addon.js";
import type { NativeDevice, NativeDevices } from "./native.js";

/** Graphics processor that can hold layers of a model. */
export interface Gpu {
  /** ggml's own: `"CUDA0"`, `"Vulkan0"`, `"Metal"`. */
  readonly name: string;
  readonly description: string;
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

/** State of an installed GPU package. */
export interface GpuModule {
  /** `"@caduceus/cuda"` */
  readonly package: string;
  /** What to load. Missing where there is a problem. */
  readonly file?: string;
  /** Why it is left out, in words for people. */
  readonly problem?: string;
}

/** The first package that works is used: both would list the same GPUs twice. */
const backends = [
  {
    name: "cuda",
    needed: { "libcuda.so": "the driver of NVIDIA", libcublas: "cuBLAS 13, a part of NVIDIA's CUDA toolkit," },
  },
  { name: "vulkan", needed: { "libvulkan.so": "a driver for Vulkan" } },
] as const;

const probeTimeoutMs = 30_000;
let known: Promise<readonly GpuModule[]> | undefined;

/**
 * Looked at once in each thread.
 * @throws CaduceusError ADDON_NOT_FOUND where a package is there and the addon is not
 */
export function gpuModules(): Promise<readonly GpuModule[]> {
  known ??= findModules();
  return known;
}

/** Full paths for the addon. */
export async function gpuModuleFiles(): Promise<string[]> {
  return (await gpuModules()).flatMap(({ file }) => file ?? []);
}

/** What multiplies matrices on the processor. @throws CaduceusError ADDON_NOT_FOUND */
export async function matrixKernels(): Promise<string> {
  return (await loadAddon().devices(await gpuModuleFiles())).matrixKernels;
}

/** As they are now. @throws CaduceusError ADDON_NOT_FOUND */
export async function listGpus(): Promise<Gpu[]> {
  const { devices } = await loadAddon().devices(await gpuModuleFiles());
  return devices
    .filter(({ isGpu }) => isGpu)
    .map(({ name, description, memoryBytes, freeBytes }: NativeDevice) => ({
      name,
      description,
      memoryBytes,
      freeBytes,
    }));
}

async function findModules(): Promise<GpuModule[]> {
  const modules: GpuModule[] = [];
  for (const { name, needed } of backends) {
    const found = findModule(name);
    if (found === undefined) continue;
    const { problem, file } = found;
    const failure = problem ?? (file === undefined ? undefined : await probe(file));
    modules.push(failure === undefined ? found : { package: found.package, problem: explain(failure, needed) });
    if (failure === undefined) break;
  }
  return modules;
}

/** `needed`: what libraries that may be missing belong to. */
function explain(failure: string, needed: Readonly<Record<string, string>>): string {
  const missing = /(\S+\.so[.\d]*): cannot open shared object file/.exec(failure)?.[1];
  const owner = missing && Object.entries(needed).find(([library]) => missing.startsWith(library))?.[1];
  return owner ? `${owner} is not installed (${missing} is missing)` : failure;
}

const require = createRequire(import.meta.url);

function findModule(backend: string): GpuModule | undefined {
  const name = `@caduceus/${backend}`;
  let manifest: string;
  try {
    manifest = require.resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  const { version } = require(manifest) as { version: string };
  const own = packageVersion();
  if (version !== own)
    return { package: name, problem: `it is ${version} and caduceus is ${own}: install ${name}@${own}` };
  if (!loadAddon().takesModules)
    return {
      package: name,
      problem:
        "this addon was built from source, which takes no modules: build it with --cuda or --vulkan, or use the prebuilt one",
    };
  const machine = `${process.platform}-${process.arch}`;
  const file = path.join(
    path.dirname(manifest),
    "prebuilds",
    machine,
    process.platform === "win32" ? `caduceus-ggml-${backend}-${own}.dll` : `libcaduceus-ggml-${backend}-${own}.so`,
  );
  return existsSync(file) ? { package: name, file } : { package: name, problem: `it has nothing for ${machine}` };
}

/** Loads it in a process of its own: a broken driver may end that one. Undefined: it works here. */
async function probe(file: string): Promise<string | undefined> {
  const { fork } = await import("node:child_process");
  const program = path.join(packageFolder, "dist/engine/addon/probe_gpu.js");
  const child = fork(program, [describeAddon().file, file], {
    silent: true,
    execArgv: [],
    timeout: probeTimeoutMs,
    killSignal: "SIGKILL",
    ...noWindow,
  });
  let output = "";
  child.stdout?.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr?.resume();
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.on("error", () => resolve([1, null]));
    child.on("close", (...how) => resolve(how));
  });
  if (child.killed) return `its driver did not answer within ${probeTimeoutMs / 1000} s`;
  if (signal !== null || code !== 0 || output === "")
    return `its driver ended a process that tried it (${signal ?? `exit code ${code}`})`;
  const { devices, failures } = JSON.parse(output) as NativeDevices;
  if (failures[0] !== undefined) return failures[0];
  return devices.some(({ isGpu }) => isGpu) ? undefined : "its driver knows no GPU";
}
