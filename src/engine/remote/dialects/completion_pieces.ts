// The events of OpenAI's completions, as pieces of a run.
import { isObject } from "../../../json_object.js";
import type { RunDelta, ScoredTokens, Usage } from "../../engine.js";
import { AnswerFields } from "../http/answer_fields.js";
import type { EventReader } from "../http/event_reader.js";
import type { ServerConnection } from "../http/server_connection.js";
import { invalidAnswer, refuseError } from "../http/upstream_errors.js";
import type { ServerEnd, ServerPiece, ServerRequest } from "../remote_server.js";

export async function* completionPieces(
  events: EventReader,
  request: ServerRequest,
  connection: Pick<ServerConnection, "url" | "secrets">,
): AsyncGenerator<ServerPiece, void, undefined> {
  const { url } = connection;
  let end: ServerEnd | undefined;
  let usage: Partial<Usage> | undefined;
  let endTokens = 0;
  for (let event = await events.next(); event !== undefined; event = await events.next()) {
    refuseError(event, connection);
    const fields = new AnswerFields(event, url, "an event");
    const counted = fields.fields("usage");
    if (counted !== undefined) usage = usageOf(counted);
    const [first] = fields.required("choices", fields.list);
    if (first === undefined) continue;
    if (end !== undefined) throw invalidAnswer(url, "more of an answer that has ended");
    const choice = new AnswerFields(first, url, "a choice");
    const reason = choice.text("finish_reason");
    const delta = deltaOf(choice, request, url);
    if (reason === undefined) {
      yield delta;
      continue;
    }
    const stopReason = choice.value("stop_reason");
    // The token that ends the turn is among the others.
    const hasEnd = reason === "stop" && typeof stopReason !== "string" && delta.tokens.length > 0;
    endTokens = hasEnd ? 1 : 0;
    const told = hasEnd ? sliced(delta, 0, delta.tokens.length - 1, request) : delta;
    // Where nothing was asked for, one token is the least that servers write.
    if (request.maxTokens !== 0 && (told.text !== "" || told.tokens.length > 0)) yield told;
    end = {
      type: "end",
      finishReason: reason === "stop" && request.maxTokens !== 0 ? "stop" : "length",
      ...(typeof stopReason === "string" && request.stop.includes(stopReason) ? { stopString: stopReason } : {}),
      ...(hasEnd && request.logProbabilities
        ? { endToken: sliced(delta, delta.tokens.length - 1, delta.tokens.length, request) }
        : {}),
      ...(request.constraint === undefined
        ? {}
        : { constraint: { complete: reason === "stop", forcedTokens: 0, rejectedTokens: 0, compileMs: 0 } }),
    };
  }
  if (end === undefined) return;
  const { generatedTokens, ...others } = usage ?? {};
  const generated = generatedTokens === undefined ? {} : { generatedTokens: Math.max(0, generatedTokens - endTokens) };
  yield { ...end, usage: { ...others, ...(request.maxTokens === 0 ? { generatedTokens: 0 } : generated) } };
}

function usageOf(counted: AnswerFields): Partial<Usage> {
  const generatedTokens = counted.count("completion_tokens");
  const promptTokens = counted.count("prompt_tokens");
  const cachedTokens = counted.fields("prompt_tokens_details")?.count("cached_tokens");
  return {
    ...(generatedTokens === undefined ? {} : { generatedTokens }),
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

function deltaOf(choice: AnswerFields, request: ServerRequest, url: string): RunDelta {
  const text = choice.text("text") ?? "";
  const tokens = choice.tokens("token_ids") ?? new Int32Array();
  const logprobs = request.logProbabilities ? choice.fields("logprobs") : undefined;
  if (logprobs === undefined || tokens.length === 0) return { type: "delta", text, tokens };
  const top = request.topLogProbabilities ?? 0;
  const chosen = logprobs.required("token_logprobs", logprobs.list);
  if (chosen.length !== tokens.length) throw invalidAnswer(url, "another number of log probabilities than tokens");
  const likely = top === 0 ? [] : (logprobs.list("top_logprobs") ?? []).map(likeliest);
  const at = (index: number, place: number) => likely[index]?.[place] ?? [0, Number.NaN];
  const places = Array.from(tokens).flatMap((_, index) => Array.from({ length: top }, (__, place) => at(index, place)));
  return {
    type: "delta",
    text,
    tokens,
    logProbabilities: Float32Array.from(chosen, (value) => (typeof value === "number" ? value : Number.NaN)),
    ...(top === 0
      ? {}
      : {
          topTokens: Int32Array.from(places, ([id]) => id!),
          topLogProbabilities: Float32Array.from(places, ([, score]) => score!),
        }),
  };
}

/** By their ids, the most likely first: the chosen one may stand beside them. */
function likeliest(value: unknown): [number, number][] {
  return Object.entries(isObject(value) ? value : {})
    .map(([name, score]): [number, number] => [Number(/^token_id:(\d+)$/.exec(name)?.[1] ?? Number.NaN), Number(score)])
    .filter(([id]) => Number.isInteger(id))
    .sort((a, b) => b[1] - a[1]);
}

function sliced(
  delta: RunDelta,
  from: number,
  to: number,
  { topLogProbabilities = 0 }: ServerRequest,
): RunDelta & ScoredTokens {
  const { text, tokens, logProbabilities, topTokens, topLogProbabilities: scores } = delta;
  return {
    type: "delta",
    text,
    tokens: tokens.slice(from, to),
    ...(logProbabilities === undefined ? {} : { logProbabilities: logProbabilities.slice(from, to) }),
    ...(topTokens === undefined
      ? {}
      : { topTokens: topTokens.slice(from * topLogProbabilities, to * topLogProbabilities) }),
    ...(scores === undefined
      ? {}
      : { topLogProbabilities: scores.slice(from * topLogProbabilities, to * topLogProbabilities) }),
  };
}
