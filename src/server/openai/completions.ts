// POST /v1/completions: completions of raw prompts, whole or in chunks.
import { randomUUID } from "node:crypto";
import type { FinishEvent, PromptToken } from "../../index.js";
import { collectAnswers, type AnswerEvent } from "../answers/answers.js";
import { continuePrompts } from "../answers/requests.js";
import { AnswerStream } from "../http/event_stream.js";
import { dataStream } from "../http/stream_forms.js";
import { CompletionLogprobs } from "./completion_logprobs.js";
import type { CompletionRequest } from "./completion_request.js";
import { echoOf, type Echo } from "./echo.js";
import type { Served, Service } from "../service.js";
import { countUsage, finishReason } from "./usage.js";

export async function completions(request: CompletionRequest & Served, service: Service): Promise<object> {
  const { options, logprobs, echo } = request;
  // What a prompt scores must not depend on what else is computed at the moment.
  const deterministic =
    options.deterministic ?? (echo && logprobs !== undefined && service.model.capabilities.deterministic);
  const events = await continuePrompts({ ...request, options: { ...options, deterministic } }, service);
  const head = {
    id: `cmpl-${randomUUID().replaceAll("-", "")}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
  if (request.stream) return new AnswerStream(completionChunks(events, head, request, service), dataStream);
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
  return { ...head, choices, usage: countUsage(results, request.n) };
}

async function* completionChunks(
  events: AsyncIterable<AnswerEvent>,
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
