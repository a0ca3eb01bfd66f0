// Answers the prompt of one line. An error of the line is its answer; an error of the model ends the command.
import { CaduceusError, type Model } from "../../index.js";
import { outcomeOf, resultFields } from "../output/result_fields.js";
import type { Request } from "../request.js";
import type { Answer } from "./answers.js";
import { readId, readObject, readPrompt, type PromptLine } from "./prompt_line.js";

// The other lines can be answered all the same.
const ofTheLine = new Set<string>([
  "INVALID_ARGUMENT",
  "INVALID_MESSAGES",
  "INVALID_SCHEMA",
  "INVALID_TOOL",
  "CONSTRAINT_INVALID",
  "CONSTRAINT_TOO_COMPLEX",
  "CONTEXT_FULL",
  "TEMPLATE_FAILED",
  "TOOLS_UNSUPPORTED",
  "QUEUE_TIMEOUT",
]);

export function answerLine(model: Model, request: Request, line: PromptLine, signal: AbortSignal): Promise<Answer> {
  return answered(line, signal, async (given) => {
    const { input, options } = readPrompt(given);
    const messages = "messages" in input ? request.complete(input.messages) : request.ask(input.prompt);
    const { result, error } = await outcomeOf(model.reply(messages, { ...request.options, ...options, signal }));
    return { ...resultFields(result), ...(error === undefined ? {} : { error }) };
  });
}

/** Rejects where nothing can be answered any more, and with the signal's reason. */
export async function answered(
  { number, text }: PromptLine,
  signal: AbortSignal,
  answer: (line: object) => Promise<object>,
): Promise<Answer> {
  let id: string | number | undefined;
  try {
    if (typeof text !== "string") throw text;
    const line = readObject(text);
    id = readId((line as { id?: unknown }).id);
    const fields = await answer(line);
    return { line: number, ...(id === undefined ? {} : { id }), ...fields };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CaduceusError) || !ofTheLine.has(error.code)) throw error;
    return { line: number, ...(id === undefined ? {} : { id }), error: { code: error.code, message: error.message } };
  }
}
