// llama.cpp's further samplers, as its own programs name them.
import { Option, type Command } from "commander";
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
  | "minTokens";

const numbers: readonly (readonly [flag: string, name: SamplerOption, help: string])[] = [
  ["--repeat-last-n <count>", "penaltyLastN", "number of last tokens that the penalties count (default: 64)"],
  ["--presence-penalty <number>", "presencePenalty", "penalty of tokens that occurred, 0 is off"],
  ["--frequency-penalty <number>", "frequencyPenalty", "the same for each occurrence, 0 is off"],
  ["--dry-multiplier <number>", "dryMultiplier", "strength of DRY, against longer repetitions, 0 is off"],
  ["--dry-base <number>", "dryBase", "DRY's base (default: 1.75)"],
  ["--dry-allowed-length <count>", "dryAllowedLength", "length of repetitions without a penalty (default: 2)"],
  ["--dry-penalty-last-n <count>", "dryPenaltyLastN", "number of last tokens that DRY counts (default: -1, all)"],
  ["--top-n-sigma <number>", "topNSigma", "keep logits within this many deviations, 0 is off"],
  ["--typical-p <share>", "typicalP", "keep the most typical candidates, 1 is off"],
  ["--xtc-probability <share>", "xtcProbability", "XTC, sometimes drops the most likely, 0 is off"],
  ["--xtc-threshold <share>", "xtcThreshold", "smallest probability that XTC drops (default: 0.1)"],
  ["--dynatemp-range <number>", "dynatempRange", "range of the dynamic temperature, 0 is off"],
  ["--dynatemp-exp <number>", "dynatempExponent", "its exponent (default: 1)"],
  ["--mirostat <0|1|2>", "mirostat", "Mirostat or Mirostat 2.0, 0 is off"],
  ["--mirostat-ent <number>", "mirostatTau", "Mirostat's surprise, tau (default: 5)"],
  ["--mirostat-lr <number>", "mirostatEta", "Mirostat's learning rate, eta (default: 0.1)"],
  ["--min-tokens <count>", "minTokens", "minimum number of generated tokens"],
];
const group = "llama.cpp's samplers:";
/** How commander keeps a flag's value. */
const keyOf = (flag: string) => new Option(flag).attributeName();

export function addSamplerFlags(command: Command): Command {
  for (const [flag, , help] of numbers)
    command.addOption(new Option(flag, help).argParser(readNumber).helpGroup(group));
  const more = (text: string, earlier: string[] = []) => [...earlier, text];
  command.addOption(
    new Option("--dry-sequence-breaker <text>", "text that ends DRY's repetitions; may be given several times")
      .argParser<string[] | undefined>((text, earlier) => more(text, earlier))
      .helpGroup(group),
  );
  return command.addOption(new Option("--ignore-eos", "the model cannot end its turn").helpGroup(group));
}

export function samplerOptions(
  flags: object,
): Pick<GenerationOptions, SamplerOption | "drySequenceBreakers" | "ignoreEos"> {
  const values = flags as Readonly<Record<string, unknown>>;
  return {
    ...Object.fromEntries(numbers.map(([flag, name]) => [name, values[keyOf(flag)]])),
    drySequenceBreakers: values["drySequenceBreaker"] as string[] | undefined,
    ignoreEos: values["ignoreEos"] as boolean | undefined,
  };
}
