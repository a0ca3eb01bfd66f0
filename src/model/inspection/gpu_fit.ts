// How many layers fit on the GPUs there are, counted before anything is loaded.
import type { Gpu } from "../../engine/addon/gpus.js";
import type { GgufHeader } from "./gguf_header.js";
import { memoryNeed, shapeOf, type MemoryOptions } from "./memory_need.js";

/** As people ask: `"auto"` is as many as fit. */
export type WantedMemoryOptions = Omit<MemoryOptions, "gpuLayers"> & { readonly gpuLayers: number | "auto" };

/** Left free on each: the driver's own, the screen's, and what the estimate of the room to compute in misses. */
const reserveBytes = 512 * 2 ** 20;

/** With the layers that will be on GPUs: none where there is none. */
export async function withGpuLayers<Options extends WantedMemoryOptions>(
  header: GgufHeader,
  fileBytes: number,
  options: Options,
  listGpus: () => Promise<readonly Gpu[]>,
): Promise<Options & MemoryOptions> {
  if (options.gpuLayers === 0) return { ...options, gpuLayers: 0 };
  let gpus: readonly Gpu[];
  try {
    gpus = await listGpus();
  } catch {
    // Without an addon there is nothing to load with, but sizes can still be told.
    gpus = [];
  }
  if (gpus.length === 0) return { ...options, gpuLayers: 0 };
  return {
    ...options,
    gpuLayers: options.gpuLayers === "auto" ? layersThatFit(header, fileBytes, options, gpus) : options.gpuLayers,
  };
}

/** One more than the model has when all of it fits: the output, which counts as a layer, too. */
export function layersThatFit(
  header: GgufHeader,
  fileBytes: number,
  options: Omit<MemoryOptions, "gpuLayers">,
  gpus: readonly Pick<Gpu, "freeBytes">[],
): number {
  const { layers } = shapeOf(header);
  if (layers === 0) return 0;
  const { weightsBytes, cacheBytes, computeBytes } = memoryNeed(header, fileBytes, { ...options, gpuLayers: 0 });
  const room = gpus.reduce((sum, { freeBytes }) => sum + Math.max(0, freeBytes - reserveBytes - computeBytes), 0);
  if (weightsBytes + cacheBytes <= room) return layers + 1;
  return Math.min(layers, Math.floor(room / ((weightsBytes + cacheBytes) / layers)));
}
