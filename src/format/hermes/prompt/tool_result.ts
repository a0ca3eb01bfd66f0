// The result of a call for the model: any value as the text of a `tool` message, shortened if long, or an error that
// the model can act on.
import { describeThrown, messageOf } from "../../../errors.js";
import { toPythonJson, UnwritableValue } from "./prompt_json.js";

/** Longer results are cut to this many UTF-16 code units by default: some 4,000 tokens, half of the default context. */
export const defaultMaxResultChars = 16_384;

export interface ToolResultText {
  /**
   * The content of the `tool` message: a string (or what has one as its JSON, such as a date) as it is, every other
   * result as JSON with Python's spacing.
   */
  readonly content: string;
  /** The result had no JSON form, and `content` is an error that says so. */
  readonly problem?: string | undefined;
  /** How many UTF-16 code units were left out of a long result; 0 when it is whole. */
  readonly leftOutChars: number;
}

/**
 * Writes what a handler returned. `undefined` is null; lone surrogates in a string become U+FFFD. What has no JSON form
 * (functions, symbols, promises, bytes, cycles) becomes an error result that names the place, because half a result
 * would mislead the model.
 *
 * A result longer than `maxChars` is cut in its middle: the first three quarters and the last quarter of what fits
 * stay, with `[… N characters left out …]` on a line of its own between them. Cut JSON goes back as text.
 */
export function writeToolResult(
  toolName: string,
  result: unknown,
  { maxChars = defaultMaxResultChars } = {},
): ToolResultText {
  let content: string;
  try {
    content = contentOf(result);
  } catch (error) {
    const where =
      error instanceof UnwritableValue
        ? `${error.path === "" ? "it" : error.path} is ${error.found}`
        : describeThrown(error);
    const problem = `The function ${toolName} ran, but its result can't be shown: ${where}.`;
    return { content: errorContent(problem), problem, leftOutChars: 0 };
  }
  return cutMiddle(content, maxChars);
}

function contentOf(result: unknown): string {
  const json = typeof result === "string" ? undefined : toPythonJson(result);
  if (json !== undefined && !json.startsWith('"')) return json;
  const text = json === undefined ? (result as string) : (JSON.parse(json) as string);
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** Why a call did not give a result. */
export type CallFailure =
  /** The handler threw, or its promise rejected. */
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "unknown-tool"; readonly tools: readonly string[] }
  /** What is wrong with the arguments, with the path to it, as the schema's check words it. */
  | { readonly kind: "invalid-arguments"; readonly problem: string }
  | { readonly kind: "timeout"; readonly timeoutMs: number }
  /** The approval hook said no. */
  | { readonly kind: "refused"; readonly reason?: string | undefined }
  /** The call itself could not be read. */
  | { readonly kind: "malformed"; readonly problem: string };

/**
 * The content of the `tool` message for a call that failed, and the sentence in it: which function, what was wrong, and
 * what to do.
 */
export function writeCallFailure(
  toolName: string,
  failure: CallFailure,
): { readonly content: string; readonly problem: string } {
  const problem = cutMiddle(failureSentence(toolName, failure), 2_000).content;
  return { content: errorContent(problem), problem };
}

function failureSentence(name: string, failure: CallFailure): string {
  const again = `Please call ${name} again with correct arguments.`;
  switch (failure.kind) {
    case "threw":
      return `Error when executing function ${name}: ${errorText(failure.error)}. ${again}`;
    case "invalid-arguments":
      return `Invalid arguments for function ${name}: ${failure.problem} ${again}`;
    case "malformed":
      return `The call of function ${name} could not be read: ${failure.problem} ${again}`;
    case "timeout":
      return `Function ${name} gave no result within ${failure.timeoutMs / 1_000} seconds. It may be called again, or the answer given without it.`;
    case "refused":
      return `The call of function ${name} was not allowed${failure.reason === undefined ? "" : `: ${failure.reason}`}. Don't make the same call again.`;
    case "unknown-tool": {
      const known =
        failure.tools.length === 0 ? "There are no functions." : `The functions are: ${failure.tools.join(", ")}.`;
      return `There is no function ${name}. ${known} Please call again with a correct name and arguments.`;
    }
  }
}

function errorContent(sentence: string): string {
  return toPythonJson({ error: sentence });
}

function errorText(error: unknown): string {
  const text = messageOf(error) ?? (typeof error === "string" ? error : thrownValue(error));
  return text.replace(/\.$/, "");
}

/** What is no error may be anything; most often it is data that says what was wrong. */
function thrownValue(value: unknown): string {
  try {
    return toPythonJson(value);
  } catch {
    return "an unknown error";
  }
}

/** Keeps the beginning and the end of a long text; never splits a surrogate pair. */
function cutMiddle(text: string, maxChars: number): ToolResultText {
  if (text.length <= maxChars) return { content: text, leftOutChars: 0 };
  let head = Math.ceil(maxChars * 0.75);
  let tail = text.length - (maxChars - head);
  if (splitsPair(text, head)) head--;
  if (splitsPair(text, tail)) tail++;
  const leftOutChars = tail - head;
  return {
    content: `${text.slice(0, head)}\n[… ${leftOutChars} characters left out …]\n${text.slice(tail)}`,
    leftOutChars,
  };
}

function splitsPair(text: string, index: number): boolean {
  return /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(index - 1, index + 1));
}
