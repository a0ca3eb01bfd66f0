// Downloads all files of a hub model into Caduceus' own folder, once for all processes.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { CaduceusError } from "../../errors.js";
import { nameOf, type HubName } from "../local/aliases.js";
import { modelFolder, repositoryFolder } from "../local/cache_folder.js";
import { checkDiskSpace, explainWriteFailure } from "../local/disk_space.js";
import { downloadFile } from "./download_file.js";
import type { FetchOptions } from "../packages/default_model.js";
import { withFileLock } from "../local/file_lock.js";
import { fileAddress, listRepository, type RemoteFile } from "./hub_api.js";
import { findCached } from "../local/local_models.js";
import { readHubSettings, type HubSettings } from "./hub_settings.js";
import { chooseModel, groupModels, type ListedModel } from "../local/model_files.js";
import { partSize } from "./part_file.js";
import { hasDigest } from "../local/verify_file.js";

export interface RemoteModel extends ListedModel<RemoteFile> {
  readonly repository: string;
  readonly settings: HubSettings;
}

/**
 * Asks the hub which files a name stands for.
 * @throws CaduceusError as `listRepository`, and MODEL_NOT_FOUND with what there is instead
 */
export async function findRemoteModel(name: HubName, signal?: AbortSignal): Promise<RemoteModel> {
  const { repository } = name;
  const settings = await readHubSettings();
  if (settings.isOffline) {
    const remedy =
      name.ownFile === undefined
        ? "Unset HF_HUB_OFFLINE, or give the path of a model file."
        : `Put ${name.ownFile} of ${repository} into ${modelFolder()}, or give its path.`;
    throw new CaduceusError(
      "MODEL_NOT_FOUND",
      `${name.name} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it.`,
      { remedy },
    );
  }
  const model = chooseModel(groupModels(await listRepository(repository, settings, signal)), name);
  if (typeof model === "string")
    throw new CaduceusError("MODEL_NOT_FOUND", `${repository} on ${new URL(settings.endpoint).host} ${model}.`);
  return { ...model, repository, settings };
}

/** Of its first file. */
export function remoteAddress({ repository, files, settings }: RemoteModel): string {
  return fileAddress(repository, files[0].path, settings);
}

/**
 * Path of the first file, all of them verified; fetched where they are missing or are not what the hub has now.
 * @throws CaduceusError MODEL_NOT_FOUND, ACCESS_DENIED, DOWNLOAD_FAILED, DISK_FULL; the signal's own reason
 */
export async function fetchHubModel(name: HubName, { signal, onProgress }: FetchOptions = {}): Promise<string> {
  signal?.throwIfAborted();
  const model = await findRemoteModel(name, signal);
  const folder = repositoryFolder(model.repository);
  const files = model.files.map((file) => ({ ...file, target: path.join(folder, ...file.path.split("/")) }));
  const [{ target: first }] = files as [(typeof files)[number]];
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0);
  const onBytes = (receivedBytes: number) =>
    onProgress?.({ fraction: totalBytes === 0 ? 1 : receivedBytes / totalBytes, receivedBytes, totalBytes });
  const missing = async () => {
    const found = [];
    for (const file of files) if (!(await hasDigest(file.target, file.size, file.digest, signal))) found.push(file);
    return found;
  };

  if ((await missing()).length === 0) return first;
  const cached = await findCached(model.repository, files);
  if (cached !== undefined) return cached;
  try {
    for (const { target } of files) await mkdir(path.dirname(target), { recursive: true });
    // Another process fetches it: this one tells how far that is.
    const watch = async () => {
      const left = await missing();
      let bytes = totalBytes;
      for (const { target, size } of left) bytes -= size - Math.min(size, await partSize(target));
      onBytes(bytes);
      return left.length === 0;
    };
    await withFileLock(`${first}.lock`, signal, watch, async () => {
      const left = await missing();
      let done = totalBytes - left.reduce((sum, { size }) => sum + size, 0);
      let needed = 0;
      for (const { target, size } of left) needed += Math.max(0, size - (await partSize(target)));
      await checkDiskSpace(
        folder,
        needed,
        nameOf(model.repository, { quantization: model.quantization, file: model.files[0].path }),
      );
      for (const { path: file, size, digest, target } of left) {
        const { repository, settings } = model;
        await downloadFile({
          url: fileAddress(repository, file, settings),
          repository,
          file: target,
          size,
          digest,
          settings,
          signal,
          onBytes: (bytes) => onBytes(done + bytes),
        });
        done += size;
      }
    });
  } catch (error) {
    throw signal?.aborted ? signal.reason : explainWriteFailure(error, folder);
  }
  return first;
}
