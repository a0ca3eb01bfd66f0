// Models whose templates do not write the calls of earlier turns: how they write calls is known by a text in the
// template, and the calls are put into what it gives.
import { randomBytes } from "node:crypto";
import type { CallFormat } from "../../engine/call_format.js";
import type { PromptPart } from "../../engine/engine.js";
import type { PromptMessage } from "../hermes/prompt/prompt.js";
import type { PlainToolCall } from "../plain_message.js";
import { turnParts } from "./call_parts.js";

interface Row {
  /** A text of the template that speaks of tools. */
  readonly sign: string;
  /** A token of the vocabulary. */
  readonly marker: string;
  readonly format: CallFormat;
}

const rows: readonly Row[] = [
  // LFM2: Python's calls, as its documentation has them.
  {
    sign: "List of tools: ",
    marker: "<|tool_call_start|>",
    format: {
      begin: "<|tool_call_start|>[",
      between: ", ",
      end: "]<|tool_call_end|>",
      call: [{ value: "name" }, "(", { value: "arguments" }, ")"],
      arguments: { assign: "=", comma: ", " },
      several: true,
      isBare: false,
    },
  },
  // Granite 3: the template tells the model to write this.
  {
    sign: "respond only with <|tool_call|> followed by a JSON list of tools used",
    marker: "<|tool_call|>",
    format: {
      begin: "<|tool_call|>[",
      between: ", ",
      end: "]",
      call: ['{"name": "', { value: "name" }, '", "arguments": ', { value: "arguments" }, "}"],
      arguments: "json",
      keys: { name: "name", arguments: "arguments" },
      several: true,
      isBare: false,
    },
  },
];

/** Undefined: unknown. `isToken` says whether a text is a token of the vocabulary. */
export async function unwrittenFormat(
  hasText: (text: string) => boolean,
  isToken: (text: string) => Promise<boolean>,
): Promise<CallFormat | undefined> {
  const row = rows.find(({ sign }) => hasText(sign));
  return row !== undefined && (await isToken(row.marker)) ? row.format : undefined;
}

/** Puts calls where the template had words in their place. */
export class CallPlaces {
  readonly #format: CallFormat;
  /** Nobody else knows it, so that it stands in no text of callers. */
  readonly #word = `calls${randomBytes(12).toString("hex")}at`;
  readonly #turns: (readonly PlainToolCall[])[] = [];

  constructor(format: CallFormat) {
    this.#format = format;
  }

  /** The message with a word in the place of its calls, behind its text. */
  hide({ toolCalls = [], ...message }: PromptMessage): PromptMessage {
    if (toolCalls.length === 0) return message;
    const content = `${message.content}${this.#word}${this.#turns.length};`;
    this.#turns.push(toolCalls);
    return { ...message, content };
  }

  show(parts: readonly PromptPart[]): readonly PromptPart[] {
    if (this.#turns.length === 0) return parts;
    const word = new RegExp(`${this.#word}(\\d+);`);
    return parts.flatMap((part) => {
      if (!("text" in part)) return [part];
      // The numbers of turns come between the texts around them.
      return part.text.split(word).flatMap((piece, index): PromptPart[] => {
        if (index % 2 === 1) return turnParts(this.#format, this.#turns[Number(piece)] ?? []);
        return piece === "" ? [] : [{ text: piece }];
      });
    });
  }
}
