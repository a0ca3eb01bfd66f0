// Types of quantization_mix.mjs.
import type { Quantization } from "./make_model.mjs";

/** Those that Hermes 2 Pro is published in. */
export const QUANTIZATIONS: readonly Quantization[];
