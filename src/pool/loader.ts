// What a pool does with the files of its models; tests replace it.
import { stat } from "node:fs/promises";
import { load } from "../chat/load.js";
import type { Model } from "../chat/model.js";
import { readModelName } from "../files/local/aliases.js";
import { resolveModel } from "../files/local/resolve_model.js";
import type { FetchProgress } from "../files/hub/download_events.js";
import { inspectModel, type ModelSummary } from "../model/inspection/inspect_model.js";
import { checkAdapters } from "../model/loading/adapters.js";
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
  inspect: async (source, { contextSize, cacheTokens, kvType, gpuLayers, draftModel }, signal, onProgress) => {
    for (const name of draftModel === undefined ? [source] : [source, draftModel])
      if (readModelName(name).kind !== "hub") await resolveModel(name, { signal, onProgress });
    return inspectModel(source, { contextSize, cacheTokens, kvType, gpuLayers, draftModel, signal });
  },
  fetch: async (source, signal, onProgress) => (await resolveModel(source, { signal, onProgress })).path,
  load,
};

/** What counts for a pool's limit. Adapters come and go while the model is loaded. */
export interface CountedMemory {
  readonly modelBytes: number;
  /** Of the adapters with which it is loaded. */
  readonly adapterBytes: number;
}

/** The most that it comes to hold: the host cache grows to its size while sequences are evicted to it. */
export async function memoryOf(
  { memory }: Pick<ModelSummary, "memory">,
  { hostCacheBytes, adapters }: LoadOptions,
): Promise<CountedMemory> {
  // Loading says best what is wrong with a file that is not there.
  const sizes = checkAdapters(adapters).map(({ path }) =>
    stat(path).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return {
    modelBytes: memory.totalBytes + (hostCacheBytes ?? memory.cacheBytes),
    adapterBytes: (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0),
  };
}
