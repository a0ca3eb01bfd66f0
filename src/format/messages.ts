// Reads messages in OpenAI's form, and refuses those that cannot be rendered.
import { describe, mismatch, reading, withParam, type CaduceusError } from "../errors.js";
import { loneSurrogate } from "../options/option_checks.js";
import { linkResults } from "./answered_calls.js";
import type { PlainMessage, PlainToolCall } from "./plain_message.js";
import { isJson } from "./strict_json.js";
import { isObject } from "../json_object.js";

/** The text of a message: a string, or OpenAI's list of text parts, which are joined without anything between. */
export type MessageContent = string | readonly { readonly type: "text"; readonly text: string }[];

/**
 * Says how the model is to behave; stands first. Several, and those that come later, stay in their places if the
 * model's template writes them there; else they are joined into one at the beginning, and a `warning` event says so.
 */
export interface SystemMessage {
  /** `"developer"` is OpenAI's newer word for the same. */
  readonly role: "system" | "developer";
  readonly content: MessageContent;
}

/** What the user says. */
export interface UserMessage {
  readonly role: "user";
  readonly content: MessageContent;
}

/** A call of the model in OpenAI's form. */
export interface MessageToolCall {
  /** In a history it may be empty: then results are matched by their order. */
  readonly id: string;
  readonly type: "function";
  /** `arguments` is JSON text; in a history it may be empty, where there are none. */
  readonly function: { readonly name: string; readonly arguments: string };
}

/** What the model said, and what it called. */
export interface AssistantMessage {
  readonly role: "assistant";
  /** Null and missing are no text. */
  readonly content?: MessageContent | null | undefined;
  /** In the order in which they were made. */
  readonly tool_calls?: readonly MessageToolCall[] | undefined;
  /**
   * What the model thought before. Part of the prompt only if the model's own template shows it, as some do for turns
   * that call tools.
   */
  readonly reasoning_content?: string | null | undefined;
}

/** What a tool gave back, after the assistant's message with the call. */
export interface ToolMessage {
  readonly role: "tool";
  readonly content: MessageContent;
  /**
   * The id of the call that it answers. Without one it answers the first call that has no result yet, by `name` where
   * that is given.
   */
  readonly tool_call_id?: string | undefined;
  /** The tool's name, where no call of the conversation has that id. */
  readonly name?: string | undefined;
}

/** A message in OpenAI's form. */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

const roles = ["system", "developer", "user", "assistant", "tool"];

/** Checks what a caller gave as a conversation; a string is one message of the user. */
export function readMessages(input: unknown): PlainMessage[] {
  return linkMessages(readEach(input), []);
}

/** Checks each message for itself. */
export function readEach(input: unknown): PlainMessage[] {
  return reading("messages", () => readAll(input), "INVALID_MESSAGES");
}

function readAll(input: unknown): PlainMessage[] {
  if (typeof input === "string") return [readAlone(input)];
  if (!Array.isArray(input))
    throw invalid("a string or an array of messages", "the conversation", describe(input), "messages");
  if (input.length === 0) throw invalid("at least one message", "the conversation", "an empty array", "messages");
  // Array.from also sees the holes of a sparse array, which no conversation has.
  return Array.from(input as unknown[], (message, index) => readMessage(message, `messages[${index}]`));
}

function readAlone(content: string): PlainMessage {
  try {
    return readMessage({ role: "user", content }, "the message");
  } catch (error) {
    throw withParam(error, "messages");
  }
}

/** Checks that the last message can be continued. */
export function checkFinalMessage(messages: readonly PlainMessage[]): void {
  const place = `messages[${messages.length - 1}]`;
  const last = messages.at(-1);
  const received =
    last?.role !== "assistant"
      ? `one of the role ${JSON.stringify(last?.role)}`
      : (last.toolCalls ?? []).length > 0
        ? "one with calls"
        : last.content.trim() === ""
          ? "one without text"
          : undefined;
  if (received !== undefined)
    throw invalid("a message of the assistant with text and without calls, to be continued,", place, received);
}

/** Checks that results answer calls, which came before, in `earlier` or here, and joins them. */
export function linkMessages(messages: readonly PlainMessage[], earlier: readonly PlainMessage[]): PlainMessage[] {
  messages.forEach(({ role }, index) => {
    const before = (messages[index - 1] ?? earlier.at(-1))?.role;
    if (role === "tool" && before !== "assistant" && before !== "tool") {
      throw invalid(
        "it to follow the assistant's message with the call",
        `messages[${index}]`,
        `a result ${before === undefined ? "at the beginning" : `after a message of the role ${describe(before)}`}`,
      );
    }
  });
  return linkResults(messages, earlier, (index, id) => {
    throw invalid("the id of an earlier call", `messages[${index}].tool_call_id`, describe(id));
  });
}

/** A message in the form callers know. */
export function toMessage({ role, content, toolCalls = [], reasoning, toolCallId, name }: PlainMessage): Message {
  if (role === "tool")
    return {
      role,
      content,
      ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
      ...(name === undefined ? {} : { name }),
    };
  const thought = reasoning === undefined ? {} : { reasoning_content: reasoning };
  if (toolCalls.length === 0) return { role, content, ...thought } as Message;
  const calls = toolCalls.map(
    (call): MessageToolCall => ({
      id: call.id ?? "",
      type: "function",
      function: { name: call.name, arguments: call.arguments },
    }),
  );
  return { role: "assistant", content, tool_calls: calls, ...thought };
}

/** Checks one message; `where` is how errors name it. */
export function readMessage(message: unknown, where: string): PlainMessage {
  if (!isObject(message)) {
    throw invalid("an object with role and content", where, describe(message));
  }
  const { role, content, tool_calls: given, tool_call_id: toolCallId, name } = message as Record<string, unknown>;
  const { reasoning_content: reasoning } = message as Record<string, unknown>;
  if (typeof role !== "string" || !roles.includes(role)) {
    throw invalid(`one of ${roles.map((name) => JSON.stringify(name)).join(", ")}`, `${where}.role`, describe(role));
  }
  if (role === "tool") {
    return {
      role,
      content: readOptionalContent(content, `${where}.content`),
      ...optionalText(toolCallId, "toolCallId", `${where}.tool_call_id`),
      ...optionalText(name, "name", `${where}.name`),
    };
  }
  const toolCalls = readToolCalls(given, role, `${where}.tool_calls`);
  const text = (role === "user" ? readContent : readOptionalContent)(content, `${where}.content`);
  if (role === "user" && text === "") throw invalid("text", `${where}.content`, "an empty message");
  return {
    role: role === "developer" ? "system" : (role as PlainMessage["role"]),
    content: text,
    ...(toolCalls.length === 0 ? {} : { toolCalls }),
    ...(role === "assistant" ? optionalText(reasoning, "reasoning", `${where}.reasoning_content`) : {}),
  };
}

function optionalText<K extends string>(value: unknown, key: K, where: string): { readonly [k in K]?: string } {
  if (value === undefined || value === null || value === "") return {};
  if (typeof value !== "string") throw invalid("a string", where, describe(value));
  return { [key]: checkText(value, where) } as { readonly [k in K]?: string };
}

function readToolCalls(given: unknown, role: string, where: string): PlainToolCall[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) throw invalid("an array of calls", where, describe(given));
  if (given.length > 0 && role !== "assistant")
    throw invalid("no calls in a message that is not the assistant's", where, describe(given));
  return Array.from(given as unknown[], (call, index) => {
    const at = `${where}[${index}]`;
    const { id, function: called } = (call ?? {}) as Record<string, unknown>;
    const { name, arguments: args } = (called ?? {}) as Record<string, unknown>;
    if (typeof name !== "string") throw invalid("a string", `${at}.function.name`, describe(name));
    return {
      ...optionalText(id, "id", `${at}.id`),
      name: checkText(name, `${at}.function.name`),
      arguments: readArguments(args, `${at}.function.arguments`),
    };
  });
}

/** JSON text; other programs write an object in its place, or nothing where there are no arguments. */
function readArguments(given: unknown, where: string): string {
  if (given === undefined || given === null || (typeof given === "string" && given.trim() === "")) return "{}";
  const text = typeof given === "object" && !Array.isArray(given) ? jsonOf(given) : given;
  if (typeof text !== "string" || !isJson(text)) throw invalid("JSON text or an object", where, describe(given));
  return checkText(text, where);
}

/** Undefined where an object has no JSON form: cycles, bigints, getters that throw. */
function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** Null and missing are no text. */
function readOptionalContent(content: unknown, where: string): string {
  return content === null || content === undefined ? "" : readContent(content, where);
}

function readContent(content: unknown, where: string): string {
  if (typeof content === "string") return checkText(content, where);
  if (!Array.isArray(content)) throw invalid("a string or an array of text parts", where, describe(content));
  return Array.from(content as unknown[], (part, index) => {
    const { type, text } = (part ?? {}) as Record<string, unknown>;
    if (type !== "text") throw invalid('"text"', `${where}[${index}].type`, describe(type));
    if (typeof text !== "string") throw invalid("a string", `${where}[${index}].text`, describe(text));
    return checkText(text, `${where}[${index}].text`);
  }).join("");
}

function checkText(text: string, where: string): string {
  const index = loneSurrogate(text);
  if (index === -1) return text;
  throw invalid("well-formed text", where, `a lone surrogate at index ${index}`);
}

function invalid(expected: string, where: string, received: string, param = where): CaduceusError {
  return mismatch("INVALID_MESSAGES", { expected, place: where, received }, { param });
}
