// The reply to a raw prompt: one round of text.
import type { RunRequest } from "../../engine/engine.js";
import type { LoadedModel } from "../../model/loading/loaded_model.js";
import type { ReplyTrace } from "../diagnostics.js";
import type { PromptToken } from "./reply_events.js";
import { RoundRun, type ReplySteps } from "../tools/round_run.js";
import { tokenProbabilities } from "./token_probabilities.js";

export async function* plainReply(
  model: LoadedModel,
  request: RunRequest,
  signal: AbortSignal,
  trace: ReplyTrace,
): ReplySteps {
  signal.throwIfAborted();
  const round = new RoundRun(model, request, signal, trace.round(1));
  let promptLogProbabilities: readonly PromptToken[] | undefined;
  try {
    yield;
    if (request.promptLogProbabilities) {
      promptLogProbabilities = await round.prompt();
      yield { type: "prompt", logProbabilities: promptLogProbabilities };
      signal.throwIfAborted();
    }
    yield* round.texts();
    round.run.release();
  } finally {
    await round.settle();
  }
  const { stopString, endToken, usage, timings } = round.end;
  const finishReason = round.end.finishReason === "length" ? "length" : "stop";
  const message = { role: "assistant", content: round.text } as const;
  const isCut = finishReason === "length" && round.end.constraint?.complete === false;
  yield {
    type: "finish",
    text: round.text,
    value: undefined,
    finishReason,
    ...(stopString === undefined ? {} : { stopString }),
    toolCalls: [],
    ...(isCut ? { incomplete: true } : {}),
    message,
    messages: [message],
    rounds: [{ finishReason, usage, timings }],
    usage,
    timings,
    ...(request.logProbabilities ? { logProbabilities: round.logProbabilities } : {}),
    ...(endToken === undefined ? {} : { endToken: tokenProbabilities(endToken)[0]! }),
    ...(promptLogProbabilities === undefined ? {} : { promptLogProbabilities }),
  };
}
