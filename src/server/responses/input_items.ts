// The items of a conversation, checked and in one form each, and the messages that they are to the library.
import { describe } from "../../errors.js";
import type { Message, MessageToolCall } from "../../index.js";
import { ApiError } from "../api_error.js";
import { Fields, invalid, unsupported } from "../fields/read_fields.js";
import { newId, type Item } from "./response_store.js";

/** What a client gave as `input`; `find` gives the item of a reference. */
export function readInput(body: Fields, find: (id: string) => Item | undefined): Item[] {
  const value = body.value("input");
  if (typeof value === "string") return [messageItem("user", [{ type: "input_text", text: value }])];
  if (value !== undefined && !Array.isArray(value)) throw invalid("input", "a string or an array of items", value);
  return body.required("input", body.list).map((item, index) => readItem(new Fields(item, `input[${index}]`), find));
}

const messageItem = (role: string, content: readonly object[]): Item => ({
  id: newId("msg"),
  type: "message",
  status: "completed",
  role,
  content,
});

function readItem(item: Fields, find: (id: string) => Item | undefined): Item {
  const type = item.text("type") ?? "message";
  switch (type) {
    case "message": {
      const role = item.required("role", (name) => item.choice(name, ["user", "assistant", "system", "developer"]));
      return messageItem(role, readParts(item, "content", role === "assistant" ? "output_text" : "input_text"));
    }
    case "function_call":
      return callItem(item, "fc", "arguments");
    case "custom_tool_call":
      return callItem(item, "ctc", "input");
    case "function_call_output":
    case "custom_tool_call_output":
      return {
        id: newId(type === "function_call_output" ? "fco" : "ctco"),
        type,
        status: "completed",
        call_id: item.required("call_id", item.text),
        output: textOf(readParts(item, "output", "input_text")),
      };
    case "reasoning":
      return {
        id: newId("rs"),
        type,
        summary: readTexts(item, "summary", "summary_text"),
        content: readTexts(item, "content", "reasoning_text"),
      };
    case "item_reference": {
      const id = item.required("id", item.text);
      const found = find(id);
      if (found !== undefined) return found;
      throw new ApiError(404, "not_found", `There is no stored item with the id ${describe(id)}.`, {
        param: item.path("id"),
      });
    }
    default:
      throw unsupported(item.path("type"), `the server has no items of the type ${describe(type)}.`);
  }
}

function callItem(item: Fields, prefix: string, content: "arguments" | "input"): Item {
  const namespace = item.text("namespace");
  return {
    id: newId(prefix),
    type: item.text("type")!,
    status: "completed",
    call_id: item.required("call_id", item.text),
    name: item.required("name", item.text),
    ...(namespace === undefined ? {} : { namespace }),
    [content]: item.required(content, item.text),
  };
}

interface TextPart {
  readonly type: string;
  readonly text: string;
}

/** A string, or parts that are text. */
function readParts(item: Fields, name: string, type: string): TextPart[] {
  const value = item.value(name);
  if (typeof value === "string") return [textPart(type, value)];
  if (value !== undefined && !Array.isArray(value))
    throw invalid(item.path(name), "a string or an array of parts", value);
  return item.required(name, item.list).map((one, index) => {
    const part = new Fields(one, `${item.path(name)}[${index}]`);
    const given = part.required("type", part.text);
    if (given === "refusal") return textPart(type, part.required("refusal", part.text));
    if (!["input_text", "output_text", "text"].includes(given))
      throw unsupported(part.path("type"), "the model only reads text.");
    return textPart(type, part.required("text", part.text));
  });
}

const textPart = (type: string, text: string) =>
  type === "output_text" ? { type, text, annotations: [] } : { type, text };

function readTexts(item: Fields, name: string, type: string): TextPart[] {
  return (item.list(name) ?? []).map((one, index) => {
    const part = new Fields(one, `${item.path(name)}[${index}]`);
    return { type, text: part.required("text", part.text) };
  });
}

const textOf = (parts: readonly TextPart[]) => parts.map(({ text }) => text).join("");

/** The assistant's message as its items come. */
interface Turn {
  content: string | null;
  reasoning_content?: string;
  readonly tool_calls: MessageToolCall[];
}

/** @param pathOf what errors call the item at an index */
export function messagesOf(items: readonly Item[], pathOf: (index: number) => string) {
  const messages: Message[] = [];
  const paths: string[] = [];
  const add = (message: Message, path: string) => {
    messages.push(message);
    paths.push(path);
  };
  let open: { readonly turn: Turn; readonly path: string } | undefined;
  const close = () => {
    if (open === undefined) return;
    const { content, reasoning_content: reasoning, tool_calls: calls } = open.turn;
    add(
      {
        role: "assistant",
        content,
        ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
      open.path,
    );
    open = undefined;
  };
  for (const [index, item] of items.entries()) {
    const path = pathOf(index);
    const ofAssistant = (isNew: (turn: Turn) => boolean): Turn => {
      if (open !== undefined && isNew(open.turn)) close();
      open ??= { turn: { content: null, tool_calls: [] }, path };
      return open.turn;
    };
    switch (item.type) {
      case "reasoning": {
        const [summary, content] = [item["summary"], item["content"] ?? []] as [TextPart[], TextPart[]];
        const text = textOf(content.length > 0 ? content : summary);
        if (text !== "")
          ofAssistant(({ content, tool_calls: calls }) => content !== null || calls.length > 0).reasoning_content =
            text;
        break;
      }
      case "function_call":
      case "custom_tool_call":
        // One that was cut off has no whole arguments, and was never answered.
        if (item["status"] !== "incomplete") ofAssistant(() => false).tool_calls.push(callOf(item));
        break;
      case "function_call_output":
      case "custom_tool_call_output":
        close();
        add({ role: "tool", tool_call_id: item["call_id"] as string, content: item["output"] as string }, path);
        break;
      default: {
        const text = textOf(item["content"] as TextPart[]);
        if (item["role"] === "assistant") {
          ofAssistant(({ content, tool_calls: calls }) => content !== null || calls.length > 0).content = text;
        } else {
          close();
          add({ role: item["role"] as "user" | "system" | "developer", content: text }, path);
        }
      }
    }
  }
  close();
  return { messages, paths };
}

function callOf(item: Item): MessageToolCall {
  const { name, namespace, call_id: id } = item as unknown as Readonly<Record<string, string>>;
  const text = item.type === "function_call" ? (item["arguments"] as string) : JSON.stringify({ input: item["input"] });
  return {
    id: id!,
    type: "function",
    function: { name: namespace === undefined ? name! : `${namespace}__${name}`, arguments: text },
  };
}
