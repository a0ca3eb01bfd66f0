// What this machine offers, what is wrong with it, and what helps: the facts behind `caduceus doctor`.
import { access, constants, mkdir, readFile, statfs } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { gpuModules, listGpus, matrixKernels } from "../../engine/addon/gpus.js";
import { rebuild } from "../../engine/addon/diagnose_addon.js";
import { describeAddon } from "../../engine/addon/load_addon.js";
import { CaduceusError, describeThrown } from "../../errors.js";
import { hubCacheFolder, readHubSettings } from "../../files/hub/hub_settings.js";
import { cacheFolder } from "../../files/local/cache_folder.js";
import { gibibytes } from "../../files/local/disk_space.js";
import { listModels } from "../../files/local/stored_models.js";
import { packageFolder } from "../../package_folder.js";
import { checkModelName } from "../../options/option_checks.js";
import { inspectModel, type InspectOptions, type ModelSummary } from "./inspect_model.js";
import { checkMemoryOptions } from "../loading/load_options.js";
import { machineMemory } from "./machine_memory.js";
import { whyNotFit } from "./memory_fit.js";

/** One thing that was looked at. */
export interface Finding {
  /** `"Node"`, `"Processor"`, `"Addon"`, …: one of each, but for models. */
  readonly subject: string;
  /** `warning`: it works, but not as well as it could. `problem`: something does not work. */
  readonly state: "ok" | "warning" | "problem";
  /** What was found, in words for people. */
  readonly detail: string;
  /** What helps. Missing where nothing has to. */
  readonly remedy?: string;
}

/** What `doctor` found. */
export interface DoctorReport {
  /** In the order in which they were looked for; the model last. */
  readonly findings: readonly Finding[];
  /** No finding is a problem. */
  readonly isHealthy: boolean;
  /** Of the model that was asked for, where it could be read. */
  readonly model?: ModelSummary;
}

/** Instructions that llama.cpp's kernels make use of, as Linux names them. */
const usedInstructions = [
  "sse4_2",
  "avx",
  "f16c",
  "fma",
  "avx2",
  "avx_vnni",
  "avx512f",
  "avx512_vnni",
  "avx512_bf16",
  "amx_int8",
  "asimd",
  "asimddp",
  "i8mm",
  "sve",
];
const littleDisk = 10 * 2 ** 30;
const mostModels = 20;

/**
 * Looks at Node, processor, addon, memory, disk and the settings of the hub, and whether a model fits: the one asked
 * for, by whatever name `load` takes, else those in Caduceus' folder. Never throws for what it finds. Only a model that
 * is not on this machine is asked for at the hub.
 */
export async function doctor(model?: string, options: InspectOptions = {}): Promise<DoctorReport> {
  const wanted = checkMemoryOptions(options, "doctor");
  const findings = [
    diagnoseNode(),
    await diagnoseProcessor(),
    await diagnoseAddon(),
    await diagnoseKernels(),
    await diagnoseGpu(),
    diagnoseMemory(),
    await diagnoseFolder(),
    await diagnoseHub(),
  ];
  if (model !== undefined) checkModelName(model);
  let summary: ModelSummary | undefined;
  if (model !== undefined) {
    const [finding, found] = await diagnoseModel(model, wanted);
    findings.push(finding);
    summary = found;
  } else {
    const own = (await listModels()).filter(({ state, source }) => state === "complete" && source === "caduceus");
    // Nobody asked for these: one that is too large is no fault of the machine.
    for (const { name, path } of own.slice(0, mostModels)) {
      const [finding] = await diagnoseModel(path, wanted);
      findings.push({
        ...finding,
        subject: `Model ${name}`,
        state: finding.state === "problem" ? "warning" : finding.state,
      });
    }
  }
  return {
    findings,
    isHealthy: findings.every(({ state }) => state !== "problem"),
    ...(summary === undefined ? {} : { model: summary }),
  };
}

function diagnoseNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const detail = `${process.versions.node} on ${process.platform}-${process.arch}`;
  if (major > 20 || (major === 20 && minor >= 19)) return { subject: "Node", state: "ok", detail };
  return { subject: "Node", state: "problem", detail, remedy: "install Node 20.19 or newer from https://nodejs.org" };
}

async function diagnoseProcessor(): Promise<Finding> {
  const name = cpus()[0]?.model.trim() || process.arch;
  const flags = /^(?:flags|Features)\s*:(.*)$/m
    .exec(await readFile("/proc/cpuinfo", "utf8").catch(() => ""))?.[1]
    ?.trim()
    .split(/\s+/);
  const found = flags && usedInstructions.filter((instruction) => flags.includes(instruction));
  const detail = `${name}, ${availableParallelism()} of ${cpus().length} logical cores for this process${found === undefined ? "" : `, ${found.join(" ") || "no vector instructions of use"}`}`;
  if (process.arch === "x64" && found !== undefined && !found.includes("avx2")) {
    return {
      subject: "Processor",
      state: "warning",
      detail,
      remedy: "without AVX2 models run several times slower: a small model, or another machine",
    };
  }
  return { subject: "Processor", state: "ok", detail };
}

async function diagnoseAddon(): Promise<Finding> {
  try {
    const { file, isPortable } = describeAddon();
    return {
      subject: "Addon",
      state: "ok",
      detail: `built for ${isPortable ? "any machine of this kind" : "the processor it was built on"} (${file})`,
    };
  } catch (error) {
    const { problem, remedy } = error as CaduceusError;
    // What building lacks matters to whoever has to build.
    const tools = remedy === rebuild ? await missingTools() : undefined;
    return {
      subject: "Addon",
      state: "problem",
      detail: problem,
      remedy: [tools, remedy].filter((one) => one !== undefined).join(" "),
    };
  }
}

async function diagnoseKernels(): Promise<Finding> {
  const subject = "Kernels";
  try {
    const name = await matrixKernels();
    if (name !== "ggml") return { subject, state: "ok", detail: name };
    const detail = "ggml's: prompts are read at half the speed or less of Caduceus' own";
    if (process.env.CADUCEUS_KERNELS === "ggml")
      return { subject, state: "warning", detail, remedy: "remove CADUCEUS_KERNELS=ggml from the environment" };
    return { subject, state: "ok", detail: `${detail}, which need AVX2, or NEON with dot product` };
  } catch {
    return { subject, state: "ok", detail: "unknown without the addon" };
  }
}

async function diagnoseGpu(): Promise<Finding> {
  try {
    const problems = (await gpuModules()).flatMap(({ package: name, problem }) =>
      problem === undefined ? [] : [`${name}: ${problem}`],
    );
    const gpus = (await listGpus()).map(
      ({ name, description, memoryBytes, freeBytes }) =>
        `${name} (${description}), ${gibibytes(freeBytes)} of ${gibibytes(memoryBytes)} free`,
    );
    const detail = [...gpus, ...problems].join("; ");
    if (gpus.length > 0) return { subject: "GPU", state: "ok", detail };
    if (problems.length === 0)
      return {
        subject: "GPU",
        state: "ok",
        detail: "none in use: models run on the processor (npm install @caduceus/cuda or @caduceus/vulkan adds one)",
      };
    return {
      subject: "GPU",
      state: "warning",
      detail: `${detail}. Models run on the processor`,
      remedy: "fix what it names, or remove the package",
    };
  } catch {
    return { subject: "GPU", state: "ok", detail: "unknown without the addon" };
  }
}

/** What building lacks, in the words of the package's own set-up. */
async function missingTools(): Promise<string | undefined> {
  try {
    const setup = (await import(pathToFileURL(path.join(packageFolder, "scripts/setup/check_tools.mjs")).href)) as {
      missingTools(tools: string[]): string | undefined;
    };
    return setup.missingTools(["compiler", "cmake", "rust"]);
  } catch {
    return undefined;
  }
}

function diagnoseMemory(): Finding {
  const { availableBytes, totalBytes } = machineMemory();
  return { subject: "Memory", state: "ok", detail: `${gibibytes(availableBytes)} of ${gibibytes(totalBytes)} free` };
}

async function diagnoseFolder(): Promise<Finding> {
  const folder = cacheFolder();
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    return {
      subject: "Model folder",
      state: "problem",
      detail: `${folder} cannot be written to (${(error as NodeJS.ErrnoException).code})`,
      remedy: "set CADUCEUS_CACHE to a folder that can",
    };
  }
  const { bavail, bsize } = await statfs(folder);
  const detail = `${folder}, ${gibibytes(bavail * bsize)} free`;
  if (bavail * bsize >= littleDisk) return { subject: "Model folder", state: "ok", detail };
  return {
    subject: "Model folder",
    state: "warning",
    detail,
    remedy: "remove models (caduceus list), or set CADUCEUS_CACHE to a folder on another disk",
  };
}

/** By its settings alone. */
async function diagnoseHub(): Promise<Finding> {
  try {
    const { endpoint, token, isOffline } = await readHubSettings();
    return {
      subject: "Hub",
      state: "ok",
      detail: `${isOffline ? "offline (HF_HUB_OFFLINE)" : endpoint}, ${token === undefined ? "without a token" : "with a token"}, cache ${hubCacheFolder()}`,
    };
  } catch (error) {
    return {
      subject: "Hub",
      state: "problem",
      detail: describeThrown(error),
      remedy: "set HF_ENDPOINT to an address, or unset it",
    };
  }
}

async function diagnoseModel(model: string, options: InspectOptions): Promise<[Finding, ModelSummary?]> {
  const subject = `Model ${model}`;
  try {
    const summary = await inspectModel(model, options);
    const { totalBytes, cacheTokens, weightsBytes, cacheBytes } = summary.memory;
    const detail = `needs about ${gibibytes(totalBytes)}: ${gibibytes(weightsBytes)} weights, ${gibibytes(cacheBytes)} for ${cacheTokens} cached tokens`;
    const memory = machineMemory();
    const problem = whyNotFit(summary.memory, memory);
    if (problem !== undefined) return [{ subject, state: "problem", detail, remedy: problem.remedy }, summary];
    if (totalBytes > memory.availableBytes)
      return [
        {
          subject,
          state: "warning",
          detail: `${detail}; that is nearly all there is`,
          remedy: "lower cacheTokens, or end other programs",
        },
        summary,
      ];
    return [{ subject, state: "ok", detail }, summary];
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    if (!(error instanceof CaduceusError)) return [{ subject, state: "problem", detail: describeThrown(error) }];
    return [
      {
        subject,
        state: "problem",
        detail: error.problem,
        ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
      },
    ];
  }
}
