// One turn of the model: a request of the engine, and a second one where the turn was a call without its markup, or was
// meant as calls. A call is then written as the model's format has it, and the model goes on behind it; what is no
// valid call is generated again.
import type { PromptPart, RunEnd, RunRequest } from "../../engine/engine.js";
import type { ConversationFormat } from "../../format/conversation_format.js";
import { callParts } from "../../format/calls/call_parts.js";
import { partsToText } from "../../format/hermes/prompt/prompt.js";
import { thinkTags } from "../../format/thought.js";
import type { LoadedModel } from "../../model/loading/loaded_model.js";
import type { RoundTrace } from "../diagnostics.js";
import type { ReplyEvent } from "../reply/reply_events.js";
import { ReplyReader, type GeneratedTurn } from "../reply/reply_reader.js";
import { furtherCalls, rewritingConstraint } from "./round_constraint.js";
import { RoundRun } from "./round_run.js";
import type { ToolSettings } from "./tool_options.js";

/** What a request came to. */
export interface TurnRun {
  readonly round: RoundRun;
  readonly turn: GeneratedTurn;
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
  const turn = await reader.end(end.finishReason === "length" ? "length" : "stop", round.hasTokensLeft);
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
 * The turn with whatever the model adds to its only call, which lacked its markup; the turn written again where it was
 * meant as calls; the turn as it was where it is something else, or nothing may be added. The new run takes the place
 * of the old one, which is released.
 */
export async function* goOnWithCalls(
  context: TurnContext,
  request: RunRequest,
  first: TurnRun,
): AsyncGenerator<ReplyEvent, TurnRun, undefined> {
  const { turn, end } = first;
  const { tools, format } = context;
  const left = request.maxTokens === undefined ? undefined : request.maxTokens - end.usage.generatedTokens;
  if (turn.isIntent) {
    const rewritten = rewritingConstraint(tools, request);
    return yield* runAgain(context, first, { ...request, maxTokens: left, constraint: rewritten }, []);
  }
  const constraint = furtherCalls(request.constraint);
  const call = turn.isUntagged && turn.reasoning === undefined ? turn.message.toolCalls?.[0] : undefined;
  const parts = call && callParts(format.calls, call);
  if (parts === undefined || constraint === undefined || request.logProbabilities || (left !== undefined && left < 1))
    return first;
  return yield* runAgain(context, first, { ...request, maxTokens: left, constraint }, parts);
}

/** `parts`: what of the turn is put behind the prompt. */
async function* runAgain(
  { model, tools, format, signal, trace }: TurnContext,
  { round: before, end }: TurnRun,
  request: RunRequest,
  parts: readonly PromptPart[],
): AsyncGenerator<ReplyEvent, TurnRun, undefined> {
  const { constraint } = request;
  const prompt = [...request.prompt, ...parts];
  const round = new RoundRun(
    model,
    { ...request, prompt, stop: [], thought: undefined, keepPrefix: undefined },
    signal,
    trace,
  );
  before.run.release();
  try {
    const tags = format.thought ?? thinkTags;
    const reading = { format, constraint, thought: "none", tags, isInText: false, mayRewrite: false } as const;
    const reader = new ReplyReader(tools, reading);
    if (parts.length > 0) yield* await reader.read({ type: "text", text: partsToText(parts) });
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
