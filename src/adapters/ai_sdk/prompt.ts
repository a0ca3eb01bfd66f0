// The AI SDK's prompt as a conversation.
import { mismatch } from "../../errors.js";
import type { Message, MessageToolCall } from "../../index.js";
import { leftOut } from "../answered.js";
import type { Prompt } from "./sdk_types.js";

type AssistantContent = Extract<Prompt[number], { role: "assistant" }>["content"];
type ResultPart = Extract<AssistantContent[number], { type: "tool-result" }>;

/** Throws `INVALID_MESSAGES` for what is no text. */
export function messagesOf(prompt: Prompt): Message[] {
  return prompt.flatMap((message, index): Message[] => {
    switch (message.role) {
      case "system":
        return [{ role: "system", content: message.content }];
      case "user":
        return [
          {
            role: "user",
            content: message.content.map((part, place) => {
              if (part.type === "text") return { type: "text", text: part.text };
              throw notText(`prompt[${index}].content[${place}]`, part);
            }),
          },
        ];
      case "assistant":
        return turnOf(message.content, `prompt[${index}].content`);
      case "tool":
        // Approvals are between the SDK and its user; a result follows where one was given.
        return message.content.flatMap((part) => (part.type === "tool-result" ? [resultOf(part)] : []));
    }
  });
}

/** What the model said, and the results of calls that its provider ran in the same turn. */
function turnOf(content: AssistantContent, place: string): Message[] {
  let text = "";
  let reasoning = "";
  const calls: MessageToolCall[] = [];
  const results: Message[] = [];
  content.forEach((part, index) => {
    if (part.type === "text") text += part.text;
    else if (part.type === "reasoning") reasoning += part.text;
    else if (part.type === "tool-result") results.push(resultOf(part));
    else if (part.type === "tool-call")
      calls.push({
        id: part.toolCallId,
        type: "function",
        function: { name: part.toolName, arguments: JSON.stringify(part.input ?? {}) },
      });
    else throw notText(`${place}[${index}]`, part);
  });
  const thought = reasoning === "" ? {} : { reasoning_content: reasoning };
  return [
    { role: "assistant", content: text, ...thought, ...(calls.length === 0 ? {} : { tool_calls: calls }) },
    ...results,
  ];
}

function resultOf({ toolCallId, toolName, output }: ResultPart): Message {
  return { role: "tool", tool_call_id: toolCallId, name: toolName, content: textOf(output) };
}

function textOf(output: ResultPart["output"]): string {
  switch (output.type) {
    case "text":
      return output.value;
    case "json":
      return JSON.stringify(output.value);
    case "error-text":
    case "error-json":
      return JSON.stringify({ error: output.value });
    case "execution-denied":
      return JSON.stringify({ error: output.reason ?? "The call was not allowed." });
    case "content":
      return output.value
        .map((part) => {
          if (part.type === "text") return part.text;
          return leftOut("mediaType" in part && part.mediaType !== undefined ? part.mediaType : part.type);
        })
        .join("\n");
  }
}

function notText(place: string, part: { readonly type: string; readonly mediaType?: string }) {
  return mismatch("INVALID_MESSAGES", {
    expected: "text, which is all that the model reads",
    place,
    received: part.mediaType === undefined ? `a part of the type ${part.type}` : `a file of the type ${part.mediaType}`,
  });
}
