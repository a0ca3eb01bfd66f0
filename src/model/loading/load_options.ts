// How a model is loaded: the public options and their checks.
import path from "node:path";
import { availableParallelism } from "node:os";
import type { EngineOptions } from "../../engine/engine.js";
import { CaduceusError, invalidArgument } from "../../errors.js";
import { defaultPrefixFolder } from "../../files/local/cache_folder.js";
import { formats, type FormatOptions } from "../../format/conversation_format.js";
import { hermesVariants, type HermesVariant } from "../../format/hermes/prompt/prompt.js";
import { checkAdapters, type AdapterOptions, type CheckedAdapter } from "./adapters.js";
import type { WantedMemoryOptions } from "../inspection/gpu_fit.js";
import {
  checkBoolean,
  checkChoice,
  checkFunction,
  checkModelName,
  checkOptions,
  checkSignal,
  checkText,
  checkWholeNumber,
} from "../../options/option_checks.js";

/** How far loading has come. */
export interface LoadProgress {
  /** `fetch`: the file comes from where it is published, once. `load`: it is read into memory. */
  readonly stage: "fetch" | "load";
  /** From 0 to 1 within the stage. */
  readonly fraction: number;
  /** Bytes of a model from the Hugging Face hub, what an earlier try brought included. */
  readonly receivedBytes?: number;
  /** Of the whole model. */
  readonly totalBytes?: number;
}

/** How a model is loaded. */
export interface LoadOptions {
  /**
   * Tokens of one conversation, prompt and answer together. Whole number from 8 up; refused beyond what the model was
   * trained for. Defaults to the model's own, at most 8,192.
   */
  readonly contextSize?: number | undefined;
  /**
   * Size of the KV cache in tokens, for all running and cached sequences. Whole number from 64, at least `contextSize`;
   * refused beyond the available memory. Defaults to twice `contextSize`.
   */
  readonly cacheTokens?: number | undefined;
  /** Data type of the KV cache. `"q8_0"` halves its memory. Defaults to `"f16"`. */
  readonly kvType?: "f16" | "q8_0" | undefined;
  /**
   * Number of threads. Whole number from 1 to the processors available to this process. Defaults to its physical cores.
   */
  readonly threads?: number | undefined;
  /**
   * Number of layers on GPUs. `"auto"` chooses as many as fit into their free memory; a number counts the output as one
   * more layer; 0 keeps the model off the GPUs. Defaults to `"auto"`.
   */
  readonly gpuLayers?: number | "auto" | undefined;
  /**
   * Size of the host cache in bytes: sequences that are not in use are evicted to it, and loaded again when a request
   * continues them. Whole number from 0; 0 turns it off. Defaults to the size of the KV cache.
   */
  readonly hostCacheBytes?: number | undefined;
  /**
   * Speculative decoding without a draft model: proposes the tokens that followed the same words earlier in the
   * conversation and verifies them in one batch, where measured times say that this pays. What is chosen stays the
   * same, up to floating-point ties. Never for `deterministic` replies and those with `logProbabilities`. Defaults to
   * true.
   */
  readonly promptLookup?: boolean | undefined;
  /**
   * A small model that drafts for this one (speculative decoding): its tokens are verified in one batch, and drafted
   * only while measured times and acceptance rates say that this pays. A name or path as of `load`; it needs the same
   * vocabulary. What is chosen stays the same, up to floating-point ties. Never for `deterministic` replies and those
   * with `logProbabilities`. Defaults to none.
   */
  readonly draftModel?: string | undefined;
  /**
   * Adapters (LoRA) of the model. Each request chooses among them with `adapter`; one that does not is answered with
   * all of them, each at its own `scale`. At most 64. `model.addAdapter` adds others later. Defaults to none.
   */
  readonly adapters?: readonly AdapterOptions[] | undefined;
  /**
   * Folder for saved prefixes (see `keepPrefix`), so that they need not be computed again after a restart. Its files
   * may be deleted at any time, and several processes may share it. `false` saves nothing. Defaults to `prefixes` in
   * the folder that `CADUCEUS_CACHE` names, else in the platform's cache folder (`~/.cache/caduceus`,
   * `~/Library/Caches/caduceus`, `%LOCALAPPDATA%\caduceus`).
   */
  readonly prefixFolder?: string | false | undefined;
  /**
   * Maximum size of that folder in bytes; the least recently used files are removed first. Whole number from 1.
   * Defaults to 4 GiB.
   */
  readonly prefixFolderBytes?: number | undefined;
  /**
   * Prompt format. `"auto"`: the Hermes format if vocabulary and template are those of a model that was trained on it,
   * whatever its name, else the template in the file, else plain ChatML. `"hermes"` and `"template"` choose one of
   * them. Defaults to `"auto"`.
   */
  readonly format?: FormatOptions["format"] | undefined;
  /**
   * Chat template, in Jinja, used in the place of the one in the file: for files without one, such as those of base
   * models, and for those with a wrong one. The text of the template, not its path. Not together with the format
   * `"hermes"`. Defaults to the file's own.
   */
  readonly chatTemplate?: string | undefined;
  /**
   * Wording of the system turn with tools in the Hermes format: that of the model card, of the published template, or
   * of Hermes 3. Has no effect if the file's own template describes the tools. Defaults to the model's own: `"hermes3"`
   * for Hermes 3, `"card"` for most others.
   */
  readonly promptVariant?: HermesVariant | undefined;
  /**
   * Loads the model in a process of its own, or in that of all models with the same name here. A crash of native code
   * then ends that process only: replies under way reject with `ENGINE_CRASHED`, and the model is loaded again for the
   * next. Defaults to false.
   */
  readonly isolate?: boolean | string | undefined;
  /** Called with the progress of loading. If it throws, loading ends with that error. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Aborts loading; `load` then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export const loadOptionNames = [
  "contextSize",
  "cacheTokens",
  "kvType",
  "threads",
  "gpuLayers",
  "hostCacheBytes",
  "promptLookup",
  "draftModel",
  "adapters",
  "prefixFolder",
  "prefixFolderBytes",
  "format",
  "chatTemplate",
  "promptVariant",
  "isolate",
  "onProgress",
  "signal",
] as const satisfies readonly (keyof LoadOptions)[];
const mostTokens = 0x7fffffff;

/** Checked options, with the engine's names where both have them. */
export interface CheckedLoadOptions {
  readonly engine: Omit<EngineOptions, "path" | "onProgress" | "signal" | "gpuLayers" | "draft"> & WantedMemoryOptions;
  /** The name of a model. */
  readonly draftModel: string | undefined;
  readonly adapters: readonly CheckedAdapter[];
  readonly format: FormatOptions;
  /** The name of the shared process, where it is a string. */
  readonly isolate: boolean | string;
  readonly onProgress: ((progress: LoadProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

export function checkLoadOptions(value: unknown): CheckedLoadOptions {
  const options = checkOptions(value, "load", loadOptionNames);
  const contextSize = checkWholeNumber(options.contextSize, "contextSize", 8, mostTokens);
  const cacheTokens = checkWholeNumber(options.cacheTokens, "cacheTokens", 64, mostTokens);
  if (contextSize !== undefined && cacheTokens !== undefined && cacheTokens < contextSize) {
    throw invalidArgument(`at least ${contextSize}, the length of one context`, "cacheTokens", cacheTokens);
  }
  return {
    engine: {
      contextSize,
      cacheTokens,
      kvType: checkChoice(options.kvType, "kvType", ["f16", "q8_0"]) ?? "f16",
      // More threads than processors wait for each other in busy loops: a token can take minutes.
      threads: checkWholeNumber(options.threads, "threads", 1, availableParallelism()),
      gpuLayers:
        options.gpuLayers === "auto"
          ? "auto"
          : (checkWholeNumber(options.gpuLayers, "gpuLayers", 0, mostTokens) ?? "auto"),
      hostCacheBytes: checkWholeNumber(options.hostCacheBytes, "hostCacheBytes", 0, Number.MAX_SAFE_INTEGER),
      promptLookup: checkBoolean(options.promptLookup, "promptLookup"),
      prefixFolder: checkPrefixFolder(options.prefixFolder),
      prefixFolderBytes:
        checkWholeNumber(options.prefixFolderBytes, "prefixFolderBytes", 1, Number.MAX_SAFE_INTEGER) ?? 4 * 2 ** 30,
    },
    draftModel: options.draftModel === undefined ? undefined : checkModelName(options.draftModel, "draftModel"),
    adapters: checkAdapters(options.adapters),
    format: checkFormat(options),
    isolate: checkIsolate(options.isolate),
    onProgress: checkFunction(options.onProgress, "onProgress") as LoadOptions["onProgress"],
    signal: checkSignal(options.signal),
  };
}

/** Options for the memory of a model that is not loaded. */
export function checkMemoryOptions(
  value: unknown,
  subject: string,
): WantedMemoryOptions & Pick<CheckedLoadOptions, "draftModel" | "signal"> {
  const { engine, draftModel, signal } = checkLoadOptions(
    checkOptions(value, subject, [
      "contextSize",
      "cacheTokens",
      "kvType",
      "gpuLayers",
      "draftModel",
      "signal",
    ] as const),
  );
  const { contextSize, cacheTokens, kvType, gpuLayers } = engine;
  return { contextSize, cacheTokens, kvType, gpuLayers, draftModel, signal };
}

interface GivenFormat {
  readonly format?: unknown;
  readonly chatTemplate?: unknown;
  readonly promptVariant?: unknown;
}

export function checkFormat({ format: wanted, chatTemplate: given, promptVariant }: GivenFormat): FormatOptions {
  const format = checkChoice(wanted, "format", formats) ?? "auto";
  const chatTemplate = given === undefined ? undefined : checkText(given, "chatTemplate");
  if (chatTemplate?.trim() === "") throw invalidArgument("the text of a template", "chatTemplate", chatTemplate);
  if (chatTemplate !== undefined && format === "hermes")
    throw new CaduceusError("INVALID_ARGUMENT", 'chatTemplate cannot be combined with format "hermes".', {
      param: "chatTemplate",
      remedy: "Give one of them.",
    });
  const variant = checkChoice(promptVariant, "promptVariant", hermesVariants);
  return { format, variant, ...(chatTemplate === undefined ? {} : { chatTemplate }) };
}

function checkIsolate(value: unknown): boolean | string {
  if (value === undefined || typeof value === "boolean") return value ?? false;
  if (typeof value === "string" && value.trim() !== "") return checkText(value, "isolate");
  throw invalidArgument("true, false or the name of a process", "isolate", value);
}

/** Undefined: nothing is saved to disk. */
function checkPrefixFolder(value: unknown): string | undefined {
  if (value === undefined) return defaultPrefixFolder();
  if (value === false) return undefined;
  if (typeof value === "string" && value.trim() !== "" && !value.includes("\0"))
    return path.resolve(checkText(value, "prefixFolder"));
  throw invalidArgument("the path of a folder or false", "prefixFolder", value);
}
