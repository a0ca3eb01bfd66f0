// The result of a reply, assembled from its rounds.
import type { Timings, Usage } from "../../engine/engine.js";
import { toMessage, type AssistantMessage } from "../../format/messages.js";
import type { PlainMessage } from "../../format/plain_message.js";
import type { ReplyResult, Round, TokenProbability } from "./reply_events.js";
import type { GeneratedTurn } from "./reply_reader.js";

/** Data collected in the rounds of a reply. */
export interface ReplyRecord {
  readonly turn: GeneratedTurn;
  readonly rounds: readonly Round[];
  /** The messages that the reply adds to the conversation. */
  readonly added: readonly PlainMessage[];
  readonly dropped: readonly PlainMessage[];
  readonly stopString: string | undefined;
  /** Undefined unless requested. */
  readonly probabilities: readonly TokenProbability[] | undefined;
}

export function assembleResult(
  { turn, rounds, added, dropped, stopString, probabilities }: ReplyRecord,
  rest: Partial<ReplyResult>,
): ReplyResult {
  return {
    text: turn.text,
    finishReason: "stop",
    ...(stopString === undefined ? {} : { stopString }),
    toolCalls: [],
    ...(turn.malformed.length === 0 ? {} : { malformed: turn.malformed }),
    ...(turn.reasoning === undefined ? {} : { reasoning: turn.reasoning }),
    message: toMessage(turn.message) as AssistantMessage,
    messages: added.map(toMessage),
    ...(dropped.length === 0 ? {} : { dropped: dropped.map(toMessage) }),
    rounds: [...rounds],
    usage: totalUsage(rounds),
    timings: totalTimings(rounds),
    ...(probabilities === undefined ? {} : { logProbabilities: [...probabilities] }),
    value: undefined,
    ...rest,
  };
}

function totalUsage(rounds: readonly Round[]): Usage {
  const sum = (count: (usage: Usage) => number) => rounds.reduce((total, { usage }) => total + count(usage), 0);
  return {
    promptTokens: sum((usage) => usage.promptTokens),
    cachedTokens: sum((usage) => usage.cachedTokens),
    generatedTokens: sum((usage) => usage.generatedTokens),
  };
}

function totalTimings(rounds: readonly Round[]): Timings {
  const [first] = rounds;
  if (first === undefined || rounds.length === 1)
    return first?.timings ?? { queueMs: 0, promptMs: 0, firstTokenMs: 0, generationMs: 0, tokensPerSecond: 0 };
  const sum = (milliseconds: (timings: Timings) => number) =>
    rounds.reduce((total, { timings }) => total + milliseconds(timings), 0);
  const generationMs = sum((timings) => timings.generationMs);
  const steps = rounds.reduce((total, { usage }) => total + Math.max(0, usage.generatedTokens - 1), 0);
  return {
    queueMs: sum((timings) => timings.queueMs),
    promptMs: sum((timings) => timings.promptMs),
    firstTokenMs: first.timings.firstTokenMs,
    generationMs,
    tokensPerSecond: generationMs > 0 ? (steps * 1000) / generationMs : 0,
  };
}
