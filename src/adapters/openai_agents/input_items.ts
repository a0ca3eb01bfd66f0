// The Agents SDK's input as a conversation.
import type { AgentInputItem } from "@openai/agents";
import { mismatch } from "../../errors.js";
import type { Message, MessageToolCall } from "../../index.js";
import { leftOut } from "../answered.js";

/** Throws `INVALID_MESSAGES` for what is no text, and for items of tools that run elsewhere. */
export function messagesOf(instructions: string | undefined, input: string | readonly AgentInputItem[]): Message[] {
  const messages: Message[] = instructions === undefined ? [] : [{ role: "system", content: instructions }];
  if (typeof input === "string") return [...messages, { role: "user", content: input }];
  const turns = new Turns(messages);
  input.forEach((item, index) => readItem(item, `input[${index}]`, turns));
  turns.end();
  return messages;
}

/** Puts reasoning, text and calls that follow each other into one turn of the assistant. */
class Turns {
  readonly #messages: Message[];
  #text = "";
  #reasoning = "";
  #calls: MessageToolCall[] = [];
  #isOpen = false;

  constructor(messages: Message[]) {
    this.#messages = messages;
  }

  say(text: string): void {
    // What was said after the calls is a turn of its own.
    if (this.#calls.length > 0) this.end();
    this.#isOpen = true;
    this.#text += text;
  }

  think(text: string): void {
    if (this.#text !== "" || this.#calls.length > 0) this.end();
    this.#isOpen = true;
    this.#reasoning += text;
  }

  call(call: MessageToolCall): void {
    this.#isOpen = true;
    this.#calls.push(call);
  }

  add(message: Message): void {
    this.end();
    this.#messages.push(message);
  }

  end(): void {
    if (this.#isOpen)
      this.#messages.push({
        role: "assistant",
        content: this.#text,
        ...(this.#reasoning === "" ? {} : { reasoning_content: this.#reasoning }),
        ...(this.#calls.length === 0 ? {} : { tool_calls: this.#calls }),
      });
    [this.#text, this.#reasoning, this.#calls, this.#isOpen] = ["", "", [], false];
  }
}

function readItem(item: AgentInputItem, place: string, turns: Turns): void {
  switch (item.type) {
    case undefined:
    case "message":
      if (item.role === "assistant") return turns.say(textOf(item.content, place));
      return turns.add({ role: item.role, content: textOf(item.content, place) });
    case "reasoning":
      return turns.think([...(item.rawContent ?? item.content)].map(({ text }) => text).join(""));
    case "function_call":
      return turns.call({
        id: item.callId,
        type: "function",
        function: { name: item.name, arguments: item.arguments },
      });
    case "function_call_result":
      return turns.add({
        role: "tool",
        tool_call_id: item.callId,
        name: item.name,
        content: resultOf(item.output as ResultOutput),
      });
    default:
      throw refused(place, `an item of the type ${item.type}`);
  }
}

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly refusal?: string;
}

function textOf(content: string | readonly Part[], place: string): string {
  if (typeof content === "string") return content;
  return content
    .map((part, index) => {
      const text = part.text ?? part.refusal;
      if (text !== undefined) return text;
      throw refused(`${place}.content[${index}]`, `a part of the type ${part.type}`);
    })
    .join("");
}

type ResultOutput = string | Part | readonly Part[];

function resultOf(output: ResultOutput): string {
  if (typeof output === "string") return output;
  return [output]
    .flat()
    .map(({ type, text }: Part) => text ?? leftOut(type))
    .join("\n");
}

const refused = (place: string, received: string) =>
  mismatch("INVALID_MESSAGES", { expected: "text, calls and their results", place, received });
