// What can be asked of one reply, and its checks.
import { CaduceusError, invalidArgument } from "../errors.js";
import type { PromptPart, RunRequest } from "../engine/engine.js";
import { checkBoolean, checkOptions, checkSignal, checkText, checkWholeNumber, isSignal } from "../model/checks.js";
import type { LoadedModel } from "../model/loaded_model.js";
import type { Schema } from "../schema/read_schema.js";
import { resolveToolOptions, toolOptionNames, type ToolLoopOptions, type ToolSettings } from "./tool_options.js";
import { resolveSampling, samplingOptionNames, type SamplingOptions } from "../model/sampling.js";

/** What can be asked of a completion of a raw prompt. */
export interface CompleteOptions extends SamplingOptions {
  /**
   * Upper bound on generated tokens. The reply ends with finish reason `"length"` there.
   * Defaults to what the context has left. Whole number, at least 1.
   */
  readonly maxTokens?: number | undefined;
  /** The reply ends before the first of these strings, which is not part of its text. A string or an array of them; none is empty. */
  readonly stop?: string | readonly string[] | undefined;
  /** Text events carry the tokens they are made of and their log probabilities, and so does the result. Defaults to false. */
  readonly logProbabilities?: boolean | undefined;
  /** Ends the reply, whether it waits, reads its prompt or writes; whoever reads it gets the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What can be asked of a reply. With tools or a schema the temperature defaults to 0.1. */
export interface ReplyOptions<S extends Schema = Schema> extends CompleteOptions, ToolLoopOptions<S> {}

export const completeOptionNames = [
  ...samplingOptionNames, "maxTokens", "stop", "logProbabilities", "signal",
] as const satisfies readonly (keyof CompleteOptions)[];

export const replyOptionNames = [...completeOptionNames, ...toolOptionNames] as const satisfies readonly (keyof ReplyOptions)[];

/** A request of the engine but for its prompt. */
export type RequestSettings = Omit<RunRequest, "prompt" | "after">;

/** Checks the options of `subject` and fills in what they leave open. */
export function resolveReplyOptions(value: unknown, subject: string, model: LoadedModel): { readonly request: RequestSettings; readonly tools: ToolSettings } {
  const options = checkOptions(value, subject, replyOptionNames) as ReplyOptions;
  const tools = resolveToolOptions(options, model.engine.capabilities);
  const isExact = tools.tools.size > 0 || tools.schema !== undefined;
  return { request: resolveRequest(isExact ? { temperature: exactTemperature, ...withoutUndefined(options) } : options, model), tools };
}

/** The same for a raw prompt. */
export function resolveCompleteOptions(value: unknown, model: LoadedModel): RequestSettings {
  return resolveRequest(checkOptions(value, "complete", completeOptionNames) as CompleteOptions, model);
}

// What calls and JSON are written at, and what the published scores were taken at.
const exactTemperature = 0.1;

const withoutUndefined = <T extends object>(options: T) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

function resolveRequest(options: CompleteOptions, model: LoadedModel): RequestSettings {
  checkSignal(options.signal);
  const logProbabilities = checkBoolean(options.logProbabilities, "logProbabilities") ?? false;
  if (logProbabilities && !model.engine.capabilities.logProbabilities) {
    throw new CaduceusError("INVALID_ARGUMENT", "Expected no logProbabilities: this engine cannot give them.");
  }
  return {
    sampling: resolveSampling(options, model.sampling),
    maxTokens: checkWholeNumber(options.maxTokens, "maxTokens", 1, 0x7fffffff),
    stop: checkStop(options.stop),
    stopTokens: model.vocabulary.stopTokens,
    logProbabilities,
    cacheScope: "",
    deterministic: false,
    priority: 0,
  };
}

function checkStop(value: unknown): string[] {
  if (value === undefined) return [];
  if (typeof value !== "string" && !Array.isArray(value)) throw invalidArgument("a string or an array of strings", "stop", value);
  return [value].flat().map((text: unknown, index) => {
    const name = typeof value === "string" ? "stop" : `stop[${index}]`;
    if (text === "") throw invalidArgument("text that is not empty", name, text);
    return checkText(text, name);
  });
}

/** Checks a raw prompt: a string, in which markup is read, or parts that say themselves what they are. */
export function readPrompt(prompt: unknown, vocabularySize: number): readonly PromptPart[] {
  if (typeof prompt === "string") return [{ control: checkText(prompt, "prompt") }];
  return checkParts(prompt, "prompt", vocabularySize);
}

export function checkParts(parts: unknown, name: string, vocabularySize: number): readonly PromptPart[] {
  if (!Array.isArray(parts)) throw invalidArgument("a string or an array of prompt parts", name, parts);
  return parts.map((part: unknown, index): PromptPart => {
    const where = `${name}[${index}]`;
    const entries = typeof part === "object" && part !== null ? Object.entries(part) : [];
    const [kind, value] = entries[0] ?? [];
    if (entries.length === 1 && kind === "text") return { text: checkText(value, `${where}.text`) };
    if (entries.length === 1 && kind === "control") return { control: checkText(value, `${where}.control`) };
    if (entries.length === 1 && kind === "tokens") return { tokens: checkTokens(value, `${where}.tokens`, vocabularySize) };
    throw invalidArgument("an object with one of text, control and tokens", where, part);
  });
}

export function checkTokens(value: unknown, name: string, vocabularySize: number): Int32Array {
  const isList = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  if (!isList) throw invalidArgument("an array of token ids", name, value);
  const tokens = value as ArrayLike<unknown>;
  return Int32Array.from(tokens, (token, index) => {
    if (typeof token === "number" && Number.isInteger(token) && token >= 0 && token < vocabularySize) return token;
    throw invalidArgument(`a token id from 0 to ${vocabularySize - 1}`, `${name}[${index}]`, token);
  });
}

/** The signal of options that have not been checked yet. */
export function signalsOf(options: unknown): AbortSignal[] {
  const signal = (options as ReplyOptions | null | undefined)?.signal;
  return isSignal(signal) ? [signal] : [];
}
