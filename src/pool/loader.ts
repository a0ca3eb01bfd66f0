// What a pool does with the files of its models; tests replace it.
import { load } from "../chat/load.js";
import type { Model } from "../chat/model.js";
import { readModelName, resolveModel } from "../files/index.js";
import type { FetchProgress } from "../files/hub/download_events.js";
import { inspectModel, type ModelSummary } from "../model/inspection/inspect_model.js";
import type { LoadOptions } from "../model/loading/load_options.js";

export interface Loader {
  /** From the header alone. What is no file of the hub is downloaded for it. */
  inspect(
    source: string,
    options: LoadOptions,
    signal: AbortSignal | undefined,
    onProgress?: (progress: FetchProgress) => void,
  ): Promise<ModelSummary>;
  /** The path of the file, which is downloaded where it is not here. */
  fetch(source: string, signal: AbortSignal, onProgress: (progress: FetchProgress) => void): Promise<string>;
  load(path: string, options: LoadOptions): Promise<Model>;
}

export const fileLoader: Loader = {
  inspect: async (source, { contextSize, cacheTokens, kvType, gpuLayers }, signal, onProgress) => {
    if (readModelName(source).kind !== "hub") await resolveModel(source, { signal, onProgress });
    return inspectModel(source, { contextSize, cacheTokens, kvType, gpuLayers, signal });
  },
  fetch: async (source, signal, onProgress) => (await resolveModel(source, { signal, onProgress })).path,
  load,
};

/** The most that it comes to hold: the host cache grows to its size while sequences are evicted to it. */
export function memoryOf({ memory }: Pick<ModelSummary, "memory">, { hostCacheBytes }: LoadOptions): number {
  return memory.totalBytes + (hostCacheBytes ?? memory.cacheBytes);
}
