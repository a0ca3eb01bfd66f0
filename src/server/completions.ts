// POST /v1/completions: raw prompts that the model goes on with, whole or in chunks.
import { randomUUID } from "node:crypto";
import type { FinishEvent } from "../index.js";
import { collectAnswers, countUsage, finishReason, readAnswers } from "./answers.js";
import type { CompletionRequest } from "./completion_request.js";
import { seedOf } from "./generation_fields.js";
import type { Service } from "./service.js";
import type { TokenTexts } from "./token_texts.js";

export async function completions(request: CompletionRequest, service: Service): Promise<object | AsyncGenerator<object, void, undefined>> {
  const { model, exchange, cacheScope, tokens, onFinish } = service;
  const { prompts, options, n, seed, logprobs } = request;
  const count = prompts.length * n;
  exchange.expect(count);
  const replies = Array.from({ length: count }, (_, index) =>
    model.complete(prompts[Math.floor(index / n)]!, {
      ...options, logProbabilities: logprobs, seed: seedOf(seed, index % n), cacheScope, signal: exchange.signal, requestId: service.requestId(index, count),
    }));
  const head = { id: `cmpl-${randomUUID().replaceAll("-", "")}`, object: "text_completion", created: Math.floor(Date.now() / 1000), model: request.model };
  const events = readAnswers(replies, exchange, onFinish);
  if (request.stream) return completionChunks(events, head, request, tokens);
  const results = await collectAnswers(events);
  const choices = await Promise.all(results.map(async (result, index) => ({
    index, text: result.text, logprobs: logprobs ? await tokens.forCompletion(result.logProbabilities ?? [], 0) : null, finish_reason: finishReason(result),
  })));
  return { ...head, choices, usage: countUsage(results, n) };
}

async function* completionChunks(events: ReturnType<typeof readAnswers>, head: object, { n, includeUsage, logprobs }: CompletionRequest, tokens: TokenTexts): AsyncGenerator<object, void, undefined> {
  const usage = includeUsage ? { usage: null } : {};
  const results: FinishEvent[] = [];
  const offsets = new Map<number, number>();
  for await (const { index, event } of events) {
    if (event.type === "text") {
      const offset = offsets.get(index) ?? 0;
      const given = logprobs ? await tokens.forCompletion(event.logProbabilities ?? [], offset) : null;
      offsets.set(index, offset + (given?.tokens.join("").length ?? 0));
      yield { ...head, choices: [{ index, text: event.text, logprobs: given, finish_reason: null }], ...usage };
    }
    if (event.type === "finish") {
      results[index] = event;
      yield { ...head, choices: [{ index, text: "", logprobs: null, finish_reason: finishReason(event) }], ...usage };
    }
  }
  if (includeUsage) yield { ...head, choices: [], usage: countUsage(results, n) };
}
