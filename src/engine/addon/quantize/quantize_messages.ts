// What the process that quantizes and the one that asked for it say to each other.
import type { ErrorCode } from "../../../errors.js";
import type { NativeQuantizationPlan, NativeQuantizeOptions } from "../native.js";

/** The first message to the process. Any second one starts what was planned. */
export interface QuantizeJob {
  /** Path of the compiled addon. */
  readonly addon: string;
  readonly options: NativeQuantizeOptions;
}

export type QuantizeAnswer =
  | { readonly kind: "plan"; readonly plan: NativeQuantizationPlan }
  | { readonly kind: "done" }
  | { readonly kind: "failure"; readonly code: ErrorCode; readonly message: string };
