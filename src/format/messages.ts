// Conversations as people write them: OpenAI-shaped messages, and the checks that refuse what cannot be rendered.
import { CaduceusError, describe } from "../errors.js";

/** The text of a message: a string, or OpenAI's list of text parts, which are joined without anything between. */
export type MessageContent = string | readonly { readonly type: "text"; readonly text: string }[];

/** Says how the model is to behave; stands first. */
export interface SystemMessage {
  readonly role: "system";
  readonly content: MessageContent;
}

export interface UserMessage {
  readonly role: "user";
  readonly content: MessageContent;
}

/** What the model said. */
export interface AssistantMessage {
  readonly role: "assistant";
  readonly content: MessageContent;
}

/** What a tool gave back. */
export interface ToolMessage {
  readonly role: "tool";
  readonly content: MessageContent;
}

export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

const roles = ["system", "user", "assistant", "tool"];

/** A message as the templates see it: checked, its parts joined. */
export interface PlainMessage {
  readonly role: Message["role"];
  readonly content: string;
}

/** Checks what a caller gave as a conversation, or as its next turn; a string is one message of the user. */
export function readMessages(input: unknown): PlainMessage[] {
  if (typeof input === "string") return [readMessage({ role: "user", content: input }, "the message")];
  if (!Array.isArray(input)) throw invalid("a string or an array of messages", "the conversation", describe(input));
  if (input.length === 0) throw invalid("at least one message", "the conversation", "an empty array");
  return input.map((message, index) => readMessage(message, `messages[${index}]`));
}

/** Checks one message; `where` is how errors name it. */
export function readMessage(message: unknown, where: string): PlainMessage {
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    throw invalid("an object with role and content", where, describe(message));
  }
  const { role, content, tool_calls: toolCalls } = message as Record<string, unknown>;
  if (typeof role !== "string" || !roles.includes(role)) {
    throw invalid(`one of ${roles.map((name) => JSON.stringify(name)).join(", ")}`, `${where}.role`, describe(role));
  }
  if (toolCalls !== undefined && toolCalls !== null && !(Array.isArray(toolCalls) && toolCalls.length === 0)) {
    throw invalid("no tool calls, which cannot be rendered yet,", `${where}.tool_calls`, describe(toolCalls));
  }
  const text = readContent(content, `${where}.content`);
  if (role === "user" && text === "") throw invalid("text", `${where}.content`, "an empty message");
  return { role: role as Message["role"], content: text };
}

function readContent(content: unknown, where: string): string {
  if (typeof content === "string") return checkText(content, where);
  if (!Array.isArray(content)) throw invalid("a string or an array of text parts", where, describe(content));
  return content.map((part: unknown, index) => {
    const { type, text } = (part ?? {}) as Record<string, unknown>;
    if (type !== "text") throw invalid('"text"', `${where}[${index}].type`, describe(type));
    if (typeof text !== "string") throw invalid("a string", `${where}[${index}].text`, describe(text));
    return checkText(text, `${where}[${index}].text`);
  }).join("");
}

function checkText(text: string, where: string): string {
  const index = text.search(/\p{Surrogate}/u);
  if (index === -1) return text;
  throw invalid("well-formed text", where, `a lone surrogate at index ${index}`);
}

function invalid(expected: string, where: string, received: string): CaduceusError {
  return new CaduceusError("INVALID_MESSAGES", `Expected ${expected} for ${where} but received ${received}.`);
}
