// Which models `serve` has: named by flags, found in a folder, or listed in a file, as one pool.
import { stat } from "node:fs/promises";
import path from "node:path";
import { findLocalModel, hasDefaultModel, listFolderModels, readModelName, resolveModel } from "../../files/index.js";
import {
  CaduceusError,
  ModelPool,
  type LoadOptions,
  type LoadProgress,
  type ModelPoolOptions,
  type PoolModelOptions,
} from "../../index.js";
import { UsageError } from "../exit_codes.js";
import type { ModelFlags } from "../flags/model_flags.js";
import { readLoadOptions } from "../flags/read_load_options.js";
import { expandHome } from "../../system/home_folder.js";
import { note } from "../output/terminal.js";
import { readSettings } from "../user_files.js";

export interface ServedModelsFlags extends Omit<ModelFlags, "model"> {
  readonly model?: string[];
  readonly modelsDir?: string;
  readonly config?: string;
  readonly loadOnStartup?: boolean;
  /** Milliseconds. */
  readonly keepAlive?: number | false;
  readonly maxMemory?: number;
  readonly modelsMax?: number;
  readonly cacheTokens?: number;
  readonly isolate?: boolean;
}

export interface ServedModels {
  /** All but the models. */
  readonly pool: Omit<ModelPoolOptions, "models">;
  /** By the names under which they are served; those of a file may be whatever stands there. */
  readonly models: ReadonlyMap<string, PoolModelOptions>;
  /** The file with the options of the pool. */
  readonly config: string | undefined;
}

export async function readServedModels(flags: ServedModelsFlags, signal: AbortSignal): Promise<ServedModels> {
  const { cacheTokens, isolate } = flags;
  const load = given({ ...(await readLoadOptions(flags, signal)), cacheTokens, isolate });
  checkLoadFlags(load);
  const { models: listed, ...pool } = flags.config === undefined ? {} : await readConfig(flags.config, signal);
  const isAlone = flags.model === undefined && flags.modelsDir === undefined && flags.config === undefined;
  const named = Object.entries(readModels(isAlone ? ["smollm2"] : (flags.model ?? [])));
  const found = flags.modelsDir === undefined ? [] : await readFolder(flags.modelsDir);
  const { draftModel } = load;
  const drafting: [string, string][] = draftModel === undefined ? [] : [[draftModel, draftModel]];
  await checkFiles([...named, ...drafting, ...Object.entries(listed ?? {}).flatMap(sourcesOf)], signal);
  const all: [string, PoolModelOptions][] = [...named, ...found].map(([name, model]) => [name, { ...load, model }]);
  for (const [name, own] of Object.entries(listed ?? {})) all.push([name, withDefaults(load, own)]);
  const names = all.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UsageError(`Expected models of different names but ${twice} is there twice. Give NAME=PATH.`);
  // A single one is what everybody wants; of several nobody knows which.
  const loadOnStartup = flags.loadOnStartup ?? (all.length === 1 ? true : undefined);
  return {
    pool: {
      ...pool,
      ...given({ keepAliveMs: flags.keepAlive, maxMemoryBytes: flags.maxMemory, maxModels: flags.modelsMax }),
    },
    models: new Map(all.map(([name, model]) => [name, { ...given({ loadOnStartup }), ...model }])),
    config: flags.config,
  };
}

/** `onProgress` makes what is called while a model is being fetched. */
export function makePool(
  { pool, models, config }: ServedModels,
  onProgress: (name: string) => (progress: LoadProgress) => void,
): ModelPool {
  const reporting = [...models].map(([name, model]) => [name, { ...model, onProgress: onProgress(name) }]);
  try {
    return new ModelPool({ ...pool, models: Object.fromEntries(reporting) });
  } catch (error) {
    if (config === undefined || !(error instanceof CaduceusError)) throw error;
    throw new UsageError(`${config}: ${error.message}`);
  }
}

/** Reads the headers of all files that are here, so that clients can be told of them, and says which cannot be used. */
export async function inspectFiles(pool: ModelPool, { models }: ServedModels, signal: AbortSignal): Promise<void> {
  for (const [name, { model }] of models) {
    if (signal.aborted) return;
    if (!(await isHere(model))) continue;
    await pool.inspect(name, { signal }).catch((error: unknown) => {
      if (!signal.aborted) note(`caduceus: ${name} cannot be served: ${(error as Error).message}`);
    });
  }
}

/** Whether its file can be read without downloading any of it. */
async function isHere(model: string): Promise<boolean> {
  const name = readModelName(model);
  if (name.kind === "hub") return (await findLocalModel(name)) !== undefined;
  return name.kind === "path" || hasDefaultModel();
}

/** What to load, by the names under which it is served. */
export function readModels(models: readonly string[]): Record<string, string> {
  const sources = models.map((model): readonly [string, string] => {
    const named = /^([^=/\\]+)=(.+)$/.exec(model);
    if (named === null && /^=|^[^=/\\]+=$/.test(model))
      throw new UsageError(`Invalid value for -m/--model: ${JSON.stringify(model)}. Expected NAME=PATH.`);
    if (named !== null) return [named[1]!, named[2]!];
    return [model.toLowerCase().endsWith(".gguf") ? path.basename(model).slice(0, -5) : model, model];
  });
  const names = sources.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UsageError(`Expected models of different names but ${twice} is there twice. Give NAME=PATH.`);
  return Object.fromEntries(sources);
}

async function readFolder(folder: string): Promise<[string, string][]> {
  const where = expandHome(folder);
  const found = await stat(where).catch(() => undefined);
  if (found?.isDirectory() !== true) throw new UsageError(`Expected a folder for --models-dir but ${folder} is none.`);
  const models = await listFolderModels(path.resolve(where));
  if (models.length === 0) throw new UsageError(`Expected GGUF files in ${folder} but there are none.`);
  return models.map(({ name, path: file }) => [name, file]);
}

type Config = Omit<ModelPoolOptions, "models"> & { readonly models?: Readonly<Record<string, unknown>> };

/** Paths in it are relative to its own folder. */
async function readConfig(file: string, signal: AbortSignal): Promise<Config> {
  const settings = await readSettings(file, signal);
  const { models } = settings;
  if (models === undefined) return settings;
  if (!isPlainObject(models)) throw new UsageError(`Expected an object with models by their names in ${file}.`);
  const folder = path.dirname(path.resolve(expandHome(file)));
  const source = (value: unknown) =>
    typeof value === "string" && value !== "" && isRelativePath(value) ? path.join(folder, value) : value;
  const placed = (value: unknown) => (typeof value === "string" && value !== "" ? path.resolve(folder, value) : value);
  const adapter = (value: unknown) =>
    isPlainObject(value) && "path" in value ? { ...value, path: placed(value.path) } : value;
  const located: Readonly<Record<string, (value: unknown) => unknown>> = {
    model: source,
    draftModel: source,
    prefixFolder: placed,
    adapters: (value) => (Array.isArray(value) ? value.map(adapter) : value),
  };
  const locate = ([key, value]: [string, unknown]) => [key, located[key]?.(value) ?? value];
  const entries = Object.entries(models).map(([name, own]: [string, unknown]) => [
    name,
    isPlainObject(own) ? Object.fromEntries(Object.entries(own).map(locate)) : source(own),
  ]);
  return { ...settings, models: Object.fromEntries(entries) };
}

/** A name that is wrong is said to be so later. */
function isRelativePath(source: string): boolean {
  try {
    return readModelName(source).kind === "path" && !path.isAbsolute(source) && !/^~(?=$|[\\/])/.test(source);
  } catch {
    return false;
  }
}

/** What is neither a name nor an object with one is refused by the pool, with the place in the file. */
const withDefaults = (load: LoadOptions, own: unknown): PoolModelOptions =>
  ({ ...load, ...(typeof own === "string" ? { model: own } : (own as object)) }) as PoolModelOptions;

const isPlainObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const sourcesOf = ([name, own]: [string, unknown]): [string, string][] => {
  const { model, draftModel } = isPlainObject(own)
    ? (own as { model?: unknown; draftModel?: unknown })
    : { model: own };
  return [model, draftModel].flatMap((source) => (typeof source === "string" ? [[name, source]] : []));
};

/** A file that is not there would be found missing with the first request only. */
async function checkFiles(sources: readonly (readonly [string, string])[], signal: AbortSignal): Promise<void> {
  for (const [, source] of sources)
    if (source !== "" && readModelName(source).kind === "path") await resolveModel(source, { signal });
}

/** Their errors name the flags, and no model. */
function checkLoadFlags(load: LoadOptions): void {
  try {
    new ModelPool({ models: { model: { ...load, model: "smollm2" } } });
  } catch (error) {
    throw (error as Error).cause ?? error;
  }
}

const given = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
