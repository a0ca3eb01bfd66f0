// POST /v1/chat/completions: replies in OpenAI's form, whole or in chunks.
import { randomUUID } from "node:crypto";
import type { FinishEvent, ReplyEvent, TokenProbability } from "../../index.js";
import { collectAnswers, type AnswerEvent } from "../answers/answers.js";
import { answerConversation } from "../answers/requests.js";
import { Segments, type DeltaEvent } from "../answers/segments.js";
import { AnswerStream } from "../http/event_stream.js";
import type { ChatRequest } from "./chat_request.js";
import { dataStream } from "../http/stream_forms.js";
import type { Served, Service } from "../service.js";
import type { TokenTexts } from "../answers/token_texts.js";
import { countUsage, finishReason } from "./usage.js";

export async function chatCompletions(request: ChatRequest & Served, service: Service): Promise<object> {
  const events = await answerConversation(request, service);
  const head = {
    id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
  const { tokens } = service;
  if (request.stream)
    return new AnswerStream(
      chatChunks(events, { ...head, object: "chat.completion.chunk" }, request, tokens),
      dataStream,
    );
  const results = await collectAnswers(events);
  const choices = await Promise.all(
    results.map(async (result, index) => ({
      index,
      message: messageOf(result),
      logprobs: await logprobsOf(result, request, tokens),
      finish_reason: finishReason(result),
    })),
  );
  return { ...head, object: "chat.completion", choices, usage: countUsage(results, request.n) };
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
  events: AsyncIterable<AnswerEvent>,
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
    for (const { delta, logProbabilities, finishReason: reason = null } of writer.deltas(event)) {
      const given =
        logprobs && logProbabilities !== undefined
          ? { content: await tokens.forChat(logProbabilities), refusal: null }
          : null;
      yield { ...head, choices: [{ index, delta, logprobs: given, finish_reason: reason }], ...usage };
    }
  }
  if (includeUsage) yield { ...head, choices: [], usage: countUsage(results, n) };
}

/** The deltas of one choice. */
class ChoiceWriter {
  readonly #segments = new Segments();
  /** How many calls have begun. */
  #calls = 0;

  *deltas(event: ReplyEvent): Generator<Delta, void, undefined> {
    for (const part of this.#segments.of(event)) {
      if (part.type === "finish") yield { delta: {}, finishReason: finishReason(part) };
      else if (part.type === "open" && part.kind === "call") {
        const { id, name } = part;
        yield {
          delta: { tool_calls: [{ index: this.#calls++, id, type: "function", function: { name, arguments: "" } }] },
        };
      } else if (part.type === "delta") yield { delta: this.#delta(part), logProbabilities: part.logProbabilities };
    }
  }

  #delta({ kind, text }: DeltaEvent): object {
    if (kind === "text") return { content: text };
    if (kind === "reasoning") return { reasoning_content: text };
    return { tool_calls: [{ index: this.#calls - 1, function: { arguments: text } }] };
  }
}

interface Delta {
  readonly delta: object;
  readonly logProbabilities?: readonly TokenProbability[] | undefined;
  readonly finishReason?: string;
}
