// Whether a model fits into memory, asked before a byte of its weights is read: weights are not mapped, so what does
// not fit would be killed by the system, or swap for ever.
import { stat } from "node:fs/promises";
import type { Gpu } from "../../engine/addon/gpus.js";
import { CaduceusError } from "../../errors.js";
import { filesOf, gibibytes } from "../../files/index.js";
import { withGpuLayers, type WantedMemoryOptions } from "./gpu_fit.js";
import { readLocalHeader } from "./gguf_header.js";
import { machineMemory, type MachineMemory } from "./machine_memory.js";
import { memoryNeed, shapeOf, type MemoryNeed, type MemoryOptions } from "./memory_need.js";

/**
 * Gives the options with the layers that will be on GPUs.
 * @throws CaduceusError OUT_OF_MEMORY. A header that cannot be read passes: the engine says what is wrong with it.
 */
export async function fitMemory<Options extends WantedMemoryOptions>(
  file: string,
  options: Options,
  { listGpus, signal }: { readonly listGpus: () => Promise<readonly Gpu[]>; readonly signal?: AbortSignal | undefined },
): Promise<Options & MemoryOptions> {
  let fitted: (Options & MemoryOptions) | undefined;
  let need: MemoryNeed;
  try {
    const header = await readLocalHeader(file, signal);
    const bytes = await fileBytes(file);
    fitted = await withGpuLayers(header, bytes, options, listGpus);
    // Refused by the engine, for a better reason.
    if (options.contextSize !== undefined && options.contextSize > shapeOf(header).trained) return fitted;
    need = memoryNeed(header, bytes, fitted);
  } catch {
    return fitted ?? { ...options, gpuLayers: 0 };
  }
  const problem = whyNotFit(need, machineMemory());
  if (problem !== undefined)
    throw new CaduceusError("OUT_OF_MEMORY", `${file} ${problem.problem}.`, { remedy: problem.remedy });
  return fitted;
}

/** Of all files of a model. */
export async function fileBytes(file: string): Promise<number> {
  let bytes = 0;
  for (const part of await filesOf(file)) bytes += (await stat(part)).size;
  return bytes;
}

/**
 * What hinders it, as the end of a sentence that begins with the model's name, and what helps, as a sentence. What can
 * only be estimated does not count: it is never refused for that.
 */
export function whyNotFit(
  { weightsBytes, cacheBytes, cacheTokens, cacheBytesPerToken }: MemoryNeed,
  { availableBytes }: Pick<MachineMemory, "availableBytes">,
): { readonly problem: string; readonly remedy: string } | undefined {
  if (weightsBytes + cacheBytes <= availableBytes) return undefined;
  const problem = `needs ${gibibytes(weightsBytes)} for its weights and ${gibibytes(cacheBytes)} for a cache of ${cacheTokens} tokens, but ${gibibytes(availableBytes)} are free`;
  const room = availableBytes - weightsBytes;
  const fitting = cacheBytesPerToken === 0 ? 0 : Math.floor(room / cacheBytesPerToken / 256) * 256;
  if (fitting >= 512) {
    return {
      problem,
      remedy: `Set cacheTokens to at most ${fitting} (and contextSize no higher), or use kvType "q8_0" for half the memory of the cache.`,
    };
  }
  return {
    problem,
    remedy:
      "Take a smaller quantization or model, end other programs, or put layers on a GPU (gpuLayers) where there is one.",
  };
}
