// Puts one question to the model and keeps what is needed to judge the answer.
import { AnswerError, CaduceusError, type Model, type ReplyResult } from "../../index.js";
import { askOptions, isConstrained, type AskSettings } from "./request_options.js";
import type { Answer, AnsweredCall, Sample } from "../sample.js";

// Errors of a single question, after which the others can still be asked.
const ofTheQuestion = new Set([
  "INVALID_MESSAGES",
  "INVALID_SCHEMA",
  "INVALID_TOOL",
  "CONTEXT_FULL",
  "TEMPLATE_FAILED",
  "TOOLS_UNSUPPORTED",
]);

/** Rejects if no further question can be answered, or with the signal's reason. */
export async function ask(model: Model, sample: Sample, settings: AskSettings, signal: AbortSignal): Promise<Answer> {
  const began = performance.now();
  // The published evaluator reads the raw text, tags and all, which only the tokens still have.
  const readsTokens =
    sample.tools !== undefined && model.capabilities.logProbabilities && !isConstrained(model, settings);
  try {
    const result = await model.reply(sample.messages, {
      ...askOptions(sample, settings),
      ...(readsTokens ? { logProbabilities: true } : {}),
      signal,
    });
    const raw = result.logProbabilities && (await model.detokenize(result.logProbabilities.map(({ token }) => token)));
    return toAnswer(result, raw ?? rebuiltText(result), performance.now() - began);
  } catch (error) {
    signal.throwIfAborted();
    // An answer that does not satisfy its schema, or was cut off, is judged as any other.
    if (error instanceof AnswerError)
      return toAnswer(error.result, rebuiltText(error.result), performance.now() - began);
    if (!(error instanceof CaduceusError) || !ofTheQuestion.has(error.code)) throw error;
    return {
      text: "",
      calls: [],
      malformed: 0,
      promptTokens: 0,
      generatedTokens: 0,
      durationMs: 0,
      error: `${error.message} (${error.code})`,
    };
  }
}

function toAnswer(result: ReplyResult, text: string, durationMs: number): Answer {
  const { toolCalls, malformed, finishReason, incomplete, usage } = result;
  return {
    text,
    calls: toolCalls.map(
      ({ name, argumentsText, problem, repaired }): AnsweredCall => ({
        name,
        argumentsText,
        ...(problem === undefined ? {} : { problem }),
        ...(repaired ? { repaired } : {}),
      }),
    ),
    malformed: malformed?.length ?? 0,
    finishReason,
    ...(incomplete ? { incomplete } : {}),
    promptTokens: usage.promptTokens,
    generatedTokens: usage.generatedTokens,
    durationMs: Math.round(durationMs),
  };
}

/** The reply as it is written when nothing goes wrong. */
function rebuiltText({ text, toolCalls, malformed = [] }: ReplyResult): string {
  const calls = toolCalls.map(
    ({ name, argumentsText }) =>
      `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${argumentsText}}\n</tool_call>`,
  );
  return [text, ...calls, ...malformed].filter((part) => part !== "").join("\n");
}
