// Attributes by the GenAI semantic conventions.
import type { Attributes } from "@opentelemetry/api";
import type {
  Message,
  MessageContent,
  ReplyEndMessage,
  ReplyStartMessage,
  RoundEndMessage,
  SamplingSettings,
  Usage,
} from "../../index.js";

export type Operation = "chat" | "text_completion" | "invoke_agent" | "execute_tool";

export const operationOf = ({ kind }: ReplyStartMessage): Operation =>
  kind === "complete" ? "text_completion" : "chat";

export const common = (operation: Operation, model: string): Attributes => ({
  "gen_ai.operation.name": operation,
  "gen_ai.provider.name": "caduceus",
  "gen_ai.request.model": model,
});

export const requested = (sampling: SamplingSettings): Attributes => ({
  "gen_ai.request.temperature": sampling.temperature,
  "gen_ai.request.top_k": sampling.topK,
  "gen_ai.request.top_p": sampling.topP,
  "gen_ai.request.frequency_penalty": sampling.frequencyPenalty,
  "gen_ai.request.presence_penalty": sampling.presencePenalty,
  ...(sampling.seed === undefined ? {} : { "gen_ai.request.seed": sampling.seed }),
  ...(sampling.maxTokens === undefined ? {} : { "gen_ai.request.max_tokens": sampling.maxTokens }),
});

export const used = ({ promptTokens, cachedTokens, generatedTokens }: Usage): Attributes => ({
  "gen_ai.usage.input_tokens": promptTokens,
  "gen_ai.usage.output_tokens": generatedTokens,
  "gen_ai.usage.cache_read.input_tokens": cachedTokens,
});

/** Of a turn of the model. */
export const answered = ({ finishReason, usage, timings }: RoundEndMessage): Attributes => ({
  ...(finishReason === "stop" || finishReason === "length" ? { "gen_ai.response.finish_reasons": [finishReason] } : {}),
  ...(usage === undefined ? {} : used(usage)),
  ...(timings === undefined || usage?.generatedTokens === 0
    ? {}
    : { "gen_ai.response.time_to_first_chunk": timings.firstTokenMs / 1000 }),
});

/** Of a reply, over all its turns. */
export const ended = ({ finishReason, usage }: ReplyEndMessage): Attributes => ({
  ...(finishReason === undefined ? {} : { "gen_ai.response.finish_reasons": [finishReason.replace("-", "_")] }),
  ...(usage === undefined ? {} : used(usage)),
});

/** The convention's form of messages, as JSON. */
export function saidText(messages: readonly Message[]): string {
  return json(messages.map((message) => ({ role: message.role, parts: partsOf(message) })));
}

function partsOf(message: Message): object[] {
  const content = textOf(message.content);
  if (message.role === "tool") return [{ type: "tool_call_response", id: message.tool_call_id, response: content }];
  const text = content === "" ? [] : [{ type: "text", content }];
  if (message.role !== "assistant") return text;
  const { reasoning_content: reasoning, tool_calls: calls = [] } = message;
  return [
    ...(reasoning ? [{ type: "reasoning", content: reasoning }] : []),
    ...text,
    ...calls.map(({ id, function: { name, arguments: args } }) => ({ type: "tool_call", id, name, arguments: args })),
  ];
}

const textOf = (content: MessageContent | null | undefined) =>
  typeof content === "string" ? content : (content ?? []).map(({ text }) => text).join("");

/** Integers beyond 2^53 are bigint. */
export const json = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part)) ?? "";
