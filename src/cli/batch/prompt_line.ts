// One line of the input: what it asks for, and its mark, by which a later run knows it again.
import { createHash } from "node:crypto";
import { CaduceusError, type Message, type ReplyOptions } from "../../index.js";
import { isObject } from "../../json_object.js";

/** A line that is to be answered, as it was read. */
export interface PromptLine {
  /** Counted from 1, empty lines included. */
  readonly number: number;
  readonly mark: number;
  readonly text: string | CaduceusError;
}

/** What a line asks for. */
export interface Prompt {
  readonly id: string | number | undefined;
  readonly input: { readonly prompt: string } | { readonly messages: readonly Message[] };
  readonly options: ReplyOptions;
}

/** A line is known again by 48 bits of its hash, which a JavaScript number holds exactly. */
export function markOf(bytes: Uint8Array): number {
  return createHash("sha256").update(bytes).digest().readUIntBE(0, 6);
}

// Belong to the program, not to a line.
const notOfALine = ["signal", "approve"];

/** Throws `INVALID_ARGUMENT`. The options are for the library to check. */
export function readPrompt(line: object): Prompt {
  const { id, prompt, messages, ...options } = line as Record<string, unknown>;
  if (typeof prompt === "string" && messages === undefined) {
    if (prompt.trim() === "") throw invalid("Expected a prompt that is not empty.");
  } else if (!Array.isArray(messages) || prompt !== undefined) {
    throw invalid("Expected either prompt, a string, or messages, an array.");
  }
  const foreign = notOfALine.find((name) => name in options);
  if (foreign !== undefined) throw invalid(`Expected no option ${foreign} in a line.`);
  return {
    id: readId(id),
    input: messages === undefined ? { prompt: prompt as string } : { messages: messages as Message[] },
    options: options as ReplyOptions,
  };
}

/** Throws `INVALID_ARGUMENT`. */
export function readObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`Expected JSON: ${(error as Error).message}.`);
  }
  if (!isObject(value)) throw invalid("Expected a JSON object.");
  return value;
}

/** Throws `INVALID_ARGUMENT`. */
export function readId(id: unknown): string | number | undefined {
  if (id === undefined || id === null) return undefined;
  if (typeof id !== "string" && typeof id !== "number") throw invalid("Expected a string or a number for id.");
  return id;
}

const invalid = (message: string) => new CaduceusError("INVALID_ARGUMENT", message);
