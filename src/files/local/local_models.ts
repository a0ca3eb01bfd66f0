// Model files on this machine: in Caduceus' own folder, and in the Hugging Face cache, which is only read.
import { readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { modelFolder, repositoryFolder } from "./cache_folder.js";
import type { HubName } from "./aliases.js";
import { hubCacheFolder } from "../hub/hub_settings.js";
import { readRegularFile } from "./read_regular_file.js";
import { chooseModel, groupModels, readSplit, type ListedFile, type ListedModel } from "./model_files.js";
import type { Digest } from "./verify_file.js";

/** Folders inside a repository, at most. */
const deepest = 4;

/** The first file of the model, or undefined when no folder has all of it. */
export async function findLocalModel(name: HubName): Promise<string | undefined> {
  if (name.ownFile !== undefined) {
    const file = path.join(modelFolder(), name.ownFile);
    if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  }
  for (const folder of [repositoryFolder(name.repository), ...(await snapshots(name.repository))]) {
    const model = chooseModel(groupModels(await listFolder(folder)), name);
    if (typeof model !== "string") return path.join(folder, model.files[0].path);
  }
  return undefined;
}

/**
 * The first of these files in one snapshot of the Hugging Face cache, where each of them has the size and checksum:
 * blobs there are named by their SHA-256.
 */
export async function findCached(
  repository: string,
  files: ReadonlyArray<ListedFile & { readonly digest: Digest }>,
): Promise<string | undefined> {
  const isSame = async (snapshot: string, { path: name, size, digest }: (typeof files)[number]) => {
    const file = path.join(snapshot, name);
    const [found, target] = await Promise.all([stat(file).catch(() => undefined), realpath(file).catch(() => "")]);
    return found?.size === size && path.basename(target) === digest.hex;
  };
  for (const snapshot of await snapshots(repository)) {
    const same = await Promise.all(files.map((file) => isSame(snapshot, file)));
    if (files[0] !== undefined && same.every(Boolean)) return path.join(snapshot, files[0].path);
  }
  return undefined;
}

export interface LocalModel extends ListedModel {
  readonly folder: string;
  /** Undefined for files that a person put into the model folder. */
  readonly repository: string | undefined;
  readonly source: "caduceus" | "huggingface";
}

/** Everything that could be loaded, Caduceus' own first. */
export async function listLocalModels(): Promise<LocalModel[]> {
  const found: LocalModel[] = [];
  const add = async (folder: string, repository: string | undefined, source: LocalModel["source"], depth = deepest) => {
    const models = groupModels(await listFolder(folder, depth));
    found.push(...models.map((model) => ({ ...model, folder, repository, source })));
  };
  await add(modelFolder(), undefined, "caduceus", 0);
  for (const name of await folderNames(modelFolder())) {
    if (name.includes("--")) await add(path.join(modelFolder(), name), name.replace("--", "/"), "caduceus");
  }
  for (const name of await folderNames(hubCacheFolder())) {
    const repository = /^models--(.+?--.+)$/.exec(name)?.[1]?.replace("--", "/");
    if (repository === undefined) continue;
    // Of several snapshots the one that would be loaded.
    for (const folder of (await snapshots(repository)).slice(0, 1)) await add(folder, repository, "huggingface");
  }
  return found;
}

/**
 * The models in a folder and those below it, each by the name of its file, or by its path where several have that name.
 */
export async function listFolderModels(
  folder: string,
): Promise<readonly { readonly name: string; readonly path: string }[]> {
  const found = groupModels(await listFolder(folder)).map(({ files: [{ path: file }] }) => {
    const whole = readSplit(file)?.prefix ?? file.replace(/\.gguf$/i, "");
    return { file, whole, base: path.posix.basename(whole) };
  });
  const isAlone = (base: string) => found.filter((other) => other.base === base).length === 1;
  return found.map(({ file, whole, base }) => ({
    name: isAlone(base) ? base : whole,
    path: path.join(folder, file),
  }));
}

/** Downloads that have not ended, by the paths their files will have. */
export async function listParts(): Promise<{ readonly file: string; readonly size: number }[]> {
  const parts: { file: string; size: number }[] = [];
  for (const name of await folderNames(modelFolder())) {
    const folder = path.join(modelFolder(), name);
    for (const file of await walk(folder, deepest, /\.gguf\.part$/i))
      parts.push({ file: path.join(folder, file.path.replace(/\.part$/, "")), size: file.size });
  }
  return parts;
}

/** Snapshots of a repository in the Hugging Face cache: that of the branch main first, then the youngest. */
async function snapshots(repository: string): Promise<string[]> {
  const folder = path.join(hubCacheFolder(), `models--${repository.replace("/", "--")}`);
  const main = (await readRegularFile(path.join(folder, "refs", "main"))).trim();
  const found = await Promise.all(
    (await folderNames(path.join(folder, "snapshots"))).map(async (commit) => {
      const snapshot = path.join(folder, "snapshots", commit);
      return {
        snapshot,
        time: commit === main ? Infinity : ((await stat(snapshot).catch(() => undefined))?.mtimeMs ?? 0),
      };
    }),
  );
  return found.sort((a, b) => b.time - a.time).map(({ snapshot }) => snapshot);
}

const listFolder = (folder: string, depth = deepest) => walk(folder, depth, /\.gguf$/i);

/** Links are followed to files: the Hugging Face cache keeps nothing else in its snapshots. Empty files are none. */
async function walk(folder: string, depth: number, pattern: RegExp, prefix = ""): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  const entries = await readdir(path.join(folder, prefix), { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = prefix + entry.name;
    if (entry.isDirectory()) {
      if (depth > 0) files.push(...(await walk(folder, depth - 1, pattern, `${name}/`)));
    } else if (pattern.test(entry.name)) {
      const found = await stat(path.join(folder, name)).catch(() => undefined);
      if (found?.isFile() && found.size > 0) files.push({ path: name, size: found.size });
    }
  }
  return files;
}

async function folderNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
