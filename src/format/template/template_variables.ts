// A conversation as the JSON that templates are rendered with. Arguments of calls go into it as they were written, so
// that numbers keep their digits and keys their order.
import { createHash } from "node:crypto";
import type { PromptMessage, PromptTool } from "../hermes/prompt/prompt.js";
import { isJson } from "../strict_json.js";

interface TemplateConversation {
  readonly messages: readonly PromptMessage[];
  readonly tools?: readonly PromptTool[] | undefined;
  readonly reasoning?: boolean | undefined;
  readonly effort?: string | undefined;
  /** Earlier thoughts are parts of their messages' content. */
  readonly thoughtParts?: boolean;
  readonly thoughtTokens?: number | undefined;
  readonly continueFinalMessage?: boolean | undefined;
  readonly addGenerationPrompt?: boolean | undefined;
}

/** How a template is helped that refuses the ordinary variables. */
export interface Attempt {
  /** Arguments of calls as text, as OpenAI sends them: some templates join them to a string. */
  readonly textArguments?: boolean;
  /** Gemma and others know no system role: what it says goes before the first message of the user. */
  readonly systemInUser?: boolean;
  /** Some go through the tools without asking whether there are any. */
  readonly emptyTools?: boolean;
  /** Ids of nine letters or digits: Mistral's refuse others, and ids may come from other models. */
  readonly shortIds?: boolean;
  /** Llama's know one call in a turn: those of a turn become turns of their own, each with its result. */
  readonly splitCalls?: boolean;
}

const ways: readonly Attempt[] = [
  {},
  { textArguments: true },
  { systemInUser: true },
  { textArguments: true, systemInUser: true },
  { emptyTools: true },
];

/** Templates differ in what they take; each next attempt is for those that refused the one before. */
export const attempts: readonly Attempt[] = [{}, { shortIds: true }, { splitCalls: true }].flatMap((more) =>
  ways.map((way) => ({ ...way, ...more })),
);

const json = (value: unknown) => JSON.stringify(value);

/** Undefined where the attempt changes nothing. */
export function variablesJson(conversation: TemplateConversation, attempt: Attempt, eosToken: string) {
  const { tools = [], continueFinalMessage = false, thoughtParts = false } = conversation;
  const { addGenerationPrompt = !continueFinalMessage } = conversation;
  const { textArguments = false, systemInUser = false, emptyTools = false, shortIds, splitCalls } = attempt;
  if (textArguments && !conversation.messages.some(({ toolCalls = [] }) => toolCalls.length > 0)) return undefined;
  if (emptyTools && tools.length > 0) return undefined;
  let messages: readonly PromptMessage[] | undefined = conversation.messages;
  if (systemInUser) messages = withoutSystem(messages);
  if (shortIds) messages &&= withShortIds(messages);
  if (splitCalls) messages &&= withSplitCalls(messages);
  if (messages === undefined) return undefined;
  const all = messages;
  const written = all.map((message, index) =>
    messageJson(message, nameOfResult(all, index), { textArguments, thoughtParts }),
  );
  return object({
    ...reasoningJson(conversation),
    messages: `[${written.join()}]`,
    tools: tools.length > 0 || emptyTools ? `[${tools.map(toolJson).join()}]` : "null",
    documents: "null",
    add_generation_prompt: json(addGenerationPrompt),
    bos_token: json(""),
    eos_token: json(eosToken),
  });
}

/** The variables by which templates turn thoughts on and off, and say how much is to be thought. */
function reasoningJson({ reasoning, effort, thoughtTokens }: TemplateConversation): Record<string, string> {
  return {
    ...(reasoning === undefined
      ? {}
      : {
          // Qwen3, GLM, SmolLM3 and most others; DeepSeek V3 and Kimi; MiniMax M3.
          enable_thinking: json(reasoning),
          thinking: json(reasoning),
          thinking_mode: json(reasoning ? "enabled" : "disabled"),
        }),
    // gpt-oss, Solar, Command A, DeepSeek V4; Kimi K3.
    ...(effort === undefined ? {} : { reasoning_effort: json(effort), thinking_effort: json(effort) }),
    // Seed-OSS.
    ...(reasoning === false
      ? { thinking_budget: json(0) }
      : thoughtTokens === undefined
        ? {}
        : { thinking_budget: json(thoughtTokens) }),
  };
}

/** `members` are JSON. */
function object(members: Readonly<Record<string, string>>): string {
  const written = Object.entries(members).map(([key, value]) => `${json(key)}:${value}`);
  return `{${written.join()}}`;
}

function messageJson(
  message: PromptMessage,
  resultOf: string | undefined,
  { textArguments, thoughtParts }: { readonly textArguments: boolean; readonly thoughtParts: boolean },
): string {
  const { role, content, reasoning, toolCallId = "", toolCalls = [] } = message;
  const calls = toolCalls.map((call) =>
    object({
      id: json(call.id ?? ""),
      type: json("function"),
      function: object({
        name: json(call.name),
        arguments: textArguments || !isJson(call.arguments) ? json(call.arguments) : call.arguments,
      }),
    }),
  );
  return object({
    role: json(role),
    content: json(thoughtParts && reasoning !== undefined ? partsOf(reasoning, content) : content),
    ...(role === "tool" ? { name: json(resultOf ?? ""), tool_call_id: json(toolCallId) } : {}),
    ...(reasoning === undefined ? {} : thoughtJson(reasoning, content !== "" && calls.length > 0)),
    ...(calls.length > 0 ? { tool_calls: `[${calls.join()}]` } : {}),
  });
}

function partsOf(thinking: string, text: string): object[] {
  return [{ type: "thinking", thinking }, ...(text === "" ? [] : [{ type: "text", text }])];
}

/** By the names that templates have for it. gpt-oss's refuses `thinking` beside text and calls. */
function thoughtJson(thought: string, isBesideCalls: boolean): Record<string, string> {
  const value = json(thought);
  return { reasoning_content: value, reasoning: value, ...(isBesideCalls ? {} : { thinking: value }) };
}

function toolJson({ name, description = "", parameters = { type: "object", properties: {} } }: PromptTool): string {
  return object({
    type: json("function"),
    function: object({ name: json(name), description: json(description), parameters: json(parameters) }),
  });
}

function withoutSystem([system, first, ...rest]: readonly PromptMessage[]): PromptMessage[] | undefined {
  if (system?.role !== "system" || first?.role !== "user") return undefined;
  return [{ ...first, content: `${system.content}\n\n${first.content}` }, ...rest];
}

const isShort = (id: string | undefined) => id === undefined || /^[A-Za-z0-9]{9}$/.test(id);
const shortened = (id: string) =>
  isShort(id)
    ? id
    : BigInt(`0x${createHash("sha256").update(id).digest("hex")}`)
        .toString(36)
        .slice(0, 9);

function withShortIds(messages: readonly PromptMessage[]): PromptMessage[] | undefined {
  const areShort = messages.every(
    ({ toolCallId, toolCalls = [] }) => isShort(toolCallId) && toolCalls.every(({ id }) => isShort(id)),
  );
  if (areShort) return undefined;
  return messages.map((message) => ({
    ...message,
    ...(message.toolCallId === undefined ? {} : { toolCallId: shortened(message.toolCallId) }),
    ...(message.toolCalls === undefined
      ? {}
      : { toolCalls: message.toolCalls.map((call) => ({ ...call, id: call.id && shortened(call.id) })) }),
  }));
}

function withSplitCalls(messages: readonly PromptMessage[]): PromptMessage[] | undefined {
  if (!messages.some(({ toolCalls = [] }) => toolCalls.length > 1)) return undefined;
  const result: PromptMessage[] = [];
  for (let at = 0; at < messages.length; at++) {
    const message = messages[at] as PromptMessage;
    const { toolCalls = [] } = message;
    const next = messages.slice(at + 1);
    const end = next.findIndex(({ role }) => role !== "tool");
    const results = toolCalls.length > 1 ? next.slice(0, end < 0 ? next.length : end) : [];
    if (results.length !== toolCalls.length || toolCalls.length < 2) {
      result.push(message);
      continue;
    }
    for (const [index, call] of toolCalls.entries()) {
      const answer = results.find(({ toolCallId }) => toolCallId !== undefined && toolCallId === call.id);
      const content = index === 0 ? message.content : "";
      result.push({ ...message, content, toolCalls: [call] }, answer ?? (results[index] as PromptMessage));
    }
    at += results.length;
  }
  return result;
}

/** Which function gave the result `messages[index]`. */
export function nameOfResult(messages: readonly PromptMessage[], index: number): string | undefined {
  const result = messages[index];
  const calls = messages.slice(0, index).findLast(({ role }) => role === "assistant")?.toolCalls ?? [];
  return calls.find(({ id }) => id !== undefined && id === result?.toolCallId)?.name ?? result?.name;
}
