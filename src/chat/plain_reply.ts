// The reply to a raw prompt: one round, its text and nothing else.
import type { RunRequest } from "../engine/engine.js";
import type { LoadedModel } from "../model/loaded_model.js";
import type { ReplyTrace } from "./diagnostics.js";
import { Round, type ReplySteps } from "./round.js";

export async function* plainReply(model: LoadedModel, request: RunRequest, signal: AbortSignal, trace: ReplyTrace): ReplySteps {
  signal.throwIfAborted();
  const round = new Round(model, request, signal, trace.round(1));
  try {
    yield;
    yield* round.texts();
    round.run.release();
  } finally {
    await round.settle();
  }
  const { stopString, usage, timings } = round.end;
  const finishReason = round.end.finishReason === "length" ? "length" : "stop";
  const message = { role: "assistant", content: round.text } as const;
  const isCut = finishReason === "length" && round.end.constraint?.complete === false;
  yield {
    type: "finish", text: round.text, finishReason, ...(stopString === undefined ? {} : { stopString }), toolCalls: [], ...(isCut ? { incomplete: true } : {}),
    message, messages: [message], rounds: [{ finishReason, usage, timings }], usage, timings,
    ...(request.logProbabilities ? { logProbabilities: round.logProbabilities } : {}),
  };
}
