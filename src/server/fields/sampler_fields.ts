// llama.cpp's samplers as its server names them, in the library's words.
import type { GenerationOptions } from "../../index.js";
import type { Fields } from "./read_fields.js";

const mostTokens = 0x7fffffff;

export function readSamplers(body: Fields) {
  // A negative one is off, as with llama.cpp's server.
  const sigma = body.number("top_n_sigma", -1_000, 1_000);
  const target = body.number("adaptive_target", -1, 1);
  return {
    dryMultiplier: body.number("dry_multiplier", 0, 1_000),
    dryBase: body.number("dry_base", 1, 1_000),
    dryAllowedLength: body.wholeNumber("dry_allowed_length", 0, mostTokens),
    dryPenaltyLastN: body.wholeNumber("dry_penalty_last_n", -1, mostTokens),
    drySequenceBreakers: body.list("dry_sequence_breakers") as readonly string[] | undefined,
    topNSigma: sigma && Math.max(sigma, 0),
    typicalP: body.number("typical_p", 0, 1),
    xtcProbability: body.number("xtc_probability", 0, 1),
    xtcThreshold: body.number("xtc_threshold", 0, 1),
    dynatempRange: body.number("dynatemp_range", 0, 100),
    dynatempExponent: body.number("dynatemp_exponent", 0, 100),
    mirostat: body.wholeNumber("mirostat", 0, 2) as 0 | 1 | 2 | undefined,
    mirostatTau: body.number("mirostat_tau", 0, 100),
    mirostatEta: body.number("mirostat_eta", 0, 10),
    // A negative one is off, as with llama.cpp's server.
    adaptiveTarget: target === undefined || target >= 0 ? target : -1,
    adaptiveDecay: body.number("adaptive_decay", 0, 0.99),
  } satisfies GenerationOptions;
}
