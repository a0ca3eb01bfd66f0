// LangChain's messages as a conversation.
import type { AIMessage, BaseMessage, ChatMessage, ToolMessage } from "@langchain/core/messages";
import { mismatch } from "../../errors.js";
import type { Message, MessageToolCall } from "../../index.js";
import { leftOut } from "../answered.js";

/** Throws `INVALID_MESSAGES` for what is no text, and for roles that a conversation does not have. */
export function messagesOf(messages: readonly BaseMessage[]): Message[] {
  return messages.map((message, index): Message => {
    const place = `messages[${index}]`;
    const type = message.type === "generic" ? genericType(message as ChatMessage) : message.type;
    switch (type) {
      case "system":
      case "developer":
        return { role: "system", content: textOf(message, place) };
      case "human":
      case "user":
        return { role: "user", content: textOf(message, place) };
      case "ai":
      case "assistant":
        return turnOf(message as AIMessage, place);
      case "tool":
        return resultOf(message as ToolMessage);
      default:
        throw mismatch("INVALID_MESSAGES", {
          expected: "a message of the system, a human, the AI or a tool",
          place,
          received: `one of the type ${type}`,
        });
    }
  });
}

const genericType = ({ role }: ChatMessage) => role;

interface Block {
  readonly type?: string;
  readonly text?: unknown;
  readonly reasoning?: unknown;
  readonly mimeType?: unknown;
  readonly mime_type?: unknown;
}

const blocksOf = ({ content }: BaseMessage): readonly Block[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : (content as readonly Block[]);

const textIn = ({ type, text }: Block) => (type === "text" && typeof text === "string" ? text : undefined);

function textOf(message: BaseMessage, place: string): string {
  return blocksOf(message)
    .map((block, index) => {
      const text = textIn(block);
      if (text !== undefined) return text;
      throw mismatch("INVALID_MESSAGES", {
        expected: "text, which is all that the model reads",
        place: `${place}.content[${index}]`,
        received: `a block of the type ${block.type}`,
      });
    })
    .join("");
}

/** Blocks other than text repeat the calls, or are the provider's own. */
function turnOf(message: AIMessage, place: string): Message {
  const blocks = blocksOf(message);
  const { reasoning_content: told } = message.additional_kwargs;
  const reasoning =
    typeof told === "string"
      ? told
      : blocks.map(({ type, reasoning }) => (type === "reasoning" ? String(reasoning ?? "") : "")).join("");
  const calls = (message.tool_calls ?? []).map(
    ({ id, name, args }): MessageToolCall => ({
      id: id ?? "",
      type: "function",
      function: { name, arguments: JSON.stringify(args) },
    }),
  );
  return {
    role: "assistant",
    content: blocks.map((block) => textIn(block) ?? "").join(""),
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function resultOf(message: ToolMessage): Message {
  const content = blocksOf(message)
    .map((block) => textIn(block) ?? leftOut(String(block.mimeType ?? block.mime_type ?? block.type)))
    .join("\n");
  const { tool_call_id, name } = message;
  return {
    role: "tool",
    tool_call_id,
    ...(name === undefined ? {} : { name }),
    content: message.status === "error" ? JSON.stringify({ error: content }) : content,
  };
}
