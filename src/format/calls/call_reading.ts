// Whether, and how, the calls of a model are read.
import type { CallFormat } from "../../engine/call_format.js";

export type TemplateCalls =
  /** In the Hermes format. */
  | { readonly kind: "hermes" }
  | {
      readonly kind: "own";
      readonly format: CallFormat;
      /** Follows the calls of a turn. */
      readonly turnEnd: string;
      /** The template leaves out the calls of earlier turns. Undefined: false. */
      readonly isUnwritten?: boolean;
    }
  /** In a format that cannot be read. `reason` ends a sentence. */
  | { readonly kind: "unknown"; readonly reason: string };

export const hermesCalls: TemplateCalls = { kind: "hermes" };

/** Whether a turn may have several calls. */
export const allowsSeveral = (calls: TemplateCalls): boolean => calls.kind !== "own" || calls.format.several;
