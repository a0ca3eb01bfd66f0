// llama.cpp's further samplers, as its own programs name them.
import { InvalidArgumentError, Option, type Command } from "commander";
import type { GenerationOptions } from "../../index.js";
import { readNumber } from "../flag_values.js";

type SamplerOption =
  | "penaltyLastN"
  | "presencePenalty"
  | "frequencyPenalty"
  | "dryMultiplier"
  | "dryBase"
  | "dryAllowedLength"
  | "dryPenaltyLastN"
  | "topNSigma"
  | "typicalP"
  | "xtcProbability"
  | "xtcThreshold"
  | "dynatempRange"
  | "dynatempExponent"
  | "mirostat"
  | "mirostatTau"
  | "mirostatEta"
  | "adaptiveTarget"
  | "adaptiveDecay"
  | "minTokens";

const numbers: readonly (readonly [flag: string, name: SamplerOption, help: string])[] = [
  ["--repeat-last-n <count>", "penaltyLastN", "how many of the last tokens the penalties look at (default: 64)"],
  ["--presence-penalty <number>", "presencePenalty", "less of what occurred, 0 is off"],
  ["--frequency-penalty <number>", "frequencyPenalty", "less of it for each time, 0 is off"],
  ["--dry-multiplier <number>", "dryMultiplier", "DRY, against longer repetitions, 0 is off"],
  ["--dry-base <number>", "dryBase", "DRY's base (default: 1.75)"],
  ["--dry-allowed-length <count>", "dryAllowedLength", "repetitions that cost nothing (default: 2)"],
  ["--dry-penalty-last-n <count>", "dryPenaltyLastN", "how far DRY looks back (default: -1, all)"],
  ["--top-n-sigma <number>", "topNSigma", "keep scores within so many deviations, 0 is off"],
  ["--typical-p <share>", "typicalP", "keep the most typical candidates, 1 is off"],
  ["--xtc-probability <share>", "xtcProbability", "XTC, drops the likeliest now and then, 0 is off"],
  ["--xtc-threshold <share>", "xtcThreshold", "what counts as likely to XTC (default: 0.1)"],
  ["--dynatemp-range <number>", "dynatempRange", "temperature by entropy, up and down, 0 is off"],
  ["--dynatemp-exp <number>", "dynatempExponent", "its exponent (default: 1)"],
  ["--mirostat <0|1|2>", "mirostat", "choose by Mirostat or Mirostat 2.0, 0 is off"],
  ["--mirostat-ent <number>", "mirostatTau", "Mirostat's surprise, tau (default: 5)"],
  ["--mirostat-lr <number>", "mirostatEta", "Mirostat's learning rate, eta (default: 0.1)"],
  ["--adaptive-target <share>", "adaptiveTarget", "adaptive p: tokens of about this probability, -1 is off"],
  ["--adaptive-decay <share>", "adaptiveDecay", "how slowly adaptive p forgets (default: 0.9)"],
  ["--min-tokens <count>", "minTokens", "no end before so many tokens"],
];
const group = "Samplers, as llama.cpp has them:";
/** How commander keeps a flag's value. */
const keyOf = (flag: string) => new Option(flag).attributeName();

export function addSamplerFlags(command: Command): Command {
  for (const [flag, , help] of numbers)
    command.addOption(new Option(flag, help).argParser(readNumber).helpGroup(group));
  const more = (text: string, earlier: string[] = []) => [...earlier, text];
  command.addOption(
    new Option("--dry-sequence-breaker <text>", "what DRY's repetitions end at; may be given several times")
      .argParser<string[] | undefined>((text, earlier) => more(text, earlier))
      .helpGroup(group),
  );
  command.addOption(
    new Option(
      "--logit-bias <token±bias>",
      "a token id or a text, and what its score changes by; may be given several times",
    )
      .argParser<Bias[] | undefined>((text, earlier = []) => [...earlier, readBias(text)])
      .helpGroup(group),
  );
  return command.addOption(new Option("--ignore-eos", "no end but by a limit").helpGroup(group));
}

type Bias = readonly [token: number | string, bias: number];

/** `15043+1`, `" Hello-0.5"` or `15043-inf`. */
function readBias(text: string): Bias {
  const [, token = "", bias = ""] = /^(.+)([+-](?:\d+\.?\d*|\.\d+|inf))$/s.exec(text) ?? [];
  if (token === "" || bias === "+inf")
    throw new InvalidArgumentError("Expected a token id or a text, + or -, and a number: 15043+1.");
  return [/^\d+$/.test(token) ? Number(token) : token, bias === "-inf" ? -Infinity : Number(bias)];
}

export function samplerOptions(
  flags: object,
): Pick<GenerationOptions, SamplerOption | "drySequenceBreakers" | "logitBias" | "ignoreEos"> {
  const values = flags as Readonly<Record<string, unknown>>;
  return {
    ...Object.fromEntries(numbers.map(([flag, name]) => [name, values[keyOf(flag)]])),
    drySequenceBreakers: values["drySequenceBreaker"] as string[] | undefined,
    logitBias: values["logitBias"] as readonly Bias[] | undefined,
    ignoreEos: values["ignoreEos"] as boolean | undefined,
  };
}
