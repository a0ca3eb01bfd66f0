// Messages of Anthropic's form, as OpenAI's form has them: results of tools are messages of their own there.
import { describe } from "../../errors.js";
import type { Message, MessageToolCall } from "../../index.js";
import { Fields, invalid, unsupported } from "../fields/read_fields.js";

/** Blocks are paragraphs. */
const between = "\n\n";

export function readSystem(body: Fields): string | undefined {
  const value = body.value("system");
  if (value === undefined || typeof value === "string") return value;
  return textOf(blocksOf(body, "system"));
}

export function readMessages(body: Fields) {
  const messages: Message[] = [];
  const paths: string[] = [];
  for (const [index, value] of body.required("messages", body.list).entries()) {
    const message = new Fields(value, `messages[${index}]`);
    const role = message.required("role", (name) => message.choice(name, ["user", "assistant", "system"] as const));
    const given = role === "user" ? readUser(message) : [readOther(message, role)];
    for (const one of given) {
      messages.push(one);
      paths.push(message.path("content"));
    }
  }
  return { messages, paths };
}

/** A string is one block of text. */
function blocksOf(fields: Fields, name: string): Fields[] {
  const value = fields.value(name);
  if (typeof value === "string") return [new Fields({ type: "text", text: value }, fields.path(name))];
  if (value !== undefined && !Array.isArray(value))
    throw invalid(fields.path(name), "a string or an array of content blocks", value);
  return fields.required(name, fields.list).map((block, index) => new Fields(block, `${fields.path(name)}[${index}]`));
}

const textOf = (blocks: readonly Fields[]) =>
  blocks.map((block) => (typeOf(block) === "text" ? block.required("text", block.text) : refuse(block))).join(between);

const typeOf = (block: Fields) => block.required("type", block.text);

function refuse(block: Fields): never {
  const type = typeOf(block);
  const why = ["image", "document", "audio"].includes(type)
    ? "the model only reads text."
    : `the server has no content blocks of the type ${describe(type)} here.`;
  throw unsupported(block.path("type"), why);
}

/** Results come first: they answer what the assistant said before. */
function readUser(message: Fields): Message[] {
  const blocks = blocksOf(message, "content");
  const results = blocks.filter((block) => typeOf(block) === "tool_result");
  const others = blocks.filter((block) => typeOf(block) !== "tool_result");
  return [
    ...results.map(readResult),
    ...(others.length === 0 && results.length > 0 ? [] : [{ role: "user", content: textOf(others) } as const]),
  ];
}

function readResult(block: Fields): Message {
  const content = block.value("content") === undefined ? "" : textOf(blocksOf(block, "content"));
  const isError = block.boolean("is_error") === true && !/^\W*error/i.test(content);
  return {
    role: "tool",
    tool_call_id: block.required("tool_use_id", block.text),
    content: isError ? `Error: ${content}` : content,
  };
}

function readOther(message: Fields, role: "assistant" | "system"): Message {
  const blocks = blocksOf(message, "content");
  if (role === "system") return { role, content: textOf(blocks) };
  const texts: Fields[] = [];
  const calls: MessageToolCall[] = [];
  const thoughts: string[] = [];
  for (const block of blocks) {
    const type = typeOf(block);
    if (type === "tool_use") calls.push(readCall(block));
    else if (type === "thinking") thoughts.push(block.required("thinking", block.text));
    // What nobody but its maker can read.
    else if (type !== "redacted_thinking") texts.push(block);
  }
  return {
    role,
    content: textOf(texts),
    ...(thoughts.length === 0 ? {} : { reasoning_content: thoughts.join(between) }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function readCall(block: Fields): MessageToolCall {
  block.required("input", block.fields);
  return {
    id: block.required("id", block.text),
    type: "function",
    // The library takes objects too.
    function: { name: block.required("name", block.text), arguments: block.value("input") as string },
  };
}
