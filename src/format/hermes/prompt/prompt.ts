// Renders a conversation with tools as a Hermes prompt. Only ChatML's markers are markup; all text of users, tools and
// schemas is text.
import type { PromptPart } from "../../../engine/engine.js";
import { CaduceusError } from "../../../errors.js";
import type { PlainMessage as PromptMessage, PlainToolCall as PromptToolCall } from "../../plain_message.js";
import { hideTags, respaceJson } from "./prompt_json.js";
import { PromptWriter, turnEnd } from "./prompt_parts.js";
import { systemParts, type HermesVariant } from "./prompt_system.js";
import type { PromptTool } from "./tools_json.js";

export { partsToText } from "./prompt_parts.js";
export type { PlainMessage as PromptMessage, PlainToolCall as PromptToolCall } from "../../plain_message.js";
export { hermesVariants, type HermesVariant } from "./prompt_system.js";
export type { PromptTool } from "./tools_json.js";

export interface HermesPrompt {
  readonly messages: readonly PromptMessage[];
  readonly tools?: readonly PromptTool[] | undefined;
  /** JSON Schema of the final answer. */
  readonly schema?: Readonly<Record<string, unknown>> | undefined;
  /** Default `card`. */
  readonly variant?: HermesVariant | undefined;
  /** Asks for Hermes 3's scratch pad; only in the variant `hermes3`. Default false. */
  readonly scratchPad?: boolean | undefined;
  /** Asks for one call for each thing the user wants; in no variant's own wording. Default false. */
  readonly parallelHint?: boolean | undefined;
  /**
   * The vocabulary has tokens of its own for `<tool_call>` and its like: use them in what this library writes. Default
   * false.
   */
  readonly tagTokens?: boolean | undefined;
  /** System message of a conversation without one, and without tools and schema. Default none. */
  readonly system?: string | undefined;
  /** Ends inside the last message, which is the assistant's. Default false. */
  readonly continueFinalMessage?: boolean | undefined;
  /** Ends with the beginning of the assistant's turn. Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
}

/**
 * A whole conversation. The tokenizer adds BOS; without system message, tools and schema there is no system turn,
 * unless the model has a system message of its own.
 */
export function renderHermes(prompt: HermesPrompt): PromptPart[] {
  const {
    messages,
    tools = [],
    schema,
    variant = "card",
    scratchPad,
    parallelHint,
    system = "",
    continueFinalMessage = false,
    addGenerationPrompt = !continueFinalMessage,
  } = prompt;
  const writer = new PromptWriter(prompt);
  const own = systemParts({ variant, tools, schema, scratchPad, parallelHint });
  const first = messages[0]?.role === "system" ? messages[0] : undefined;
  const said = first?.content ?? (own.length > 0 ? "" : system);
  if (own.length > 0 || first !== undefined || said !== "") {
    writer.open("system");
    for (const part of own) part.own ? writer.own(part.text) : writer.text(part.text);
    if (said !== "") writer.text(`${own.length > 0 ? "\n\n" : ""}${said}`);
    writer.close();
  }
  writeTurns(writer, prompt, first === undefined ? 0 : 1);
  if (addGenerationPrompt) writer.open("assistant");
  return writer.parts();
}

/**
 * What follows the tokens of an assistant's answer: the end of its turn, the messages from `from` on, and the beginning
 * of its next turn. `messages` is the whole conversation, because results are named and ordered by the calls before
 * them.
 */
export function renderHermesContinuation(prompt: HermesPrompt & { readonly from: number }): PromptPart[] {
  const { from, continueFinalMessage = false, addGenerationPrompt = !continueFinalMessage } = prompt;
  const writer = new PromptWriter(prompt).text("\n");
  writeTurns(writer, prompt, from);
  if (addGenerationPrompt) writer.open("assistant");
  return [turnEnd, ...writer.parts()];
}

/**
 * The calls of an assistant's turn as the model writes them, one tag after the other, in the variant's order of keys.
 */
export function callsText(calls: readonly PromptToolCall[], variant: HermesVariant): string {
  return calls
    .map(({ name, arguments: given }) => {
      const json = respaceJson(given) ?? JSON.stringify(given);
      const named = JSON.stringify(name);
      const call =
        variant === "card" ? `{"arguments": ${json}, "name": ${named}}` : `{"name": ${named}, "arguments": ${json}}`;
      return `<tool_call>\n${call}\n</tool_call>`;
    })
    .join("\n");
}

/**
 * One result between its tags. Content that is JSON (other than a quoted string) goes in as JSON, other content as a
 * string.
 */
export function responseText(name: string | undefined, content: string): string {
  const named = name === undefined ? "" : `"name": ${JSON.stringify(name)}, `;
  const json = /^\s*"/.test(content) ? undefined : respaceJson(content);
  return `<tool_response>\n${hideTags(`{${named}"content": ${json ?? JSON.stringify(content)}}`)}\n</tool_response>\n`;
}

function writeTurns(
  writer: PromptWriter,
  { messages, variant = "card", continueFinalMessage = false }: HermesPrompt,
  from: number,
): void {
  for (let index = from; index < messages.length; index++) {
    const message = messages[index] as PromptMessage;
    if (message.role === "system") {
      throw new CaduceusError(
        "INVALID_MESSAGES",
        `messages[${index}] is a system message. A system message must be the first message.`,
        { param: `messages[${index}].role` },
      );
    }
    if (message.role === "tool") {
      const results = resultsFrom(messages, index);
      writer.open("tool");
      for (const { name, content } of results) writeTagged(writer, responseText(name, content), "tool_response");
      writer.close();
      index += results.length - 1;
      continue;
    }
    writer.open(message.role).text(message.content);
    const calls = message.toolCalls ?? [];
    if (calls.length > 0) {
      if (message.content !== "" && !message.content.endsWith("\n")) writer.text("\n");
      calls.forEach((call, position) => {
        if (position > 0) writer.text("\n");
        writeTagged(writer, callsText([call], variant), "tool_call");
      });
    }
    if (continueFinalMessage && index === messages.length - 1) return;
    writer.close();
  }
}

// The outer tags are this library's; what stands between them is not, even where it looks the same.
function writeTagged(writer: PromptWriter, text: string, tag: string): void {
  const inner = text.lastIndexOf(`</${tag}>`);
  writer
    .own(`<${tag}>`)
    .text(text.slice(tag.length + 2, inner))
    .own(text.slice(inner));
}

/**
 * The results that stand together from `index` on, named and in the order of the calls they answer; strangers come
 * last.
 */
function resultsFrom(
  messages: readonly PromptMessage[],
  index: number,
): { name: string | undefined; content: string }[] {
  let end = index;
  while (messages[end]?.role === "tool") end++;
  let caller = index - 1;
  while (caller >= 0 && messages[caller]?.role !== "assistant") caller--;
  const calls = messages[caller]?.toolCalls ?? [];
  const places = new Map(calls.map(({ id }, place) => [id, place] as const).reverse()); // Of two with one id the first.
  const placed = messages.slice(index, end).map(({ toolCallId, name, content }) => {
    const place = toolCallId === undefined ? undefined : places.get(toolCallId);
    return { place: place ?? calls.length, name: place === undefined ? name : calls[place]!.name, content };
  });
  return placed.sort((a, b) => a.place - b.place);
}
