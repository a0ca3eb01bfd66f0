// The options of a pool of models and their checks.
import { CaduceusError, describe, invalidArgument, mismatch, unreadable } from "../errors.js";
import { checkLoadOptions, loadOptionNames, type LoadOptions } from "../model/loading/load_options.js";
import {
  checkBoolean,
  checkModelName,
  checkOptions,
  checkSignal,
  checkWholeNumber,
  loneSurrogate,
} from "../options/option_checks.js";

/** A model of a pool: how it is loaded, and how long it stays. */
export interface PoolModelOptions extends Omit<LoadOptions, "signal"> {
  /** A name or the path of a GGUF file, as `load` takes it. */
  readonly model: string;
  /** Time in milliseconds without use after which it is unloaded, or false. Defaults to the pool's. */
  readonly keepAliveMs?: number | false | undefined;
  /** Whether it is loaded as soon as the pool is made. Defaults to false: at its first use. */
  readonly loadOnStartup?: boolean | undefined;
}

/** Options of a `ModelPool`. */
export interface ModelPoolOptions {
  /**
   * The models by their names: what `load` takes, alone or with the options of loading. Names have up to 200
   * characters.
   */
  readonly models: Readonly<Record<string, string | PoolModelOptions>>;
  /**
   * Maximum memory of all loaded models in bytes, as estimated before they are loaded: weights, KV cache, host cache,
   * adapters (those that are added later too) and room to compute in. What GPUs hold is not counted. A model that needs
   * more alone is refused. Whole number from 1. Defaults to the memory of this machine.
   */
  readonly maxMemoryBytes?: number | undefined;
  /** Maximum number of loaded models. Whole number from 1. Defaults to no limit. */
  readonly maxModels?: number | undefined;
  /**
   * Time in milliseconds without use after which a model is unloaded. 0 unloads it at once, false keeps it until its
   * memory is needed. Whole number from 0. Defaults to false.
   */
  readonly keepAliveMs?: number | false | undefined;
  /**
   * Time in milliseconds that a request waits until models that are in use leave the memory that its own needs; then it
   * fails with `QUEUE_TIMEOUT`. Loading itself is not counted. Whole number from 1. Defaults to 60,000.
   */
  readonly queueTimeoutMs?: number | undefined;
}

/** Options of `acquire`, `use` and `load`. */
export interface AcquireOptions {
  /** From now on, how long the model stays without use: instead of its own, until it is unloaded. */
  readonly keepAliveMs?: number | false | undefined;
  /** Ends the waiting. A model for which nobody waits any more is not loaded further. */
  readonly signal?: AbortSignal | undefined;
}

export interface CheckedModel {
  readonly source: string;
  readonly load: LoadOptions;
  readonly keepAliveMs: number | false;
  readonly loadOnStartup: boolean;
}

const poolOptionNames = [
  "models",
  "maxMemoryBytes",
  "maxModels",
  "keepAliveMs",
  "queueTimeoutMs",
] as const satisfies readonly (keyof ModelPoolOptions)[];

const modelOptionNames = [
  "model",
  "keepAliveMs",
  "loadOnStartup",
  ...loadOptionNames.filter((name) => name !== "signal"),
];

/** The most that a timer can wait. */
export const longestMs = 0x7fffffff;
const longestName = 200;

export function checkPoolOptions(given: unknown) {
  const options = checkOptions(given, "ModelPool", poolOptionNames);
  const keepAliveMs = checkKeepAlive(options["keepAliveMs"], "keepAliveMs") ?? false;
  return {
    models: checkModels(options["models"], keepAliveMs),
    maxMemoryBytes: checkWholeNumber(options["maxMemoryBytes"], "maxMemoryBytes", 1, Number.MAX_SAFE_INTEGER),
    maxModels: checkWholeNumber(options["maxModels"], "maxModels", 1, Number.MAX_SAFE_INTEGER) ?? Infinity,
    queueTimeoutMs: checkWholeNumber(options["queueTimeoutMs"], "queueTimeoutMs", 1, longestMs) ?? 60_000,
  };
}

export function checkAcquireOptions(given: unknown, subject: string) {
  const options = checkOptions(given, subject, ["keepAliveMs", "signal"]);
  return {
    keepAliveMs: checkKeepAlive(options["keepAliveMs"], "keepAliveMs"),
    signal: checkSignal(options["signal"]),
  };
}

function checkModels(given: unknown, keepAliveMs: number | false): ReadonlyMap<string, CheckedModel> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw invalidArgument("an object with the models by their names", "models", given);
  let entries: [string, unknown][];
  try {
    entries = Object.entries(given);
  } catch (error) {
    throw unreadable(error, "models", "INVALID_ARGUMENT");
  }
  if (entries.length === 0)
    throw mismatch("INVALID_ARGUMENT", { expected: "at least one model", place: "models", received: "none" });
  return new Map(entries.map(([name, model]) => [checkName(name), checkModel(model, placeOf(name), keepAliveMs)]));
}

/** Names stand in messages, addresses and metrics. */
function checkName(name: string): string {
  if (name !== "" && name.length <= longestName && loneSurrogate(name) === -1 && !/\p{Cc}/u.test(name)) return name;
  throw mismatch("INVALID_ARGUMENT", {
    expected: `a name of 1 to ${longestName} characters without control characters`,
    place: "models",
    received: describe(name),
  });
}

const placeOf = (name: string) => (/^[\w$-]+$/.test(name) ? `models.${name}` : `models[${JSON.stringify(name)}]`);

function checkModel(given: unknown, place: string, keepAliveMs: number | false): CheckedModel {
  if (typeof given !== "string" && (typeof given !== "object" || given === null || Array.isArray(given)))
    throw invalidArgument("a name, a path, or an object with model and its options", place, given);
  const { model, loadOnStartup, ...options } =
    typeof given === "string"
      ? { model: given }
      : (checkOptions(given, place, modelOptionNames) as Record<string, unknown>);
  try {
    const own = checkKeepAlive(options["keepAliveMs"], "keepAliveMs");
    delete options["keepAliveMs"];
    checkLoadOptions(options);
    return {
      source: checkModelName(model),
      load: options,
      keepAliveMs: own ?? keepAliveMs,
      loadOnStartup: checkBoolean(loadOnStartup, "loadOnStartup") ?? false,
    };
  } catch (error) {
    throw within(error, place);
  }
}

/** An error about an option of one model, which names the place of it in the pool's. */
function within(error: unknown, place: string): unknown {
  if (!(error instanceof CaduceusError)) return error;
  const { code, problem, param, remedy, mismatch: parts } = error;
  const details = { ...(remedy === undefined ? {} : { remedy }), cause: error };
  if (parts !== undefined) return mismatch(code, { ...parts, place: `${place}.${parts.place}` }, details);
  return new CaduceusError(code, `${place}: ${problem}`, {
    ...details,
    param: param === undefined ? place : `${place}.${param}`,
  });
}

function checkKeepAlive(value: unknown, name: string): number | false | undefined {
  if (value === undefined || value === false) return value;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= longestMs) return value;
  throw invalidArgument(`a whole number from 0 to ${longestMs}, or false`, name, value);
}
