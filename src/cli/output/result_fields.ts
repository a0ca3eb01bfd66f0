// What of a reply's result programs get, as JSON.
import { AnswerError, type ReplyResult } from "../../index.js";

/** Integers beyond 2^53 are strings of digits, which `jsonLine` makes of them. */
export function resultFields({
  text,
  value,
  toolCalls,
  finishReason,
  stopString,
  stoppedBy,
  incomplete,
  incompleteCall,
  malformed,
  reasoning,
  dropped,
  usage,
  timings,
  logProbabilities,
}: ReplyResult) {
  return {
    text,
    value,
    toolCalls:
      toolCalls.length === 0
        ? undefined
        : toolCalls.map(({ id, name, arguments: args, problem, problemMessage }) => ({
            id,
            name,
            arguments: args,
            problem,
            problemMessage,
          })),
    finishReason,
    stopString,
    stoppedBy,
    incomplete,
    incompleteCall,
    malformed,
    reasoning,
    dropped: dropped?.length,
    usage,
    timings,
    logProbabilities,
  };
}

/**
 * How a reply came out: with an error where its answer does not satisfy the schema or was cut off. Other failures are
 * thrown.
 */
export interface Outcome {
  readonly result: ReplyResult;
  readonly error?: { readonly code: string; readonly message: string };
}

export async function outcomeOf(reply: PromiseLike<ReplyResult>): Promise<Outcome> {
  try {
    return { result: await reply };
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error;
    return { result: error.result, error: { code: error.code, message: error.message } };
  }
}

/** One line of JSON. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
}
