// POST /infill: what stands in the gap of a text, in llama-server's own form.
import type { FinishEvent } from "../../index.js";
import { collectAnswers, type AnswerEvent } from "../answers/answers.js";
import { continuePrompts } from "../answers/requests.js";
import { AnswerStream } from "../http/event_stream.js";
import { dataStream } from "../http/stream_forms.js";
import type { Served, Service } from "../service.js";
import type { InfillRequest } from "./infill_request.js";

export async function infill(request: InfillRequest & Served, service: Service): Promise<object> {
  const events = await continuePrompts(request, service);
  const whole = (result: FinishEvent, content: string) =>
    selected(describe(result, content, request.model), request.responseFields);
  if (request.stream) return new AnswerStream(pieces(events, whole), { ...dataStream, end: "" });
  const [result] = await collectAnswers(events);
  return whole(result!, result!.text);
}

async function* pieces(
  events: AsyncIterable<AnswerEvent>,
  whole: (result: FinishEvent, content: string) => object,
): AsyncGenerator<object, void, undefined> {
  for await (const { index, event } of events) {
    if (event.type === "text") yield { index, content: event.text, stop: false };
    // What was sent is not repeated.
    if (event.type === "finish") yield whole(event, "");
  }
}

function describe({ text, usage, timings, finishReason, stopString }: FinishEvent, content: string, model: string) {
  const { promptTokens, cachedTokens, generatedTokens } = usage;
  const { promptMs, generationMs, tokensPerSecond } = timings;
  const computed = promptTokens - cachedTokens;
  return {
    index: 0,
    content,
    stop: true,
    model,
    tokens_predicted: generatedTokens,
    tokens_evaluated: promptTokens,
    has_new_line: text.includes("\n"),
    truncated: false,
    stop_type: finishReason === "length" ? "limit" : stopString === undefined ? "eos" : "word",
    stopping_word: stopString ?? "",
    tokens_cached: promptTokens + generatedTokens,
    timings: {
      cache_n: cachedTokens,
      prompt_n: computed,
      prompt_ms: promptMs,
      prompt_per_second: promptMs > 0 ? (1000 * computed) / promptMs : 0,
      predicted_n: generatedTokens,
      predicted_ms: generationMs,
      predicted_per_second: tokensPerSecond,
    },
  };
}

/** The fields of an answer by their paths, each under its path, as llama-server gives them. */
function selected(answer: object, paths: readonly string[] | undefined): object {
  if (paths === undefined) return answer;
  const found = paths.map((path) => {
    let value: unknown = answer;
    for (const step of path.split("/"))
      value =
        typeof value === "object" && value !== null && Object.hasOwn(value, step)
          ? (value as Record<string, unknown>)[step]
          : undefined;
    return [path, value] as const;
  });
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}
