// POST /api/chat and /api/generate: replies in Ollama's form, as lines of JSON or as one object.
import { answerConversation, continuePrompts } from "../answers/requests.js";
import { onlyAnswer, type SegmentEvent } from "../answers/segments.js";
import type { FinishEvent } from "../../index.js";
import { AnswerStream } from "../http/event_stream.js";
import type { StreamForm } from "../http/stream_forms.js";
import { JsonText, toJson } from "../json_text.js";
import type { Served, Service } from "../service.js";
import { ollamaError } from "./ollama_errors.js";
import type { OllamaConversation, OllamaPrompts } from "./ollama_requests.js";

const line = (chunk: object) => `${toJson(chunk)}\n`;
export const ollamaForm: StreamForm = {
  type: "application/x-ndjson",
  write: line,
  end: "",
  // White space before the next line's JSON.
  heartbeat: " ",
  fail: (error) => line(ollamaError(error)),
};

type OllamaRequest = (OllamaConversation | OllamaPrompts) & Served;

export async function ollamaAnswer(request: OllamaRequest, service: Service): Promise<object> {
  const began = performance.now() - service.loadMs;
  if (request.isEmpty) return nothingBut("load", request);
  const events = await ("messages" in request
    ? answerConversation(request, service)
    : continuePrompts(request, service));
  const answer = pieces(onlyAnswer(events, request.stream), request, service, began);
  return request.stream ? new AnswerStream(chunks(request, answer), ollamaForm) : joined(request, answer);
}

/** Of a request without a prompt that lets the model go at once; undefined for others. */
export const ollamaUnloads = (request: OllamaRequest): object | undefined =>
  request.isEmpty && request.keepAliveMs === 0 ? nothingBut("unload", request) : undefined;

/** Nothing is generated. */
function nothingBut(done: "load" | "unload", request: OllamaRequest): object {
  const chunk = { ...headOf(request), ...contentOf(request, {}), done: true, done_reason: done };
  const only = async function* () {
    yield chunk;
  };
  return request.stream ? new AnswerStream(only(), ollamaForm) : chunk;
}

/** A piece of an answer, in the words of both endpoints. */
interface Piece {
  readonly text?: string;
  readonly thinking?: string;
  readonly calls?: readonly object[];
  readonly logprobs?: readonly object[];
  readonly end?: object;
}

const headOf = ({ model }: OllamaRequest) => ({ model, created_at: new Date().toISOString() });

function contentOf({ form: kind }: OllamaRequest, { text = "", thinking, calls = [] }: Piece): object {
  const thought = thinking === undefined ? {} : { thinking };
  if (kind === "generate") return { response: text, ...thought };
  const called = calls.length === 0 ? {} : { tool_calls: calls };
  return { message: { role: "assistant", content: text, ...thought, ...called } };
}

const chunkOf = (request: OllamaRequest, piece: Piece): object => ({
  ...headOf(request),
  ...contentOf(request, piece),
  done: piece.end !== undefined,
  ...(piece.logprobs === undefined ? {} : { logprobs: piece.logprobs }),
  ...piece.end,
});

async function* chunks(
  request: OllamaRequest,
  list: AsyncGenerator<Piece, void, undefined>,
): AsyncGenerator<object, void, undefined> {
  for await (const piece of list) yield chunkOf(request, piece);
}

async function* pieces(
  parts: AsyncGenerator<SegmentEvent, void, undefined>,
  { logprobs }: OllamaRequest,
  { tokens, loadMs }: Service,
  began: number,
): AsyncGenerator<Piece, void, undefined> {
  let calls = 0;
  for await (const part of parts) {
    if (part.type === "finish") yield { end: endOf(part, performance.now() - began, loadMs) };
    else if (part.type === "delta" && part.kind !== "call") {
      const given = logprobs ? { logprobs: await tokens.forChat(part.logProbabilities ?? []) } : {};
      yield part.kind === "text" ? { text: part.text, ...given } : { thinking: part.text, ...given };
    } else if (part.type === "close" && part.kind === "call" && part.isComplete) {
      const { id, name, text } = part;
      yield { calls: [{ id, function: { index: calls++, name, arguments: new JsonText(text) } }] };
    }
  }
}

/** All pieces as one. */
async function joined(request: OllamaRequest, list: AsyncIterable<Piece>): Promise<object> {
  let whole: Piece & { text: string } = { text: "" };
  for await (const { text = "", thinking, calls = [], logprobs, end } of list)
    whole = {
      ...whole,
      text: whole.text + text,
      ...(thinking === undefined ? {} : { thinking: (whole.thinking ?? "") + thinking }),
      calls: [...(whole.calls ?? []), ...calls],
      ...(logprobs === undefined ? {} : { logprobs: [...(whole.logprobs ?? []), ...logprobs] }),
      ...(end === undefined ? {} : { end }),
    };
  return chunkOf(request, whole);
}

const nanoseconds = (ms: number) => Math.round(ms * 1e6);

function endOf({ finishReason, usage, timings }: FinishEvent, totalMs: number, loadMs: number): object {
  return {
    done_reason: finishReason === "length" ? "length" : "stop",
    total_duration: nanoseconds(totalMs),
    load_duration: nanoseconds(loadMs),
    prompt_eval_count: usage.promptTokens,
    prompt_eval_duration: nanoseconds(timings.promptMs),
    eval_count: usage.generatedTokens,
    eval_duration: nanoseconds(timings.generationMs),
  };
}
