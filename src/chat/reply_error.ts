// A reply that came to its end without the answer that was asked for: the failure, and all that was written.
import { CaduceusError } from "../errors.js";
import type { ReplyResult } from "./reply/reply_events.js";

/** Why a reply has no answer by its schema. */
export interface AnswerProblem {
  /**
   * `SCHEMA_MISMATCH`: the answer is complete and wrong. `INCOMPLETE`: a limit ended the reply before its answer was
   * complete.
   */
  readonly code: "SCHEMA_MISMATCH" | "INCOMPLETE";
  readonly message: string;
}

export function answerError({ code, message }: AnswerProblem, result: ReplyResult): CaduceusError {
  return Object.defineProperty(new CaduceusError(code, message), "result", { value: result });
}
