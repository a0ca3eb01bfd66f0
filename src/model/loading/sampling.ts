// Sampler options, their checks, and defaults from the model's file.
import type { EngineSampling } from "../../engine/engine.js";
import { CaduceusError, invalidArgument, mismatch, reading } from "../../errors.js";
import {
  checkBoolean,
  checkNumber,
  checkPositiveNumber,
  checkText,
  checkWholeNumber,
} from "../../options/option_checks.js";

/**
 * Sampler options: llama.cpp's samplers, in llama.cpp's order. At temperature 0 the most likely token after biases,
 * penalties and DRY is taken, and other samplers have no effect. Defaults named "the file's" come from the model file's
 * `general.sampling.*` metadata.
 */
export interface SamplingOptions {
  /** Randomness; 0 always takes the most likely token. Number from 0 up. Defaults to the file's, else 0.8. */
  readonly temperature?: number | undefined;
  /** Candidates kept, most likely first; 0 keeps all. Whole number. Defaults to the file's, else 40. */
  readonly topK?: number | undefined;
  /**
   * Keeps the smallest set of candidates whose probabilities add up to this; 1 keeps all. From 0 to 1. Defaults to the
   * file's, else 0.95.
   */
  readonly topP?: number | undefined;
  /**
   * Drops candidates less likely than this times the most likely one; 0 keeps all. From 0 to 1. Defaults to the file's,
   * else 0.05.
   */
  readonly minP?: number | undefined;
  /** Divides the scores of tokens that occurred lately; 1 is off. Number above 0. Defaults to the file's, else 1. */
  readonly repeatPenalty?: number | undefined;
  /** Lowers the score of a token for each time it occurred lately; 0 is off. Defaults to 0. */
  readonly frequencyPenalty?: number | undefined;
  /** Lowers the score of every token that occurred lately; 0 is off. Defaults to 0. */
  readonly presencePenalty?: number | undefined;
  /**
   * Number of last tokens that the penalties count; 0 is none, -1 the whole context. Defaults to the file's, else 64.
   */
  readonly penaltyLastN?: number | undefined;
  /**
   * DRY: how much a token loses that would go on repeating what came before: this times `dryBase` to the power of how
   * much longer the repetition is than `dryAllowedLength`. Number from 0 to 1,000; 0 is off. Defaults to 0.
   */
  readonly dryMultiplier?: number | undefined;
  /** From 1 to 1,000. Defaults to 1.75. */
  readonly dryBase?: number | undefined;
  /** Length in tokens up to which a repetition is not penalized. Whole number from 0. Defaults to 2. */
  readonly dryAllowedLength?: number | undefined;
  /** Number of last tokens that DRY counts; 0 is none, -1 the whole context. Defaults to -1. */
  readonly dryPenaltyLastN?: number | undefined;
  /** ASCII characters that end a repetition, at most 8. Defaults to a newline, `:`, `"` and `*`. */
  readonly drySequenceBreakers?: readonly string[] | undefined;
  /**
   * Keeps candidates whose score is within so many standard deviations of the highest; 0 keeps all. From 0 to 1,000.
   * Defaults to 0.
   */
  readonly topNSigma?: number | undefined;
  /** Keeps the most typical candidates whose probabilities add up to this; 1 keeps all. From 0 to 1. Defaults to 1. */
  readonly typicalP?: number | undefined;
  /**
   * XTC: probability that all candidates above `xtcThreshold` except the least likely of them are removed; 0 is off.
   * From 0 to 1. Defaults to the file's, else 0.
   */
  readonly xtcProbability?: number | undefined;
  /** From 0 to 1; above 0.5 XTC does nothing. Defaults to the file's, else 0.1. */
  readonly xtcThreshold?: number | undefined;
  /** Range of the dynamic temperature, which follows the entropy; 0 is off. From 0 to 100. Defaults to 0. */
  readonly dynatempRange?: number | undefined;
  /** Exponent of the dynamic temperature. From 0 to 100. Defaults to 1. */
  readonly dynatempExponent?: number | undefined;
  /**
   * Mirostat version 1 or 2, which keeps the text's surprise near `mirostatTau` and replaces all samplers that remove
   * candidates; 0 is off. Defaults to the file's, else 0.
   */
  readonly mirostat?: 0 | 1 | 2 | undefined;
  /** Target surprise of Mirostat in bits. From 0 to 100. Defaults to the file's, else 5. */
  readonly mirostatTau?: number | undefined;
  /** Learning rate of Mirostat. From 0 to 10. Defaults to the file's, else 0.1. */
  readonly mirostatEta?: number | undefined;
  /**
   * Adaptive p: chooses tokens whose probability is near this one on the long run, among the candidates that the other
   * samplers leave; best with `minP` alone. From 0 to 1; -1 is off. Not together with `mirostat`. Defaults to -1.
   */
  readonly adaptiveTarget?: number | undefined;
  /** How slowly adaptive p forgets: it counts about 1 / (1 - this) tokens. From 0 to 0.99. Defaults to 0.9. */
  readonly adaptiveDecay?: number | undefined;
  /** Whether the model's own end-of-generation tokens are banned. Defaults to false. */
  readonly ignoreEos?: boolean | undefined;
  /**
   * Seed of the random numbers, for reproducible answers. Whole number from 0 to 4,294,967,295. Defaults to a new one
   * each time.
   */
  readonly seed?: number | undefined;
  /**
   * Added to the scores of tokens: pairs of a token id or a text with a number, as a Map or an array; -Infinity bans a
   * token. A text stands for each token that it has by itself, so give words with and without the space before them. At
   * most 100 texts, of at most 100 characters each.
   */
  readonly logitBias?: Iterable<readonly [token: number | string, bias: number]> | undefined;
}

export const samplingOptionNames = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "repeatPenalty",
  "frequencyPenalty",
  "presencePenalty",
  "penaltyLastN",
  "dryMultiplier",
  "dryBase",
  "dryAllowedLength",
  "dryPenaltyLastN",
  "drySequenceBreakers",
  "topNSigma",
  "typicalP",
  "xtcProbability",
  "xtcThreshold",
  "dynatempRange",
  "dynatempExponent",
  "mirostat",
  "mirostatTau",
  "mirostatEta",
  "adaptiveTarget",
  "adaptiveDecay",
  "ignoreEos",
  "seed",
  "logitBias",
] as const satisfies readonly (keyof SamplingOptions)[];

type SamplingDefaults = Omit<EngineSampling, "seed" | "logitBias">;

export const builtInDefaults: SamplingDefaults = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repeatPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  penaltyLastN: 64,
  dry: { multiplier: 0, base: 1.75, allowedLength: 2, lastN: -1, sequenceBreakers: ["\n", ":", '"', "*"] },
  topNSigma: 0,
  typicalP: 1,
  xtcProbability: 0,
  xtcThreshold: 0.1,
  dynatempRange: 0,
  dynatempExponent: 1,
  mirostat: 0,
  mirostatTau: 5,
  mirostatEta: 0.1,
  adaptiveTarget: -1,
  adaptiveDecay: 0.9,
};

/** Defaults recommended by the file, else those of this library. Invalid values of the file are ignored. */
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
    penaltyLastN: recommended(
      "penalty_last_n",
      builtInDefaults.penaltyLastN,
      (value) => Number.isInteger(value) && value >= -1,
    ),
    xtcProbability: recommended("xtc_probability", builtInDefaults.xtcProbability, isShare),
    xtcThreshold: recommended("xtc_threshold", builtInDefaults.xtcThreshold, isShare),
    mirostat: recommended("mirostat", builtInDefaults.mirostat, (value) => [0, 1, 2].includes(value)),
    mirostatTau: recommended("mirostat_tau", builtInDefaults.mirostatTau, (value) => value >= 0 && value <= 100),
    mirostatEta: recommended("mirostat_eta", builtInDefaults.mirostatEta, (value) => value >= 0 && value <= 10),
  };
}

/** Sampling settings that every run of a model shares. */
export interface ModelSampling {
  readonly defaults: SamplingDefaults;
  /** Tokens that are never generated. */
  readonly bannedTokens: readonly number[];
  /** Tokens that end a turn. */
  readonly endTokens: readonly number[];
  readonly vocabularySize: number;
}

/** Checks the options and fills in what they leave open. */
export function resolveSampling(options: SamplingOptions, model: ModelSampling): EngineSampling {
  const { defaults } = model;
  const adaptive = resolveAdaptive(options, defaults);
  return {
    temperature: checkNumber(options.temperature, "temperature", 0, Infinity) ?? defaults.temperature,
    topK: checkWholeNumber(options.topK, "topK", 0, 0x7fffffff) ?? defaults.topK,
    topP: checkNumber(options.topP, "topP", 0, 1) ?? defaults.topP,
    minP: checkNumber(options.minP, "minP", 0, 1) ?? defaults.minP,
    repeatPenalty: checkPositiveNumber(options.repeatPenalty, "repeatPenalty") ?? defaults.repeatPenalty,
    frequencyPenalty:
      checkNumber(options.frequencyPenalty, "frequencyPenalty", -Infinity, Infinity) ?? defaults.frequencyPenalty,
    presencePenalty:
      checkNumber(options.presencePenalty, "presencePenalty", -Infinity, Infinity) ?? defaults.presencePenalty,
    penaltyLastN: checkWholeNumber(options.penaltyLastN, "penaltyLastN", -1, 0x7fffffff) ?? defaults.penaltyLastN,
    dry: resolveDry(options, defaults.dry),
    topNSigma: checkNumber(options.topNSigma, "topNSigma", 0, 1_000) ?? defaults.topNSigma,
    typicalP: checkNumber(options.typicalP, "typicalP", 0, 1) ?? defaults.typicalP,
    xtcProbability: checkNumber(options.xtcProbability, "xtcProbability", 0, 1) ?? defaults.xtcProbability,
    xtcThreshold: checkNumber(options.xtcThreshold, "xtcThreshold", 0, 1) ?? defaults.xtcThreshold,
    dynatempRange: checkNumber(options.dynatempRange, "dynatempRange", 0, 100) ?? defaults.dynatempRange,
    dynatempExponent: checkNumber(options.dynatempExponent, "dynatempExponent", 0, 100) ?? defaults.dynatempExponent,
    mirostat:
      checkWholeNumber(options.mirostat, "mirostat", 0, 2) ?? (adaptive.adaptiveTarget < 0 ? defaults.mirostat : 0),
    mirostatTau: checkNumber(options.mirostatTau, "mirostatTau", 0, 100) ?? defaults.mirostatTau,
    mirostatEta: checkNumber(options.mirostatEta, "mirostatEta", 0, 10) ?? defaults.mirostatEta,
    ...adaptive,
    seed: checkWholeNumber(options.seed, "seed", 0, 0xffffffff),
    logitBias: [
      ...reading("logitBias", () => checkLogitBias(options.logitBias, model.vocabularySize)),
      ...[...model.bannedTokens, ...(checkBoolean(options.ignoreEos, "ignoreEos") ? model.endTokens : [])].map(
        (token) => [token, -Infinity] as const,
      ),
    ],
  };
}

function resolveAdaptive(
  options: SamplingOptions,
  defaults: SamplingDefaults,
): Pick<EngineSampling, "adaptiveTarget" | "adaptiveDecay"> {
  const target = options.adaptiveTarget === -1 ? -1 : checkNumber(options.adaptiveTarget, "adaptiveTarget", 0, 1);
  if (target !== undefined && target >= 0 && options.mirostat !== undefined && options.mirostat !== 0)
    throw new CaduceusError("INVALID_ARGUMENT", "adaptiveTarget cannot be combined with mirostat. Give one of them.", {
      param: "adaptiveTarget",
    });
  return {
    adaptiveTarget: target ?? defaults.adaptiveTarget,
    adaptiveDecay: checkNumber(options.adaptiveDecay, "adaptiveDecay", 0, 0.99) ?? defaults.adaptiveDecay,
  };
}

function resolveDry(options: SamplingOptions, defaults: EngineSampling["dry"]): EngineSampling["dry"] {
  return {
    multiplier: checkNumber(options.dryMultiplier, "dryMultiplier", 0, 1_000) ?? defaults.multiplier,
    base: checkNumber(options.dryBase, "dryBase", 1, 1_000) ?? defaults.base,
    allowedLength:
      checkWholeNumber(options.dryAllowedLength, "dryAllowedLength", 0, 0x7fffffff) ?? defaults.allowedLength,
    lastN: checkWholeNumber(options.dryPenaltyLastN, "dryPenaltyLastN", -1, 0x7fffffff) ?? defaults.lastN,
    sequenceBreakers:
      reading("drySequenceBreakers", () => checkBreakers(options.drySequenceBreakers)) ?? defaults.sequenceBreakers,
  };
}

/**
 * Finding the tokens of each takes a walk through the vocabulary on the engine's thread, and of longer ones a
 * tokenization for every token that ends as one begins.
 */
const mostBreakers = 8;

function checkBreakers(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length > mostBreakers)
    throw invalidArgument(`an array of at most ${mostBreakers} texts`, "drySequenceBreakers", value);
  return value.map((one: unknown, index) => {
    const text = checkText(one, `drySequenceBreakers[${index}]`);
    if (/^[\x01-\x7f]$/.test(text)) return text;
    throw invalidArgument("one ASCII character", `drySequenceBreakers[${index}]`, text);
  });
}

/** Texts are tokenized on the engine's thread. */
const mostBiasTexts = 100;
const longestBiasText = 100;

function checkLogitBias(value: unknown, vocabularySize: number): (readonly [number | string, number])[] {
  if (value === undefined) return [];
  let texts = 0;
  if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) {
    throw invalidArgument("a Map or an array of pairs", "logitBias", value);
  }
  return Array.from(value as Iterable<unknown>, (pair, index) => {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw invalidArgument("a pair of token id or text and number", `logitBias[${index}]`, pair);
    const [token, bias] = pair as [unknown, unknown];
    const place = `logitBias[${index}][0]`;
    if (typeof token === "string") {
      if (token === "" || token.length > longestBiasText)
        throw invalidArgument(`text of 1 to ${longestBiasText} characters`, place, token);
      checkText(token, place);
      if (++texts > mostBiasTexts) {
        const [expected, received] = [`at most ${mostBiasTexts} texts`, `${texts} texts`];
        throw mismatch("INVALID_ARGUMENT", { expected, place: "logitBias", received });
      }
    } else if (typeof token !== "number" || !Number.isInteger(token) || token < 0 || token >= vocabularySize) {
      throw invalidArgument(`a token id from 0 to ${vocabularySize - 1}`, place, token);
    }
    if (typeof bias !== "number" || Number.isNaN(bias) || bias === Infinity) {
      throw invalidArgument("a finite number or -Infinity", `logitBias[${index}][1]`, bias);
    }
    return [token, bias] as const;
  });
}
