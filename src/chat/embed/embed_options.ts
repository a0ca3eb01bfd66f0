// Options of `embed` and `rerank`, and their checks.
import { invalidArgument } from "../../errors.js";
import {
  checkBoolean,
  checkChoice,
  checkFunction,
  checkOptions,
  checkSignal,
  checkText,
  checkWholeNumber,
} from "../../options/option_checks.js";

interface TextOptions {
  /**
   * Cuts texts of more than `info.contextSize` tokens, instead of refusing them with `CONTEXT_FULL`. Default false.
   */
  readonly truncate?: boolean | undefined;
  /** Called after each text. An error that it throws ends the work. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How texts are embedded. */
export interface EmbedOptions extends TextOptions {
  /** Scales each embedding to length 1. Default true. */
  readonly normalize?: boolean | undefined;
  /** Keeps the first so many values; only for models that were trained for it. Default all. */
  readonly dimensions?: number | undefined;
  /**
   * How the vectors of a text's tokens become one: their mean, that of the first token (`"cls"`), or of the last.
   * Default: what the model's file says, or else `"mean"`.
   */
  readonly pooling?: "mean" | "cls" | "last" | undefined;
}

/** How documents are ordered. */
export interface RerankOptions extends TextOptions {
  /** Gives the best so many. Default all. */
  readonly topN?: number | undefined;
}

const shared = ["truncate", "onProgress", "signal"];

export interface TextSettings {
  readonly truncate: boolean;
  readonly onProgress: TextOptions["onProgress"];
  readonly signal: AbortSignal | undefined;
}

export interface EmbedSettings extends TextSettings {
  readonly normalize: boolean;
  readonly dimensions: number | undefined;
  readonly pooling: EmbedOptions["pooling"];
}

export function readEmbedOptions(value: unknown, embeddingSize: number): EmbedSettings {
  const options = checkOptions(value, "embed", [...shared, "normalize", "dimensions", "pooling"]);
  return {
    ...textSettings(options),
    normalize: checkBoolean(options["normalize"], "normalize") ?? true,
    dimensions: checkWholeNumber(options["dimensions"], "dimensions", 1, embeddingSize),
    pooling: checkChoice(options["pooling"], "pooling", ["mean", "cls", "last"]),
  };
}

export function readRerankOptions(value: unknown): TextSettings & { readonly topN: number | undefined } {
  const options = checkOptions(value, "rerank", [...shared, "topN"]);
  return { ...textSettings(options), topN: checkWholeNumber(options["topN"], "topN", 1, Number.MAX_SAFE_INTEGER) };
}

function textSettings(options: Readonly<Record<string, unknown>>): TextSettings {
  return {
    truncate: checkBoolean(options["truncate"], "truncate") ?? false,
    onProgress: checkFunction(options["onProgress"], "onProgress") as TextOptions["onProgress"],
    signal: checkSignal(options["signal"]),
  };
}

/** A copy, so that what the caller does with its array afterwards changes nothing. */
export function checkTexts(value: unknown, name: string): string[] {
  if (!Array.isArray(value)) throw invalidArgument("an array of texts", name, value);
  return Array.from(value, (text, index) => checkNotEmpty(text, `${name}[${index}]`));
}

export function checkNotEmpty(value: unknown, name: string): string {
  const text = checkText(value, name);
  if (text === "") throw invalidArgument("text that is not empty", name, text);
  return text;
}
