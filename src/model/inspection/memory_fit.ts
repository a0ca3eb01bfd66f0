// Whether a model fits into memory, asked before a byte of its weights is read: weights are not mapped, so what does
// not fit would be killed by the system, or swap for ever.
import { stat } from "node:fs/promises";
import type { Gpu } from "../../engine/addon/gpus.js";
import type { EngineOptions } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import { gibibytes } from "../../files/local/disk_space.js";
import { filesOf } from "../../files/local/resolve_model.js";
import { withGpuLayers, type WantedMemoryOptions } from "./gpu_fit.js";
import { readLocalHeader, type GgufHeader } from "./gguf_header.js";
import { machineMemory, type MachineMemory } from "./machine_memory.js";
import { memoryNeed, shapeOf, withDraft, type MemoryNeed, type MemoryOptions } from "./memory_need.js";

/**
 * Gives the options with the layers that will be on GPUs, and those of the draft model, which has them first.
 * @throws CaduceusError OUT_OF_MEMORY. A header that cannot be read passes: the engine says what is wrong with it.
 */
export async function fitMemory<Options extends WantedMemoryOptions>(
  file: string,
  options: Options,
  { draftFile, listGpus, signal }: FitSettings,
): Promise<Options & MemoryOptions & Pick<EngineOptions, "draft">> {
  let fitted: (Options & MemoryOptions & Pick<EngineOptions, "draft">) | undefined;
  let need: MemoryNeed;
  try {
    const header = await readLocalHeader(file, signal);
    const bytes = await fileBytes(file);
    const draft = draftFile === undefined ? undefined : await fitDraft(draftFile, header, bytes, options, listGpus);
    const free = async () => without(await listGpus(), draft?.gpuBytes ?? 0);
    fitted = { ...(await withGpuLayers(header, bytes, options, free)), ...(draft && { draft: draft.engine }) };
    // Refused by the engine, for a better reason.
    if (options.contextSize !== undefined && options.contextSize > shapeOf(header).trained) return fitted;
    need = memoryNeed(header, bytes, fitted);
    if (draft !== undefined) need = withDraft(need, draft.need);
  } catch {
    return fitted ?? { ...options, gpuLayers: 0, ...(draftFile && { draft: { path: draftFile, gpuLayers: 0 } }) };
  }
  const problem = whyNotFit(need, machineMemory());
  if (problem !== undefined)
    throw new CaduceusError("OUT_OF_MEMORY", `${file} ${problem.problem}.`, { remedy: problem.remedy });
  return fitted;
}

interface FitSettings {
  /** Of a draft model. */
  readonly draftFile?: string | undefined;
  readonly listGpus: () => Promise<readonly Gpu[]>;
  readonly signal?: AbortSignal | undefined;
}

/** A draft model is on GPUs as far as it fits, unless the model shall not be. */
async function fitDraft(
  draftFile: string,
  header: GgufHeader,
  bytes: number,
  options: WantedMemoryOptions,
  listGpus: FitSettings["listGpus"],
) {
  const { cacheTokens } = memoryNeed(header, bytes, { ...options, gpuLayers: 0 });
  const own = await readLocalHeader(draftFile);
  const ownBytes = await fileBytes(draftFile);
  const gpuLayers = options.gpuLayers === 0 ? 0 : ("auto" as const);
  const wanted = { contextSize: undefined, cacheTokens, kvType: options.kvType, gpuLayers };
  const fitted = await withGpuLayers(own, ownBytes, wanted, listGpus);
  const need = memoryNeed(own, ownBytes, fitted);
  const all = memoryNeed(own, ownBytes, { ...fitted, gpuLayers: 0 });
  return {
    engine: { path: draftFile, gpuLayers: fitted.gpuLayers },
    need,
    gpuBytes: all.weightsBytes + all.cacheBytes - need.weightsBytes - need.cacheBytes,
  };
}

/** Those GPUs when so many bytes are taken of the emptiest ones. */
function without(gpus: readonly Gpu[], bytes: number): Gpu[] {
  let left = bytes;
  return [...gpus]
    .sort((a, b) => b.freeBytes - a.freeBytes)
    .map((gpu) => {
      const taken = Math.min(left, gpu.freeBytes);
      left -= taken;
      return { ...gpu, freeBytes: gpu.freeBytes - taken };
    });
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
  { weightsBytes, cacheBytes, cacheTokens, cacheBytesPerToken, draftBytes = 0 }: MemoryNeed,
  { availableBytes }: Pick<MachineMemory, "availableBytes">,
): { readonly problem: string; readonly remedy: string } | undefined {
  if (weightsBytes + cacheBytes + draftBytes <= availableBytes) return undefined;
  const drafting = draftBytes === 0 ? "" : `, and ${gibibytes(draftBytes)} for its draft model`;
  const problem = `needs ${gibibytes(weightsBytes)} for its weights and ${gibibytes(cacheBytes)} for a cache of ${cacheTokens} tokens${drafting}, but ${gibibytes(availableBytes)} are free`;
  const room = availableBytes - weightsBytes - draftBytes;
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
