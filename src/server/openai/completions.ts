// POST /v1/completions: completions of raw prompts, whole or in chunks.
import { randomUUID } from "node:crypto";
import type { FinishEvent, PromptToken } from "../../index.js";
import { collectAnswers, countUsage, finishReason, readAnswers } from "./answers.js";
import { CompletionLogprobs } from "./completion_logprobs.js";
import type { CompletionRequest } from "./completion_request.js";
import { echoOf, type Echo } from "./echo.js";
import { cacheScopeOf, seedOf } from "../fields/generation_fields.js";
import type { Served, Service } from "../service.js";
import { beginInTurns, turn, turnsOf } from "../turns.js";

export async function completions(
  request: CompletionRequest & Served,
  service: Service,
): Promise<object | AsyncGenerator<object, void, undefined>> {
  const { model, requestContext, cacheScope } = service;
  const { prompts, options, n, seed, logprobs, echo, cacheSalt } = request;
  const count = prompts.length * n;
  requestContext.expect(count);
  // What a prompt scores must not depend on what else is computed at the moment.
  const deterministic = options.deterministic ?? (echo && logprobs !== undefined && model.capabilities.deterministic);
  const scores =
    logprobs === undefined
      ? {}
      : { logProbabilities: true, promptLogProbabilities: echo, topLogProbabilities: logprobs };
  const given = await model.readAhead({ ...options, ...scores, ...request.constraint }, turnsOf(requestContext.signal));
  await turn();
  const replies = await beginInTurns(count, (index) => {
    const prompt = prompts[Math.floor(index / n)]!;
    return model.complete(typeof prompt === "string" ? prompt : [{ tokens: prompt }], {
      ...given,
      deterministic,
      seed: seedOf(seed, index % n),
      cacheScope: cacheScopeOf(cacheScope, cacheSalt),
      signal: requestContext.signal,
      requestId: service.requestId(index, count),
    });
  });
  const head = {
    id: `cmpl-${randomUUID().replaceAll("-", "")}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
  const events = readAnswers(replies, service, request.strict);
  if (request.stream) return completionChunks(events, head, request, service);
  const results = await collectAnswers(events);
  const choices = await Promise.all(
    results.map(async (result, index) => {
      const choice = await Choice.of(index, request, service);
      const tokens = [
        ...choice.echoed(result.promptLogProbabilities ?? []),
        ...(result.logProbabilities ?? []),
        ...endOf(result),
      ];
      return {
        index,
        text: choice.prompt + result.text,
        logprobs: logprobs === undefined ? null : await choice.logprobs(tokens),
        finish_reason: finishReason(result),
      };
    }),
  );
  return { ...head, choices, usage: countUsage(results, n) };
}

async function* completionChunks(
  events: ReturnType<typeof readAnswers>,
  head: object,
  request: CompletionRequest,
  service: Service,
): AsyncGenerator<object, void, undefined> {
  const usage = request.includeUsage ? { usage: null } : {};
  const results: FinishEvent[] = [];
  const choices = new Map<number, Choice>();
  for await (const { index, event } of events) {
    const isFirst = !choices.has(index);
    const choice = choices.get(index) ?? (await Choice.of(index, request, service));
    choices.set(index, choice);
    const chunk = async (text: string, tokens: readonly PromptToken[], reason: string | null = null) => ({
      ...head,
      choices: [
        { index, text, logprobs: tokens.length === 0 ? null : await choice.logprobs(tokens), finish_reason: reason },
      ],
      ...usage,
    });
    if (isFirst && request.echo)
      yield await chunk(choice.prompt, event.type === "prompt" ? choice.echoed(event.logProbabilities) : []);
    if (event.type === "text") yield await chunk(event.text, event.logProbabilities ?? []);
    if (event.type === "finish") {
      results[index] = event;
      yield await chunk("", endOf(event), finishReason(event));
    }
  }
  if (request.includeUsage) yield { ...head, choices: [], usage: countUsage(results, request.n) };
}

/** The token that ended the turn counts among those with log probabilities: whoever asks for one token gets one. */
const endOf = ({ endToken }: FinishEvent) => (endToken === undefined ? [] : [endToken]);

/** One answer on its way. */
class Choice {
  /** With which its text begins. */
  readonly prompt: string;
  /** What is repeated of the prompt's tokens. */
  readonly echoed: Echo["given"];
  readonly #logprobs: CompletionLogprobs;
  readonly #top: boolean;

  static async of(index: number, request: CompletionRequest, service: Service): Promise<Choice> {
    const prompt = request.prompts[Math.floor(index / request.n)]!;
    return new Choice(request.echo ? await echoOf(prompt, service) : { text: "", given: () => [] }, request, service);
  }

  private constructor({ text, given }: Echo, { logprobs = 0 }: CompletionRequest, { tokens }: Service) {
    this.prompt = text;
    this.echoed = given;
    this.#logprobs = new CompletionLogprobs(tokens, text);
    this.#top = logprobs > 0;
  }

  logprobs(tokens: readonly PromptToken[]) {
    return this.#logprobs.next(tokens, this.#top);
  }
}
