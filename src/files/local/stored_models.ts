// The models on this machine as people handle them: fetching ahead, listing, removing.
import { readdir, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { CaduceusError, describe, invalidValue, withSystemErrors } from "../../errors.js";
import { checkFunction, checkModelName, checkOptions, checkSignal } from "../../options/option_checks.js";
import { aliasOfFile, nameOf, readModelName, type ModelName } from "./aliases.js";
import { modelFolder, repositoryFolder } from "./cache_folder.js";
import { defaultModel, fetchDefaultModel, type FetchOptions } from "../packages/default_model.js";
import { withFileLock } from "./file_lock.js";
import { listLocalModels, listParts, type LocalModel } from "./local_models.js";
import { quantizationOf } from "./model_files.js";
import { removePart } from "../hub/part_file.js";
import { resolveModel } from "./resolve_model.js";
import { noteOf } from "./verify_file.js";

/** A model on this machine. */
export interface StoredModel {
  /** What `load` takes for it. */
  readonly name: string;
  /** Of a split model the first file. */
  readonly path: string;
  /** Of all its files. */
  readonly sizeBytes: number;
  /** 1, or the parts of a split model. */
  readonly files: number;
  /** In capitals, such as `Q4_K_M`, where its file name tells. */
  readonly quantization?: string;
  /** Whose folder it lies in. Only Caduceus' own is ever changed. */
  readonly source: "caduceus" | "huggingface";
  /** `partial`: a download that was interrupted, with the bytes it has; pulling it again goes on from them. */
  readonly state: "complete" | "partial";
}

/**
 * Downloads a model without loading it, or checks that the local file is the hub's current one. Paths are only checked.
 *
 * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `ACCESS_DENIED`, `DOWNLOAD_FAILED`,
 * `DISK_FULL`, `SYSTEM_ERROR`; the signal's own reason
 */
export async function pullModel(model: string, options?: FetchOptions): Promise<{ readonly path: string }> {
  const { signal, onProgress } = checkOptions(options, "pullModel", ["signal", "onProgress"]);
  const checked: FetchOptions = {
    signal: checkSignal(signal),
    onProgress: checkFunction(onProgress, "onProgress") as FetchOptions["onProgress"],
  };
  const name = checkModelName(model);
  const wanted = readModelName(name);
  return withSystemErrors("The model cannot be fetched", async () => {
    if (wanted.kind === "hub") {
      const { fetchHubModel } = await import("../hub/fetch_hub_model.js");
      return { path: await fetchHubModel(wanted, checked) };
    }
    return {
      path: wanted.kind === "default" ? await fetchDefaultModel(checked) : (await resolveModel(name, checked)).path,
    };
  });
}

/**
 * Lists the models on this machine: in the model folder of `CADUCEUS_CACHE`, and in the Hugging Face cache. Takes no
 * options. Throws `SYSTEM_ERROR` for folders that cannot be read.
 */
export async function listModels(options?: Readonly<Record<string, never>>): Promise<StoredModel[]> {
  checkOptions(options, "listModels", []);
  return withSystemErrors("The models cannot be listed", listAll);
}

async function listAll(): Promise<StoredModel[]> {
  const local = await listLocalModels();
  const complete = local.map((model): StoredModel => {
    const { files, folder, quantization, source } = model;
    return {
      name: storedName(model, local),
      path: path.join(folder, files[0].path),
      sizeBytes: files.reduce((sum, { size }) => sum + size, 0),
      files: files.length,
      ...(quantization === undefined ? {} : { quantization }),
      source,
      state: "complete",
    };
  });
  const partial = (await listParts()).map(({ file, size }): StoredModel => {
    const [folder = "", ...rest] = path.relative(modelFolder(), file).split(path.sep);
    return {
      name: `hf:${folder.replace("--", "/")}/${rest.join("/")}`,
      path: file,
      sizeBytes: size,
      files: 1,
      source: "caduceus",
      state: "partial",
      ...named(quantizationOf(file)),
    };
  });
  return [...complete, ...partial];
}

const named = (quantization: string | undefined) => (quantization === undefined ? {} : { quantization });

function storedName(
  { repository, quantization, folder, files, source }: LocalModel,
  all: readonly LocalModel[],
): string {
  const file = files[0].path;
  if (repository === undefined)
    return file === defaultModel.fileName ? "smollm2" : (aliasOfFile(file) ?? path.join(folder, file));
  const same = all.filter(
    (other) => other.repository === repository && other.source === source && other.quantization === quantization,
  );
  return nameOf(repository, { quantization: same.length > 1 ? undefined : quantization, file });
}

/**
 * Removes a model, or an incomplete download of it, from Caduceus' own folder. Returns the removed files.
 *
 * @throws CaduceusError `MODEL_NOT_FOUND` if there is none, or only in the Hugging Face cache, which belongs to other
 * tools; `SYSTEM_ERROR` if the files cannot be removed
 */
export async function removeModel(
  model: string,
  options?: { readonly signal?: AbortSignal | undefined },
): Promise<{ readonly path: string; readonly sizeBytes: number }[]> {
  const signal = checkSignal(checkOptions(options, "removeModel", ["signal"])["signal"]);
  const name = checkModelName(model);
  const wanted = readModelName(name);
  return withSystemErrors("The model cannot be removed", () => removeNamed(name, wanted, signal));
}

async function removeNamed(
  name: string,
  wanted: ModelName,
  signal: AbortSignal | undefined,
): Promise<{ readonly path: string; readonly sizeBytes: number }[]> {
  const stored = await listAll();
  const own = stored.filter(({ source }) => source === "caduceus");
  const isMeant = (model: StoredModel) => {
    if (model.name === name || path.resolve(name) === model.path) return true;
    if (wanted.kind !== "hub") return false;
    if (wanted.ownFile !== undefined && path.join(modelFolder(), wanted.ownFile) === model.path) return true;
    const folder = repositoryFolder(wanted.repository) + path.sep;
    if (!model.path.startsWith(folder)) return false;
    if (wanted.file !== undefined) return model.path === path.join(folder, ...wanted.file.split("/"));
    return wanted.quantization === undefined || model.quantization === wanted.quantization;
  };
  const meant = own.filter(isMeant);
  // Parts of one split model count once.
  const different = new Set(meant.map(({ quantization, path: file }) => quantization ?? file));
  if (different.size > 1)
    throw new CaduceusError(
      "INVALID_ARGUMENT",
      invalidValue({
        expected: `one of ${meant.map((model) => model.name).join(", ")}`,
        place: "model",
        received: `${describe(name)}, which could be any of these`,
      }),
    );
  if (meant.length === 0)
    throw notThere(
      name,
      stored.find(
        (model) => model.source === "huggingface" && (model.name === name || model.path === path.resolve(name)),
      ),
    );
  const removed = [];
  for (const model of meant) {
    await removeFiles(model, signal);
    removed.push({ path: model.path, sizeBytes: model.sizeBytes });
  }
  return removed;
}

function notThere(name: string, elsewhere: StoredModel | undefined): CaduceusError {
  const remedy =
    elsewhere === undefined
      ? "`caduceus list` shows the models."
      : `It is in the Hugging Face cache (${elsewhere.path}): use \`hf cache\`.`;
  return new CaduceusError("MODEL_NOT_FOUND", `There is no model ${describe(name)} in ${modelFolder()} to remove.`, {
    remedy,
  });
}

/** The first file goes first: what is left of a split model is none. Waits for a download of it that is under way. */
async function removeFiles(model: StoredModel, signal: AbortSignal | undefined): Promise<void> {
  const local = (await listLocalModels()).find(({ folder, files }) => path.join(folder, files[0].path) === model.path);
  const files = local?.files.map((file) => path.join(local.folder, file.path)) ?? [model.path];
  await withFileLock(
    `${files[0]}.lock`,
    signal,
    async () => false,
    async () => {
      for (const file of files) {
        await rm(file, { force: true });
        await rm(noteOf(file), { force: true });
        await removePart(file);
      }
    },
  );
  // The folders that it was alone in.
  for (
    let folder = path.dirname(model.path);
    folder.startsWith(modelFolder() + path.sep);
    folder = path.dirname(folder)
  ) {
    if ((await readdir(folder).catch(() => ["?"])).length > 0) break;
    await rmdir(folder).catch(() => {});
  }
}
