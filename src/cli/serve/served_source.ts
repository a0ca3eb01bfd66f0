// What `serve` serves: a pool of models that are loaded here, or the model of another server.
import path from "node:path";
import type { LoadProgress, Model } from "../../index.js";
import type { HandlerOptions } from "../../server/index.js";
import { UsageError } from "../exit_codes.js";
import { connectUpstream } from "../flags/connect_upstream.js";
import { inspectFiles, makePool, readServedModels, type ServedModelsFlags } from "./served_models.js";

export interface ServedSource {
  readonly models: HandlerOptions["models"];
  readonly names: readonly string[];
  /** Those that are loaded at the start. */
  readonly loading: readonly string[];
  readonly isReady: boolean;
  ready(): Promise<void>;
  /** What is done beside serving. */
  inspect(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export async function openSource(
  flags: ServedModelsFlags,
  signal: AbortSignal,
  onProgress: (name: string) => (progress: LoadProgress) => void,
): Promise<ServedSource> {
  if (flags.upstream !== undefined) refuseLocal(flags);
  const upstream = await connectUpstream(flags, signal);
  if (upstream !== undefined) return ofServer(upstream);
  const served = await readServedModels(flags, signal);
  const pool = makePool(served, onProgress);
  return {
    models: pool,
    names: pool.names,
    get loading() {
      return pool
        .list()
        .filter(({ state }) => state !== "unloaded")
        .map(({ name }) => name);
    },
    get isReady() {
      return pool.isReady;
    },
    ready: () => pool.ready(),
    inspect: (stopping) => inspectFiles(pool, served, stopping),
    close: () => pool.close(),
  };
}

/** Under the name that it has there; of a file only that. */
function ofServer(model: Model): ServedSource {
  const name = path.posix.basename(model.info.path).replace(/\.gguf$/, "");
  return {
    models: { [name]: model },
    names: [name],
    loading: [],
    isReady: true,
    ready: async () => {},
    inspect: async () => {},
    close: () => model.close(),
  };
}

function refuseLocal(flags: ServedModelsFlags): void {
  const { model, modelsDir, config, loadOnStartup, keepAlive, maxMemory, modelsMax, cacheTokens, isolate } = flags;
  const local = [model, modelsDir, config, loadOnStartup, keepAlive, maxMemory, modelsMax, cacheTokens, isolate];
  if (local.some((value) => value !== undefined))
    throw new UsageError("--upstream cannot be combined with models that are loaded here.");
}
