// Types of make_adapter.mjs.
import type { ModelOptions } from "./make_model.mjs";

export interface AdapterOptions {
  /** For the matrices of its layers. */
  readonly model?: ModelOptions;
  /** In the place of `model`: names of matrices, with the length of a row and their number. */
  readonly weights?: ReadonlyArray<{ readonly name: string; readonly dimensions: readonly number[] }>;
  /** Other weights for another seed. Defaults to 1. */
  readonly seed?: number;
  /** Defaults to 8. */
  readonly rank?: number;
  /** How large what it adds is, beside what a weight gives. Defaults to 0.5. */
  readonly gain?: number;
  /** Defaults to that of the tiny models. */
  readonly architecture?: string;
}

/** Writes a LoRA adapter with random weights in f32. */
export function makeAdapter(out: string, options: AdapterOptions): void;
