// What a model is, without loading it: from a file here, or from the first megabytes of one on the hub.
import { CaduceusError, withSystemErrors } from "../../errors.js";
import { readModelName } from "../../files/local/aliases.js";
import { findLocalModel } from "../../files/local/local_models.js";
import { quantizationOf } from "../../files/local/model_files.js";
import { filesOf, resolveModel } from "../../files/local/resolve_model.js";
import { checkModelName } from "../../options/option_checks.js";
import { checkMemoryOptions } from "../loading/load_options.js";
import { listGpus } from "../../engine/addon/gpus.js";
import { withGpuLayers } from "./gpu_fit.js";
import { readHeader, readLocalHeader, type GgufHeader, type MetadataValue } from "./gguf_header.js";
import { fileBytes } from "./memory_fit.js";
import { memoryNeed, shapeOf, withDraft, type MemoryNeed } from "./memory_need.js";
import type { LoadOptions } from "../loading/load_options.js";

/** What the memory is to be counted for, as `load` would get it. */
export type InspectOptions = Pick<
  LoadOptions,
  "contextSize" | "cacheTokens" | "kvType" | "gpuLayers" | "draftModel" | "signal"
>;

/** What a model's header says. */
export interface ModelSummary {
  /** `general.name`. */
  readonly name?: string;
  /** Where it lies; of a split model the first file. Missing for one that is only on the hub. */
  readonly path?: string;
  /** Where it would come from. Missing for one that is here. */
  readonly url?: string;
  /** Of all its files. */
  readonly sizeBytes: number;
  /** 1, or the parts of a split model. */
  readonly files: number;
  /** By the name of its file. */
  readonly quantization?: string;
  readonly architecture: string;
  /** Of a split model those of its first file. */
  readonly parameters: number;
  /** Parameters by type: `{ Q4_K: 6_200_000_000, … }`. */
  readonly tensorTypes: Readonly<Record<string, number>>;
  readonly layers: number;
  readonly embeddingSize: number;
  /** Of attention; the most that a layer has. */
  readonly heads: number;
  /** Tokens it was trained to look back on. */
  readonly trainingContextSize: number;
  readonly vocabularySize: number;
  /** The file's own Jinja template. */
  readonly chatTemplate?: string;
  /** Everything else that is one value. Of lists their length. */
  readonly metadata: Readonly<Record<string, string | number | boolean | { readonly count: number }>>;
  /** What it takes to load it with these options. */
  readonly memory: MemoryNeed;
}

/** A remote header is read in pieces of this size; a vocabulary has a few. */
const remoteChunk = 2 * 2 ** 20;

/**
 * Reads a model's header: of a file on this machine where there is one, else of the file on the Hugging Face hub, of
 * which a few megabytes are received and nothing is kept. Nothing is loaded; the options say what `memory` is for.
 * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `ACCESS_DENIED`, `DOWNLOAD_FAILED`
 */
export async function inspectModel(model: string, options: InspectOptions = {}): Promise<ModelSummary> {
  const checked = checkModelName(model);
  const { signal, draftModel, ...wanted } = checkMemoryOptions(options, "inspectModel");
  signal?.throwIfAborted();
  return withSystemErrors("The model cannot be inspected", async () => {
    const summary = await inspect(checked, signal, wanted);
    if (draftModel === undefined) return summary;
    const { cacheTokens } = summary.memory;
    const draft = await inspect(draftModel, signal, { ...wanted, contextSize: undefined, cacheTokens });
    return { ...summary, memory: withDraft(summary.memory, draft.memory) };
  });
}

async function inspect(
  checked: string,
  signal: AbortSignal | undefined,
  wanted: Omit<ReturnType<typeof checkMemoryOptions>, "signal" | "draftModel">,
): Promise<ModelSummary> {
  const name = readModelName(checked);
  const local = name.kind === "hub" ? await findLocalModel(name) : (await resolveModel(checked, { signal })).path;
  if (local !== undefined) {
    const header = await readLocalHeader(local, signal).catch((error: NodeJS.ErrnoException) => {
      signal?.throwIfAborted();
      throw error instanceof CaduceusError
        ? error
        : new CaduceusError("MODEL_INVALID", `The model file ${local} cannot be read: ${error.message}.`, {
            cause: error,
          });
    });
    const sizeBytes = await fileBytes(local);
    return summarize(
      header,
      { path: local, sizeBytes, files: (await filesOf(local)).length, ...known(quantizationOf(local)) },
      memoryNeed(header, sizeBytes, await withGpuLayers(header, sizeBytes, wanted, listGpus)),
    );
  }
  if (name.kind !== "hub") throw new CaduceusError("MODEL_NOT_FOUND", `There is no model ${checked}.`);
  const { findRemoteModel, readRemoteRange, remoteAddress } = await import("../../files/index.js");
  const remote = await findRemoteModel(name, signal);
  const { repository, settings, files, quantization } = remote;
  const url = remoteAddress(remote);
  const header = await readHeader(
    (position, length) => readRemoteRange({ url, repository, settings, position, length, signal }),
    url,
    remoteChunk,
  );
  const sizeBytes = files.reduce((sum, { size }) => sum + size, 0);
  return summarize(
    header,
    { url, sizeBytes, files: files.length, ...known(quantization) },
    memoryNeed(header, sizeBytes, await withGpuLayers(header, sizeBytes, wanted, listGpus)),
  );
}

const known = (quantization: string | undefined) => (quantization === undefined ? {} : { quantization });

function summarize(
  header: GgufHeader,
  where: Pick<ModelSummary, "path" | "url" | "sizeBytes" | "files" | "quantization">,
  memory: MemoryNeed,
): ModelSummary {
  const { architecture, layers, embedding, heads, trained, vocabulary } = shapeOf(header);
  const name = header.metadata.get("general.name");
  const template = header.metadata.get("tokenizer.chat_template");
  const rest = [...header.metadata]
    .filter(([key]) => key !== "tokenizer.chat_template")
    .map(([key, value]) => [key, plain(value)] as const);
  return {
    ...(typeof name === "string" ? { name } : {}),
    ...where,
    architecture,
    parameters: header.parameters,
    tensorTypes: header.tensorTypes,
    layers,
    embeddingSize: embedding,
    heads,
    trainingContextSize: trained,
    vocabularySize: vocabulary,
    ...(typeof template === "string" ? { chatTemplate: template } : {}),
    metadata: Object.fromEntries(rest),
    memory,
  };
}

const isList = (value: MetadataValue): value is readonly number[] => Array.isArray(value);
const plain = (value: MetadataValue) => (isList(value) ? { count: value.length } : value);
