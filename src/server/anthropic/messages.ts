// POST /v1/messages: replies in Anthropic's form, whole or as events.
import { randomUUID } from "node:crypto";
import { answerConversation, replyOptionsOf, type ConversationRequest } from "../answers/requests.js";
import { onlyAnswer, type OpenEvent, type SegmentEvent } from "../answers/segments.js";
import { inContext } from "../api_error.js";
import type { FinishEvent } from "../../index.js";
import { AnswerStream } from "../http/event_stream.js";
import { eventStreamType, namedEvent, type StreamForm } from "../http/stream_forms.js";
import { JsonText } from "../json_text.js";
import type { Served, Service } from "../service.js";
import { anthropicError } from "./anthropic_errors.js";

export const messageForm: StreamForm = {
  type: eventStreamType,
  write: namedEvent,
  end: "",
  heartbeat: namedEvent({ type: "ping" }),
  fail: (error) => namedEvent(anthropicError(error)),
};

export async function messages(request: ConversationRequest & Served, service: Service): Promise<object> {
  const parts = onlyAnswer(await answerConversation(request, service), request.stream);
  const head = {
    id: `msg_${randomUUID().replaceAll("-", "")}`,
    type: "message",
    role: "assistant",
    model: request.model,
  };
  if (request.stream) return new AnswerStream(events(parts, head, request), messageForm);
  const content: object[] = [];
  let end = {};
  for await (const part of parts) {
    // A call that was cut off has no input that could be an object.
    if (part.type === "close" && part.isComplete) content.push(blockOf(part, part.text));
    if (part.type === "finish") end = { ...endOf(part, request), usage: usageOf(part) };
  }
  return { ...head, content, ...end };
}

/** POST /v1/messages/count_tokens: the tokens of the prompt. Nothing is generated. */
export async function countTokens(request: ConversationRequest & Served, service: Service): Promise<object> {
  const { model, requestContext, cacheScope } = service;
  const given = await replyOptionsOf(request, service);
  const { prompts } = await model
    .explain(request.messages, { ...given, cacheScope, signal: requestContext.signal })
    .catch((error: unknown) => {
      throw inContext(error, model.info.contextSize);
    });
  return { input_tokens: prompts[0]!.tokens.length };
}

async function* events(
  parts: AsyncGenerator<SegmentEvent, void, undefined>,
  head: object,
  request: ConversationRequest,
): AsyncGenerator<object, void, undefined> {
  let hasBegun = false;
  for await (const part of parts) {
    if (!hasBegun) {
      hasBegun = true;
      // The tokens of the prompt are known at its end.
      const usage = { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 0 };
      const message = { ...head, content: [], stop_reason: null, stop_sequence: null, usage };
      yield { type: "message_start", message };
    }
    switch (part.type) {
      case "open":
        yield { type: "content_block_start", index: part.segment, content_block: blockOf(part, "") };
        break;
      case "delta":
        if (part.text !== "")
          yield { type: "content_block_delta", index: part.segment, delta: deltaOf(part.kind, part.text) };
        break;
      case "close":
        if (part.kind === "reasoning")
          yield { type: "content_block_delta", index: part.segment, delta: { type: "signature_delta", signature } };
        yield { type: "content_block_stop", index: part.segment };
        break;
      case "finish":
        yield { type: "message_delta", delta: endOf(part, request), usage: usageOf(part) };
        yield { type: "message_stop" };
    }
  }
}

/** Clients send it back with the thought; nobody checks it. */
const signature = "unsigned";

/** `text` is empty where the block begins. */
function blockOf({ kind, id, name }: Omit<OpenEvent, "type" | "segment">, text: string): object {
  if (kind === "text") return { type: "text", text };
  if (kind === "reasoning") return { type: "thinking", thinking: text, signature: text === "" ? "" : signature };
  return { type: "tool_use", id, name, input: text === "" ? {} : new JsonText(text) };
}

function deltaOf(kind: OpenEvent["kind"], text: string): object {
  if (kind === "text") return { type: "text_delta", text };
  if (kind === "reasoning") return { type: "thinking_delta", thinking: text };
  return { type: "input_json_delta", partial_json: text };
}

function endOf(result: FinishEvent, { options }: ConversationRequest): object {
  const { finishReason, stopString = null, toolCalls, usage } = result;
  const isFull = options.maxTokens === undefined || usage.generatedTokens < options.maxTokens;
  const reason =
    finishReason === "length"
      ? isFull
        ? "model_context_window_exceeded"
        : "max_tokens"
      : toolCalls.length > 0
        ? "tool_use"
        : stopString === null
          ? "end_turn"
          : "stop_sequence";
  return { stop_reason: reason, stop_sequence: stopString };
}

/** What was cached is not counted as input there. */
const usageOf = ({ usage: { promptTokens, cachedTokens, generatedTokens } }: FinishEvent) => ({
  input_tokens: promptTokens - cachedTokens,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: cachedTokens,
  output_tokens: generatedTokens,
});
