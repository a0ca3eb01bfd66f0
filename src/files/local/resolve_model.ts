// From the name or path a caller gave to a file on this machine.
import { access, constants, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { CaduceusError, describe, invalidValue } from "../../errors.js";
import { expandHome } from "../../system/home_folder.js";
import { aliasNames, isRepository, readModelName } from "./aliases.js";
import { fetchDefaultModel, type FetchOptions } from "../packages/default_model.js";
import { findLocalModel } from "./local_models.js";
import { readSplit, splitName } from "./model_files.js";

export interface ResolvedModel {
  /** Absolute. Of a split model the first file; the others lie beside it. */
  readonly path: string;
  /** The name it was asked for by, where that was no path. */
  readonly alias?: string;
}

/**
 * Finds the file of a name (`"smollm2"`, `"hermes-2-pro:Q5_K_M"`, `"hf:owner/repository:Q4_K_M"`) or of a path. What is
 * on this machine is taken without asking anybody; what is not is fetched. A file in the working folder that is named
 * like an alias is reached by `./`. `~/` is the home folder, which no shell expands in `--model=~/model.gguf` or a
 * program's text.
 * @throws CaduceusError INVALID_ARGUMENT, MODEL_NOT_FOUND, MODEL_INVALID (a folder, no permission, a missing part),
 * ACCESS_DENIED, DOWNLOAD_FAILED, DISK_FULL; the signal's own reason
 */
export async function resolveModel(nameOrPath: string, options: FetchOptions = {}): Promise<ResolvedModel> {
  options.signal?.throwIfAborted();
  const name = readModelName(nameOrPath);
  if (name.kind === "path") return { path: await checkFile(expandHome(nameOrPath)) };
  if (name.kind === "default") return { path: await fetchDefaultModel(options), alias: nameOrPath };
  const local = await findLocalModel(name);
  if (local !== undefined) {
    await checkReadable(local);
    return { path: local, alias: nameOrPath };
  }
  const { fetchHubModel } = await import("../hub/fetch_hub_model.js");
  return { path: await fetchHubModel(name, options), alias: nameOrPath };
}

/** All files of a model, from the path of any of them. @throws CaduceusError MODEL_INVALID when a part is missing */
export async function filesOf(file: string): Promise<[string, ...string[]]> {
  const split = readSplit(file);
  if (split === undefined) return [file];
  const { prefix, parts } = split;
  const files = Array.from({ length: parts }, (_, n) => splitName(prefix, n + 1, parts));
  for (const part of files) {
    if (!(await stat(part).catch(() => undefined))?.isFile())
      throw new CaduceusError("MODEL_INVALID", `The model is split into ${parts} files, of which ${part} is missing.`);
  }
  return files as [string, ...string[]];
}

async function checkFile(name: string): Promise<string> {
  const file = path.resolve(name);
  // Node's own error for a NUL would not say that it is about the model.
  if (name.includes("\0"))
    throw notFound(
      invalidValue({ expected: "a path without NUL characters", place: "model", received: describe(name) }),
    );
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "ENAMETOOLONG")
      throw notFound(missing(name, file), error, hint(name));
    throw new CaduceusError("MODEL_INVALID", `The model file ${file} cannot be read: ${error.message}.`, {
      cause: error,
    });
  });
  if (found.isDirectory()) {
    const models = (await readdir(file).catch(() => [])).filter((entry) => entry.endsWith(".gguf")).sort();
    const named = `${models.slice(0, 5).join(", ")}${models.length > 5 ? " and more" : ""}`;
    throw new CaduceusError(
      "MODEL_INVALID",
      invalidValue({ expected: "a GGUF file", place: "model", received: `the folder ${file}` }),
      { remedy: models.length > 0 ? `It holds ${named}.` : undefined },
    );
  }
  if (!found.isFile())
    throw new CaduceusError(
      "MODEL_INVALID",
      invalidValue({ expected: "a GGUF file", place: "model", received: `${file}, which is not a regular file` }),
    );
  if (/\.part$/i.test(file))
    throw new CaduceusError("MODEL_INVALID", `${file} is an incomplete download.`, {
      remedy: "`caduceus pull` resumes it.",
    });
  const files = await filesOf(file);
  for (const part of files) await checkReadable(part);
  return files[0];
}

/** A file that is there but may not be read is not a missing one. */
async function checkReadable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
    const isForbidden = error.code === "EACCES" || error.code === "EPERM";
    const why = isForbidden ? "this user has no permission (EACCES)" : error.message;
    throw new CaduceusError("MODEL_INVALID", `The model file ${file} cannot be read: ${why}.`, {
      cause: error,
      remedy: isForbidden ? "Its owner can give the permission with chmod a+r." : undefined,
    });
  });
}

function missing(name: string, file: string): string {
  return `There is no model file ${file.length > 300 ? describe(name) : file}.`;
}

/** What may have been meant instead. A path that was mistyped asks nobody: only `hf:` goes to the hub. */
function hint(name: string): string | undefined {
  const alias = ["smollm2", "hermes-2-pro"].find((known) => name.toLowerCase().split(":")[0] === known);
  if (alias !== undefined) return `Did you mean ${name.toLowerCase()}?`;
  const [, isHub, repository = "", quantization = "", inside = ""] =
    /^((?:https?:)?(?:huggingface\.co|hf\.co)\/)?([^/:]+\/[^/:]+)(:[^/:]+)?(\/.+\.gguf)?$/i.exec(name) ?? [];
  const isFile = /\.(gguf|bin|safetensors)$/i.test(repository);
  if (isRepository(repository) && !isFile && (isHub !== undefined || inside === ""))
    return `If a model of the Hugging Face hub is meant: hf:${repository}${quantization}${inside}.`;
  const looksLikeAlias = !name.includes("/") && !name.includes("\\") && !name.endsWith(".gguf");
  return looksLikeAlias
    ? `Names that need no file are ${aliasNames.join(", ")} and hf:owner/repository:<quantization>.`
    : undefined;
}

function notFound(message: string, cause?: unknown, remedy?: string): CaduceusError {
  return new CaduceusError("MODEL_NOT_FOUND", message, { remedy, ...(cause === undefined ? {} : { cause }) });
}
