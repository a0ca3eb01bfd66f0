// One turn of the model: a request of the engine, and a second one where the turn was a call without its markup. That
// call is then written as the model's format has it, and the model goes on behind it.
import type { RunEnd, RunRequest } from "../../engine/engine.js";
import type { ConversationFormat } from "../../format/conversation_format.js";
import { callParts } from "../../format/calls/call_parts.js";
import { partsToText } from "../../format/hermes/prompt/prompt.js";
import { thinkTags } from "../../format/thought.js";
import type { LoadedModel } from "../../model/loading/loaded_model.js";
import type { RoundTrace } from "../diagnostics.js";
import type { ReplyEvent } from "../reply/reply_events.js";
import { ReplyReader, type WrittenTurn } from "../reply/reply_reader.js";
import { furtherCalls } from "./round_constraint.js";
import { RoundRun } from "./round_run.js";
import type { ToolSettings } from "./tool_options.js";

/** What a request came to. */
export interface TurnRun {
  readonly round: RoundRun;
  readonly turn: WrittenTurn;
  readonly end: RunEnd;
  /** The run's tokens are what the history shows. */
  readonly isFaithful: boolean;
}

export async function* readTurn(round: RoundRun, reader: ReplyReader): AsyncGenerator<ReplyEvent, TurnRun, undefined> {
  for await (const event of round.texts()) {
    yield* await reader.read(event);
    if (reader.turnEnded) round.stop();
  }
  // A turn that was ended here is a whole one, even where the token limit came first.
  const end: RunEnd = reader.turnEnded ? { ...round.end, finishReason: "stop" } : round.end;
  const turn = await reader.end(end.finishReason === "length" ? "length" : "stop");
  const isFaithful = end.stopString === undefined && !reader.turnEnded && !turn.incomplete && !turn.differs;
  return { round, turn, end, isFaithful };
}

/** What a turn is part of. */
export interface TurnContext {
  readonly model: LoadedModel;
  readonly tools: ToolSettings;
  readonly format: ConversationFormat;
  readonly signal: AbortSignal;
  readonly trace: RoundTrace;
}

/**
 * The turn with whatever the model adds to its only call, which lacked its markup; the turn as it was where it is
 * something else, or nothing may be added. The new run takes the place of the old one, which is released.
 */
export async function* goOnBehindCall(
  { model, tools, format, signal, trace }: TurnContext,
  request: RunRequest,
  first: TurnRun,
): AsyncGenerator<ReplyEvent, TurnRun, undefined> {
  const { turn, end } = first;
  const constraint = furtherCalls(request.constraint);
  const left = request.maxTokens === undefined ? undefined : request.maxTokens - end.usage.generatedTokens;
  const call = turn.isUntagged && turn.reasoning === undefined ? turn.message.toolCalls?.[0] : undefined;
  const parts = call && callParts(format.calls, call);
  if (parts === undefined || constraint === undefined || request.logProbabilities || (left !== undefined && left < 1))
    return first;
  const round = new RoundRun(
    model,
    {
      ...request,
      prompt: [...request.prompt, ...parts],
      maxTokens: left,
      stop: [],
      constraint,
      thought: undefined,
      keepPrefix: undefined,
    },
    signal,
    trace,
  );
  first.round.run.release();
  try {
    const tags = format.thought ?? thinkTags;
    const reader = new ReplyReader(tools, { format, constraint, thought: "none", tags, isInText: false });
    yield* await reader.read({ type: "text", text: partsToText(parts) });
    const second = yield* readTurn(round, reader);
    return { ...second, end: together(end, second.end) };
  } finally {
    await round.settle();
  }
}

/** Both ends as that of one run. */
function together(first: RunEnd, second: RunEnd): RunEnd {
  const generatedTokens = first.usage.generatedTokens + second.usage.generatedTokens;
  const generationMs = first.timings.generationMs + second.timings.generationMs;
  const seconds = generationMs / 1_000;
  return {
    ...second,
    usage: { ...first.usage, generatedTokens },
    timings: {
      ...first.timings,
      generationMs,
      tokensPerSecond: generatedTokens > 1 && seconds > 0 ? (generatedTokens - 1) / seconds : 0,
    },
  };
}
