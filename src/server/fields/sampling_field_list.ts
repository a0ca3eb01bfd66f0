// The fields by which every endpoint below /v1 takes sampling parameters: OpenAI's, and those of llama.cpp's server and
// vLLM.
import { honored, type FieldEntry } from "./field_table.js";

export const samplingFields: readonly FieldEntry[] = [
  honored(
    "seed",
    "the n-th answer uses the n-th following seed; every number is a seed, -1 too; without it each request gets a new one",
  ),
  honored("deterministic", "[Reproducible answers](production.md#reproducible-answers)"),
  honored("temperature", "0 to 2"),
  honored("top_p", "0 to 1"),
  honored("top_k", "0 and -1 turn it off"),
  honored("min_p", "0 to 1"),
  honored("repeat_penalty", "1 is off"),
  honored("repetition_penalty", "used if `repeat_penalty` is missing"),
  honored("repeat_last_n", "number of last tokens that the penalties count"),
  honored("min_tokens", "the model cannot end its turn before that many tokens"),
  honored("ignore_eos", "the model cannot end its turn at all"),
  honored("stop_token_ids", "up to 1,000 tokens that end the turn"),
  honored("dry_multiplier", "strength of DRY; 0 is off"),
  ...["dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers"].map((name) =>
    honored(name, "a parameter of DRY"),
  ),
  honored("top_n_sigma", "0 or less is off"),
  honored("typical_p", "1 is off"),
  honored("xtc_probability", "probability of XTC; 0 is off"),
  honored("xtc_threshold", "threshold of XTC"),
  honored("dynatemp_range", "range of the dynamic temperature; 0 is off"),
  honored("dynatemp_exponent", "exponent of the dynamic temperature"),
  honored("mirostat", "0 is off; 1 and 2 replace all samplers that remove candidates"),
  ...["mirostat_tau", "mirostat_eta"].map((name) => honored(name, "a parameter of Mirostat")),
  honored("adaptive_target", "adaptive p; below 0 is off; not together with `mirostat`"),
  honored("adaptive_decay", "a parameter of adaptive p"),
  honored("frequency_penalty", "-2 to 2"),
  honored("presence_penalty", "-2 to 2"),
  honored(
    "logit_bias",
    "token ids or texts (each of their tokens; at most 100) with numbers from -100 to 100, as an object or as pairs; false in a pair bans the token",
  ),
  honored(
    "lora",
    "[adapters](adapters.md#in-the-server) by `id` (number or name) and `scale`; those that are left out are not used",
  ),
  honored("cache_salt", "requests with different salts never share cached tokens"),
];
