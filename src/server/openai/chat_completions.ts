// POST /v1/chat/completions: replies in OpenAI's form, whole or in chunks.
import { randomUUID } from "node:crypto";
import type { FinishEvent, ReplyEvent, ToolCall } from "../../index.js";
import { collectAnswers, countUsage, finishReason, readAnswers } from "./answers.js";
import { ApiError } from "../api_error.js";
import type { ChatRequest } from "./chat_request.js";
import { cacheScopeOf, seedOf } from "../fields/generation_fields.js";
import type { Served, Service } from "../service.js";
import type { TokenTexts } from "./token_texts.js";
import { beginInTurns, turn, turnsOf } from "../turns.js";

export async function chatCompletions(
  request: ChatRequest & Served,
  service: Service,
): Promise<object | AsyncGenerator<object, void, undefined>> {
  const { model, requestContext, cacheScope, tokens } = service;
  const { messages, options, replyOptions, n, seed, strict, cacheSalt } = request;
  requestContext.expect(n);
  const given = await model.readAhead({ ...options, ...replyOptions }, turnsOf(requestContext.signal));
  await turn();
  const replies = await beginInTurns(n, (index) =>
    model.reply(messages, {
      ...given,
      seed: seedOf(seed, index),
      cacheScope: cacheScopeOf(cacheScope, cacheSalt),
      signal: requestContext.signal,
      requestId: service.requestId(index, n),
    }),
  );
  const head = {
    id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
  const events = readAnswers(replies, service, strict);
  if (request.stream) return chatChunks(events, { ...head, object: "chat.completion.chunk" }, request, tokens);
  const results = await collectAnswers(events);
  const choices = await Promise.all(
    results.map(async (result, index) => ({
      index,
      message: messageOf(result),
      logprobs: await logprobsOf(result, request, tokens),
      finish_reason: finishReason(result),
    })),
  );
  return { ...head, object: "chat.completion", choices, usage: countUsage(results, n) };
}

/**
 * A call that the token limit cut off is there as far as it was written, as a stream shows it too; `finish_reason` is
 * then `length`.
 */
function messageOf({ message, toolCalls, incompleteCall, reasoning }: FinishEvent) {
  const content = message.content as string;
  const calls = [...toolCalls, ...(incompleteCall === undefined ? [] : [incompleteCall])].map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.argumentsText },
  }));
  return {
    role: "assistant",
    content: calls.length > 0 && content === "" ? null : content,
    refusal: null,
    ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

async function logprobsOf({ logProbabilities = [] }: FinishEvent, { logprobs }: ChatRequest, tokens: TokenTexts) {
  return logprobs ? { content: await tokens.forChat(logProbabilities), refusal: null } : null;
}

async function* chatChunks(
  events: ReturnType<typeof readAnswers>,
  head: object,
  { n, includeUsage, logprobs }: ChatRequest,
  tokens: TokenTexts,
): AsyncGenerator<object, void, undefined> {
  const usage = includeUsage ? { usage: null } : {};
  const writers = new Map<number, ChoiceWriter>();
  const results: FinishEvent[] = [];
  for await (const { index, event } of events) {
    if (event.type === "finish") results[index] = event;
    let writer = writers.get(index);
    if (writer === undefined) {
      writers.set(index, (writer = new ChoiceWriter()));
      yield {
        ...head,
        choices: [
          { index, delta: { role: "assistant", content: "", refusal: null }, logprobs: null, finish_reason: null },
        ],
        ...usage,
      };
    }
    const delta = writer.delta(event);
    if (delta === undefined) continue;
    const given =
      (event.type === "text" || event.type === "reasoning") && logprobs
        ? { content: await tokens.forChat(event.logProbabilities ?? []), refusal: null }
        : null;
    yield {
      ...head,
      choices: [{ index, delta, logprobs: given, finish_reason: event.type === "finish" ? finishReason(event) : null }],
      ...usage,
    };
  }
  if (includeUsage) yield { ...head, choices: [], usage: countUsage(results, n) };
}

/** The deltas of one choice. */
class ChoiceWriter {
  /** The calls by their ids, and how much of their arguments has been told. */
  readonly #calls = new Map<string, { readonly index: number; told: string }>();

  delta(event: ReplyEvent): object | undefined {
    switch (event.type) {
      case "text":
      case "malformed":
        return { content: event.text };
      case "reasoning":
        return { reasoning_content: event.text };
      case "tool-call-start":
        return this.#start(event.id, event.name);
      case "tool-call-delta":
        return this.#more(event.id, event.textDelta);
      case "tool-call":
        return this.#rest(event);
      case "finish":
        return {};
      default:
        return undefined;
    }
  }

  #start(id: string, name: string): object | undefined {
    if (this.#calls.has(id)) return undefined;
    const index = this.#calls.size;
    this.#calls.set(id, { index, told: "" });
    return { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] };
  }

  #more(id: string, text: string): object | undefined {
    const call = this.#calls.get(id);
    if (call === undefined || text === "") return undefined;
    call.told += text;
    return { tool_calls: [{ index: call.index, function: { arguments: text } }] };
  }

  /** What has been told cannot be taken back: a model that nothing constrains may write its arguments a second time. */
  #rest({ id, argumentsText }: ToolCall): object | undefined {
    const told = this.#calls.get(id)?.told ?? "";
    if (!argumentsText.startsWith(told))
      throw new ApiError(
        500,
        "server_error",
        "The model wrote the arguments of a call twice, which a stream cannot tell.",
      );
    return this.#more(id, argumentsText.slice(told.length));
  }
}
