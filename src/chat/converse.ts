// A reply round by round: the model writes, its calls run, their results go back, until it has nothing left to call.
import type { PromptPart, Timings, Usage } from "../engine/engine.js";
import { CaduceusError } from "../errors.js";
import type { Conversation, ConversationFormat } from "../format/conversation_format.js";
import { writeCallFailure } from "../format/hermes/tool_result.js";
import { toMessage, type AssistantMessage, type PlainMessage } from "../format/messages.js";
import type { LoadedModel } from "../model/loaded_model.js";
import { readAnswer } from "./answer.js";
import { ReplyReader } from "./reply_reader.js";
import type { ReplyResult, Round as RoundSummary, ToolCall, TokenProbability } from "./reply_events.js";
import type { RequestSettings } from "./reply_options.js";
import { Round, type ReplySteps } from "./round.js";
import { runCalls } from "./run_calls.js";
import type { ToolSettings } from "./tool_options.js";

/** What a reply is to do. */
export interface Task {
  readonly format: ConversationFormat;
  /** Everything said so far, what is to be answered included. */
  readonly messages: readonly PlainMessage[];
  readonly request: RequestSettings;
  readonly tools: ToolSettings;
  /** An earlier run that holds the tokens of the first so many messages. */
  readonly after?: { readonly runId: number; readonly messages: number } | undefined;
  /** Told the prompt of each round as it is handed to the engine. */
  readonly onPrompt: (parts: readonly PromptPart[], after: boolean) => void;
}

/** How a conversation goes on from a finished reply. */
export interface Continuation {
  /** Everything the reply added. */
  readonly added: readonly PlainMessage[];
  /** The last run, which now belongs to the receiver; none where its tokens are not what the messages say. */
  readonly round: Round | undefined;
}

/** `keep` takes over the end of the conversation, to go on from it later; by default it is let go. */
export async function* converse(model: LoadedModel, task: Task, signal: AbortSignal, keep?: (end: Continuation) => void): ReplySteps {
  signal.throwIfAborted();
  const { tools, format } = task;
  const conversation: Conversation = { messages: [], tools: [...tools.tools.values()], schema: tools.schema?.jsonSchema };
  const messages = [...task.messages];
  const rounds: RoundSummary[] = [];
  const probabilities: TokenProbability[] = [];
  const seen = new Map<string, number>();
  let after = task.after;
  let held: Round | undefined;
  let repaired = !tools.schemaRepair;
  try {
    for (;;) {
      const prompt = writePrompt(format, { ...conversation, messages }, after);
      const round = new Round(model, { ...task.request, ...prompt }, signal);
      task.onPrompt(prompt.prompt, prompt.after !== undefined);
      // The engine takes commands in their order: the new run has found the old one by the time that is forgotten.
      held?.run.release();
      held = undefined;
      const reader = new ReplyReader(tools, format.isHermes);
      try {
        if (rounds.length === 0) yield;
        for await (const event of round.texts()) {
          yield* reader.read(event);
          if (reader.turnEnded) round.stop();
        }
        held = round;
      } finally {
        await round.settle();
      }
      const written = reader.end(round.end.finishReason === "length" ? "length" : "stop");
      yield* written.events;
      messages.push(written.message);
      probabilities.push(...round.logProbabilities);
      const summary: RoundSummary = { finishReason: round.end.finishReason === "length" ? "length" : "stop", usage: round.end.usage, timings: round.end.timings };
      rounds.push(summary);
      yield { type: "round", ...summary };

      // Tokens that the messages do not show are not gone on from.
      const isFaithful = round.end.stopString === undefined && !reader.turnEnded;
      after = isFaithful ? { runId: round.run.id, messages: messages.length } : undefined;
      const base = { ...written, rounds, probabilities, stopString: round.end.stopString, logProbabilities: task.request.logProbabilities };
      const finish = (rest: Partial<ReplyResult>) => {
        const result = assemble(base, messages.slice(task.messages.length), rest);
        if (keep !== undefined) {
          keep({ added: messages.slice(task.messages.length), round: isFaithful ? held : undefined });
          if (isFaithful) held = undefined;
        }
        return { type: "finish" as const, ...result };
      };

      if (summary.finishReason === "length") return void (yield finish({ finishReason: "length", toolCalls: written.calls, ...(written.incomplete || tools.schema !== undefined ? { incomplete: true } : {}) }));
      const unreadable = written.calls.length === 0 ? written.malformed : [];
      if (written.calls.length > 0 || unreadable.length > 0) {
        const mine = written.calls.every(({ name }) => tools.tools.get(name)?.run !== undefined || !tools.tools.has(name));
        const stoppedBy = limitReached(written.calls, seen, rounds.length, tools);
        if (!mine || stoppedBy !== undefined) return void (yield finish({ finishReason: "tool-calls", toolCalls: written.calls, ...(mine && stoppedBy !== undefined ? { stoppedBy } : {}) }));
        for await (const event of runCalls(written.calls, tools, signal)) {
          messages.push({ role: "tool", content: event.content, toolCallId: event.id });
          yield event;
        }
        for (const text of unreadable) messages.push(unreadableAnswer(text));
        continue;
      }

      if (tools.schema === undefined) return void (yield finish({}));
      const answer = await readAnswer(written.message.content, tools.schema);
      signal.throwIfAborted();
      if (answer.ok) return void (yield finish({ value: answer.value }));
      if (repaired || rounds.length >= tools.maxRounds) return void (yield finish({ valueProblem: new CaduceusError("SCHEMA_MISMATCH", answer.problem) }));
      repaired = true;
      messages.push({ role: "user", content: `Your answer does not fit the schema: ${answer.problem} Answer again with the corrected JSON object alone.` });
    }
  } finally {
    held?.run.release();
  }
}

/** Everything, or only what follows the tokens of an earlier run. */
function writePrompt(format: ConversationFormat, conversation: Conversation, after: Task["after"]): { prompt: readonly PromptPart[]; after?: number } {
  const rest = after === undefined ? undefined : format.renderContinuation(conversation, after.messages);
  if (after === undefined || rest === undefined) return { prompt: format.render(conversation) };
  return { prompt: rest, after: after.runId };
}

function limitReached(calls: readonly ToolCall[], seen: Map<string, number>, rounds: number, { maxRounds, maxRepeatedCalls }: ToolSettings): ReplyResult["stoppedBy"] {
  for (const { name, argumentsText } of calls) {
    const key = `${name} ${argumentsText}`;
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    if (times > maxRepeatedCalls) return "maxRepeatedCalls";
  }
  return rounds >= maxRounds ? "maxRounds" : undefined;
}

function unreadableAnswer(text: string): PlainMessage {
  const name = /"name"\s*:\s*"([^"\\]{1,64})"/.exec(text)?.[1];
  return { role: "tool", content: writeCallFailure(name ?? "you meant", { kind: "malformed", problem: "it is not valid JSON." }), ...(name === undefined ? {} : { name }) };
}

interface Written {
  readonly message: PlainMessage;
  readonly text: string;
  readonly reasoning: string | undefined;
  readonly rounds: readonly RoundSummary[];
  readonly probabilities: readonly TokenProbability[];
  readonly stopString: string | undefined;
  readonly logProbabilities: boolean;
}

function assemble(written: Written, added: readonly PlainMessage[], rest: Partial<ReplyResult>): ReplyResult {
  return {
    text: written.text,
    finishReason: "stop",
    ...(written.stopString === undefined ? {} : { stopString: written.stopString }),
    toolCalls: [],
    ...(written.reasoning === undefined ? {} : { reasoning: written.reasoning }),
    message: toMessage(written.message) as AssistantMessage,
    messages: added.map(toMessage),
    rounds: [...written.rounds],
    usage: totalUsage(written.rounds),
    timings: totalTimings(written.rounds),
    ...(written.logProbabilities ? { logProbabilities: [...written.probabilities] } : {}),
    ...rest,
  };
}

function totalUsage(rounds: readonly RoundSummary[]): Usage {
  const sum = (count: (usage: Usage) => number) => rounds.reduce((total, { usage }) => total + count(usage), 0);
  return { promptTokens: sum((usage) => usage.promptTokens), cachedTokens: sum((usage) => usage.cachedTokens), generatedTokens: sum((usage) => usage.generatedTokens) };
}

function totalTimings(rounds: readonly RoundSummary[]): Timings {
  const [first] = rounds;
  if (first === undefined || rounds.length === 1) return first?.timings ?? { queueMs: 0, promptMs: 0, firstTokenMs: 0, generationMs: 0, tokensPerSecond: 0 };
  const sum = (milliseconds: (timings: Timings) => number) => rounds.reduce((total, { timings }) => total + milliseconds(timings), 0);
  const generationMs = sum((timings) => timings.generationMs);
  const steps = rounds.reduce((total, { usage }) => total + Math.max(0, usage.generatedTokens - 1), 0);
  return {
    queueMs: sum((timings) => timings.queueMs), promptMs: sum((timings) => timings.promptMs), firstTokenMs: first.timings.firstTokenMs,
    generationMs, tokensPerSecond: generationMs > 0 ? (steps * 1000) / generationMs : 0,
  };
}
