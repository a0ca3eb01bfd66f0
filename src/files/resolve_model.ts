// From the name or path a caller gave to a file on this machine.
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { CaduceusError, describe } from "../errors.js";
import { aliasNames, readAlias, type HubFile } from "./aliases.js";
import { modelFolder } from "./cache_folder.js";
import { fetchEmbeddedModel, type FetchOptions } from "./embedded_model.js";

export interface ResolvedModel {
  /** Absolute. */
  readonly path: string;
  /** The alias it was asked for by. */
  readonly alias?: string;
}

/**
 * Finds the file of an alias (`"smollm2"`, `"hermes-2-pro"`, `"hermes-2-pro:Q5_K_M"`) or of a path, fetching it where that
 * is possible. A file in the working folder that is named like an alias is reached by `./`.
 * @throws CaduceusError MODEL_NOT_FOUND, MODEL_INVALID (a folder, no permission), DOWNLOAD_FAILED; the signal's own reason
 */
export async function resolveModel(nameOrPath: string, options: FetchOptions = {}): Promise<ResolvedModel> {
  options.signal?.throwIfAborted();
  const alias = readAlias(nameOrPath);
  if (alias?.kind === "embedded") return { path: await fetchEmbeddedModel(options), alias: nameOrPath };
  if (alias?.kind === "unknown-quantisation") {
    throw notFound(`Expected one of ${alias.known.join(", ")} after hermes-2-pro: but received ${describe(nameOrPath)}.`);
  }
  if (alias?.kind === "hub") return { path: await findHubFile(alias.file), alias: nameOrPath };
  if (nameOrPath.startsWith("hf:")) {
    throw notFound(`Files of the Hugging Face hub cannot be fetched yet: download the .gguf file of ${describe(nameOrPath.slice(3))} yourself and give its path.`);
  }
  return { path: await checkFile(nameOrPath) };
}

async function findHubFile({ alias, fileName, repository }: HubFile): Promise<string> {
  const file = path.join(modelFolder(), fileName);
  if ((await stat(file).catch(() => undefined))?.isFile()) return file;
  throw notFound(`${alias} is the file ${fileName} of ${repository} on the Hugging Face hub, which is not on this machine: put it into ${modelFolder()}, or give its path.`);
}

async function checkFile(name: string): Promise<string> {
  const file = path.resolve(name);
  // Node's own error for a NUL would not say that it is about the model.
  if (name.includes("\0")) throw notFound(`Expected a path without NUL characters for the model but received ${describe(name)}.`);
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR" || error.code === "ENAMETOOLONG") throw notFound(missing(name, file), error);
    throw new CaduceusError("MODEL_INVALID", `The model file ${file} cannot be read: ${error.message}.`, { cause: error });
  });
  if (found.isDirectory()) {
    const models = (await readdir(file).catch(() => [])).filter((entry) => entry.endsWith(".gguf")).sort();
    const hint = models.length > 0 ? ` It holds ${models.slice(0, 5).join(", ")}${models.length > 5 ? " and more" : ""}.` : "";
    throw new CaduceusError("MODEL_INVALID", `Expected a GGUF file for the model but received the folder ${file}.${hint}`);
  }
  if (!found.isFile()) throw new CaduceusError("MODEL_INVALID", `Expected a GGUF file for the model but ${file} is not a regular file.`);
  return file;
}

function missing(name: string, file: string): string {
  const looksLikeAlias = !name.includes("/") && !name.includes("\\") && !name.endsWith(".gguf");
  const known = looksLikeAlias ? ` Names that need no file are ${aliasNames.join(", ")}.` : "";
  return `There is no model file ${file.length > 300 ? describe(name) : file}.${known}`;
}

function notFound(message: string, cause?: unknown): CaduceusError {
  return new CaduceusError("MODEL_NOT_FOUND", message, cause === undefined ? {} : { cause });
}
