// A reply that came to its end without the answer that was asked for: the failure, and all that was written.
import { CaduceusError } from "../../errors.js";
import type { ReplyResult } from "./reply_events.js";

/** Why a reply has no answer by its schema. */
export interface AnswerProblem {
  readonly code: AnswerError["code"];
  readonly message: string;
}

/** What a reply with `schema` rejects with where it came to its end without the answer. */
export class AnswerError extends CaduceusError {
  /**
   * `SCHEMA_MISMATCH`: the answer is complete and does not satisfy the schema. `INCOMPLETE`: a limit ended the reply
   * before its answer was complete.
   */
  declare readonly code: "SCHEMA_MISMATCH" | "INCOMPLETE";
  readonly #result: ReplyResult;

  /** @internal */
  constructor({ code, message }: AnswerProblem, result: ReplyResult) {
    super(code, message);
    this.#result = result;
  }

  /**
   * What the reply came to all the same: its text, calls, usage and finish reason. No property of its own, so that
   * logging the error does not write out what was said.
   */
  get result(): ReplyResult {
    return this.#result;
  }
}
