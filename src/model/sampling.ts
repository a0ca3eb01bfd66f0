// How the next token is chosen: the public options, their checks, and defaults from the model's file.
import type { EngineSampling } from "../engine/engine.js";
import { invalidArgument } from "../errors.js";
import { checkNumber, checkPositiveNumber, checkWholeNumber } from "./checks.js";

/** Every default named "the file's" is read from the model file's `general.sampling.*` metadata. */
export interface SamplingOptions {
  /** Randomness; 0 always takes the most likely token. Number from 0 up. Defaults to the file's, else 0.8. */
  readonly temperature?: number | undefined;
  /** Candidates kept, most likely first; 0 keeps all. Whole number. Defaults to the file's, else 40. */
  readonly topK?: number | undefined;
  /** Keeps the smallest set of candidates whose probabilities add up to this; 1 keeps all. From 0 to 1. Defaults to the file's, else 0.95. */
  readonly topP?: number | undefined;
  /** Drops candidates less likely than this times the most likely one; 0 keeps all. From 0 to 1. Defaults to the file's, else 0.05. */
  readonly minP?: number | undefined;
  /** Divides the scores of tokens that occurred lately; 1 is off. Number above 0. Defaults to the file's, else 1. */
  readonly repeatPenalty?: number | undefined;
  /** Lowers the score of a token for each time it occurred lately; 0 is off. Defaults to 0. */
  readonly frequencyPenalty?: number | undefined;
  /** Lowers the score of every token that occurred lately; 0 is off. Defaults to 0. */
  readonly presencePenalty?: number | undefined;
  /** How many of the last tokens the penalties look at; 0 is none, -1 the whole context. Defaults to the file's, else 64. */
  readonly penaltyLastN?: number | undefined;
  /** Seed of the random choice, for answers that come out the same. Whole number from 0 to 4,294,967,295, each of them a seed. Defaults to a new one each time. */
  readonly seed?: number | undefined;
  /** Added to the scores of single tokens: pairs of token id and number, as a Map or an array; -Infinity bans a token. */
  readonly logitBias?: Iterable<readonly [token: number, bias: number]> | undefined;
}

export const samplingOptionNames = [
  "temperature", "topK", "topP", "minP", "repeatPenalty", "frequencyPenalty", "presencePenalty", "penaltyLastN", "seed", "logitBias",
] as const satisfies readonly (keyof SamplingOptions)[];

type SamplingDefaults = Omit<EngineSampling, "seed" | "logitBias">;

const builtInDefaults: SamplingDefaults = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  penaltyLastN: 64,
};

/** What the file recommends, over what this library does otherwise. A value of the file that makes no sense is passed over. */
export function samplingDefaults(metadata: Readonly<Record<string, string>>): SamplingDefaults {
  const recommended = (key: string, otherwise: number, isValid: (value: number) => boolean) => {
    const text = metadata[`general.sampling.${key}`];
    const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
    // The file holds 32-bit floats: 0.95 is written out as 0.949999988079071.
    const rounded = Number(value.toPrecision(6));
    return Number.isFinite(rounded) && isValid(rounded) ? rounded : otherwise;
  };
  const isShare = (value: number) => value >= 0 && value <= 1;
  return {
    ...builtInDefaults,
    temperature: recommended("temp", builtInDefaults.temperature, (value) => value >= 0),
    topK: recommended("top_k", builtInDefaults.topK, (value) => Number.isInteger(value) && value >= 0),
    topP: recommended("top_p", builtInDefaults.topP, isShare),
    minP: recommended("min_p", builtInDefaults.minP, isShare),
    repeatPenalty: recommended("penalty_repeat", builtInDefaults.repeatPenalty, (value) => value > 0),
    penaltyLastN: recommended("penalty_last_n", builtInDefaults.penaltyLastN, (value) => Number.isInteger(value) && value >= -1),
  };
}

/** What a model brings to the sampling of each of its runs. */
export interface ModelSampling {
  readonly defaults: SamplingDefaults;
  /** Tokens that are never generated. */
  readonly bannedTokens: readonly number[];
  readonly vocabularySize: number;
}

/** Checks the options and fills in what they leave open. */
export function resolveSampling(options: SamplingOptions, model: ModelSampling): EngineSampling {
  const { defaults } = model;
  return {
    temperature: checkNumber(options.temperature, "temperature", 0, Infinity) ?? defaults.temperature,
    topK: checkWholeNumber(options.topK, "topK", 0, 0x7fffffff) ?? defaults.topK,
    topP: checkNumber(options.topP, "topP", 0, 1) ?? defaults.topP,
    minP: checkNumber(options.minP, "minP", 0, 1) ?? defaults.minP,
    repeatPenalty: checkPositiveNumber(options.repeatPenalty, "repeatPenalty") ?? defaults.repeatPenalty,
    frequencyPenalty: checkNumber(options.frequencyPenalty, "frequencyPenalty", -Infinity, Infinity) ?? defaults.frequencyPenalty,
    presencePenalty: checkNumber(options.presencePenalty, "presencePenalty", -Infinity, Infinity) ?? defaults.presencePenalty,
    penaltyLastN: checkWholeNumber(options.penaltyLastN, "penaltyLastN", -1, 0x7fffffff) ?? defaults.penaltyLastN,
    seed: checkWholeNumber(options.seed, "seed", 0, 0xffffffff),
    logitBias: [
      ...checkLogitBias(options.logitBias, model.vocabularySize),
      ...model.bannedTokens.map((token) => [token, -Infinity] as const),
    ],
  };
}

function checkLogitBias(value: unknown, vocabularySize: number): (readonly [number, number])[] {
  if (value === undefined) return [];
  if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) {
    throw invalidArgument("a Map or an array of pairs", "logitBias", value);
  }
  return Array.from(value as Iterable<unknown>, (pair, index) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalidArgument("a pair of token id and number", `logitBias[${index}]`, pair);
    const [token, bias] = pair as [unknown, unknown];
    if (typeof token !== "number" || !Number.isInteger(token) || token < 0 || token >= vocabularySize) {
      throw invalidArgument(`a token id from 0 to ${vocabularySize - 1}`, `logitBias[${index}][0]`, token);
    }
    if (typeof bias !== "number" || Number.isNaN(bias) || bias === Infinity) {
      throw invalidArgument("a finite number or -Infinity", `logitBias[${index}][1]`, bias);
    }
    return [token, bias] as const;
  });
}
