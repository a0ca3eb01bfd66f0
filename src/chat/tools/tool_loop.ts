// A reply round by round: the model writes, its calls run, their results go back, until it has nothing left to call.
import type { Constraint, PromptPart, RunEnd, ThoughtRequest } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import { writeCallFailure } from "../../format/hermes/prompt/tool_result.js";
import { toMessage } from "../../format/messages.js";
import type { PlainMessage } from "../../format/plain_message.js";
import type { LoadedModel } from "../../model/loading/loaded_model.js";
import { isComplete, readAnswer } from "../reply/answer.js";
import { AnswerError, type AnswerProblem } from "../reply/answer_error.js";
import type { ShownPrompt } from "../explain.js";
import type { ReplyTrace, RoundTrace } from "../diagnostics.js";
import { RepeatedCalls } from "./repeated_calls.js";
import type {
  ReplyEvent,
  ReplyResult,
  Round,
  ToolCall,
  TokenProbability,
  WarningEvent,
} from "../reply/reply_events.js";
import { thinkTags } from "../../format/thought.js";
import { answerBeginning, endsInText, thoughtRequest, withoutText } from "../reply/reasoning.js";
import type { RequestSettings } from "../reply/reply_options.js";
import { ReplyReader, type GeneratedTurn } from "../reply/reply_reader.js";
import { assembleResult } from "../reply/reply_result.js";
import { RoundRun, type ReplySteps } from "./round_run.js";
import { isFree, isWhole, rewritingConstraint, roundConstraint } from "./round_constraint.js";
import { goOnWithCalls, readTurn, type TurnRun } from "./turn_run.js";
import { runCalls } from "./run_calls.js";
import { Transcript, type TranscriptStart } from "../transcript.js";
import { unlessAborted } from "../../follow_signal.js";

/** What a reply is to do. */
export interface Task extends TranscriptStart {
  readonly request: RequestSettings;
  readonly contextOverflow: "error" | "drop-oldest";
  readonly trace: ReplyTrace;
  /** What was read otherwise than it was written. */
  readonly warnings: readonly WarningEvent[];
  /** Called with the prompt of each round. */
  readonly onPrompt: (prompt: ShownPrompt) => void;
}

/** How a conversation goes on from a finished reply. */
export interface Continuation {
  /** Everything that was said, but for what was dropped. */
  readonly messages: readonly PlainMessage[];
  /** The last run, which now belongs to the receiver; none where its tokens are not what the messages say. */
  readonly round: RoundRun | undefined;
}

/** How a reply ends. With a problem it rejects, and the error carries the result. */
interface Ending {
  readonly result: Partial<ReplyResult>;
  readonly problem?: AnswerProblem;
}

export const warningsOf = (message: string | undefined): WarningEvent[] =>
  message === undefined ? [] : [{ type: "warning", code: "system-messages-joined", message }];

/** So many times the context a prompt may have that is only shown. */
const shownContexts = 4;

/** Tells the task the prompt that a reply would begin with, and leaves it at that. */
export async function preparePrompt(model: LoadedModel, task: Task, signal: AbortSignal): Promise<void> {
  const { request, tools, format, contextOverflow, onPrompt } = task;
  refuseUnreadableCalls(task);
  const transcript = new Transcript(model, task);
  if (contextOverflow !== "error") await unlessAborted(() => transcript.dropOldest(request.maxTokens, signal), signal);
  transcript.refuseIfTooLong(shownContexts);
  const { prompt } = await unlessAborted(() => transcript.prompt(), signal);
  const constraint = request.constraint ?? roundConstraint(tools, format, true);
  const thought = thoughtOf(task, prompt, constraint, true);
  const begun = task.continueFinalMessage ? [] : answerBeginning(format, prompt, constraint, thought);
  onPrompt({ parts: [...prompt, ...begun], continues: false, constraint, thought });
}

/** A model is told of no tools whose calls would not be found in its replies. */
function refuseUnreadableCalls({ tools, format }: Task): void {
  if (tools.tools.size === 0 || format.calls.kind !== "unknown") return;
  throw new CaduceusError("TOOLS_UNSUPPORTED", `The calls of this model cannot be read: ${format.calls.reason}.`, {
    param: "tools",
    remedy:
      'Load the model with format "hermes", if it knows ChatML, or with a chatTemplate that writes calls in a known format.',
  });
}

/** What the model may think in a round. What it has begun to say is its answer. */
function thoughtOf(
  { reasoning, format, continueFinalMessage }: Task,
  prompt: readonly PromptPart[],
  constraint: Constraint | undefined,
  isFirst: boolean,
): ThoughtRequest | undefined {
  return isFirst && continueFinalMessage ? undefined : thoughtRequest(reasoning, format, prompt, constraint);
}

/** `keep` takes over the end of the conversation, to go on from it later; by default it is let go. */
export function converse(
  model: LoadedModel,
  task: Task,
  signal: AbortSignal,
  keep?: (end: Continuation) => void,
): ReplySteps {
  return new ReplyLoop(model, task, signal).run(keep);
}

class ReplyLoop {
  readonly #model: LoadedModel;
  readonly #task: Task;
  readonly #signal: AbortSignal;
  readonly #transcript: Transcript;
  readonly #rounds: Round[] = [];
  readonly #probabilities: TokenProbability[] = [];
  readonly #repeated: RepeatedCalls;
  #mayRepair: boolean;
  /** The calls that `toolChoice` asks for have not been answered yet. */
  #isForced = true;
  #trace: RoundTrace;
  /** The last run that came to its end; its tokens are there until it is released. */
  #held: RoundRun | undefined;

  constructor(model: LoadedModel, task: Task, signal: AbortSignal) {
    this.#model = model;
    this.#task = task;
    this.#signal = signal;
    this.#transcript = new Transcript(model, task);
    this.#repeated = new RepeatedCalls(task.tools.maxRepeatedCalls);
    this.#mayRepair = task.tools.schemaRepair;
    this.#trace = task.trace.round(1);
  }

  async *run(keep?: (end: Continuation) => void): ReplySteps {
    this.#signal.throwIfAborted();
    const { request, messages, trace } = this.#task;
    trace.asked(() => messages.map(toMessage));
    refuseUnreadableCalls(this.#task);
    try {
      for (;;) {
        const { turn, end } = yield* this.#write();
        const ending = yield* this.#answer(turn, end);
        if (ending === undefined) continue;
        const { added, dropped } = this.#transcript;
        const probabilities = request.logProbabilities ? this.#probabilities : undefined;
        const result = assembleResult(
          { turn, rounds: this.#rounds, added, dropped, stopString: end.stopString, probabilities },
          ending.result,
        );
        if (keep !== undefined) this.#handOver(keep);
        if (ending.problem !== undefined) throw new AnswerError(ending.problem, result);
        yield { type: "finish", ...result };
        return;
      }
    } finally {
      this.#held?.run.release();
    }
  }

  /** One turn of the model. */
  async *#write(): AsyncGenerator<ReplyEvent | undefined, { turn: GeneratedTurn; end: RunEnd }, undefined> {
    const { request, tools, format, contextOverflow, trace, onPrompt } = this.#task;
    const dropped =
      contextOverflow === "error"
        ? []
        : await unlessAborted(() => this.#transcript.dropOldest(request.maxTokens, this.#signal), this.#signal);
    this.#signal.throwIfAborted();
    this.#transcript.refuseIfTooLong();
    const rendered = await unlessAborted(() => this.#transcript.prompt(), this.#signal);
    this.#trace = trace.round(this.#rounds.length + 1);
    const isFirst = this.#rounds.length === 0;
    const isContinued = isFirst && this.#task.continueFinalMessage;
    const constraint = request.constraint ?? roundConstraint(tools, format, this.#isForced);
    const thought = thoughtOf(this.#task, rendered.prompt, constraint, isFirst);
    const begun = isContinued ? [] : answerBeginning(format, rendered.prompt, constraint, thought);
    const isText = endsInText(format, rendered.prompt) && !isContinued;
    const isWritten = isText && constraint?.kind === "tools" && isWhole(constraint);
    const parts = isWritten ? withoutText(format, rendered.prompt) : [...rendered.prompt, ...begun];
    const prompt = { ...rendered, prompt: parts };
    // Nothing of a turn that is constrained from its first token on is free text, where alone stop strings count.
    const stop = isWhole(constraint) ? [] : request.stop;
    const first = { ...request, ...prompt, stop, constraint, thought };
    const round = new RoundRun(this.#model, first, this.#signal, this.#trace);
    onPrompt({ parts: prompt.prompt, continues: prompt.after !== undefined, constraint, thought });
    // What the new run goes on from; a turn that is written again goes on from the same.
    const before = this.#held;
    this.#held = undefined;
    const mayThink = !isContinued && (thought !== undefined || isFree(constraint));
    const reader = new ReplyReader(tools, {
      format,
      constraint,
      tags: format.thought ?? thinkTags,
      thought: thought?.open ? "open" : mayThink ? "possible" : "none",
      isInText: isContinued || begun.length > 0 || (isText && !isWritten),
      mayRewrite: !isContinued && rewritingConstraint(tools, first) !== undefined,
    });
    let written: TurnRun;
    try {
      try {
        // The reply's first step ends where the engine has the request.
        if (this.#rounds.length === 0) yield;
        if (this.#rounds.length === 0) yield* this.#task.warnings;
        if (dropped.length > 0) yield { type: "dropped", messages: dropped.map(toMessage) };
        written = yield* readTurn(round, reader);
        this.#held = round;
      } finally {
        await round.settle();
      }
      const context = { model: this.#model, tools, format, signal: this.#signal, trace: this.#trace };
      written = yield* goOnWithCalls(context, first, written);
    } finally {
      before?.run.release();
    }
    this.#held = written.round;
    const { turn, end, isFaithful } = written;
    yield* turn.events;
    this.#transcript.push(turn.message);
    this.#probabilities.push(...written.round.logProbabilities);
    const finishReason = end.finishReason === "length" ? "length" : "stop";
    const summary: Round = { finishReason, usage: end.usage, timings: end.timings };
    this.#rounds.push(summary);
    yield { type: "round", ...summary };
    // Tokens that the messages do not show are not gone on from.
    this.#transcript.goOnAfter(isFaithful ? { id: written.round.run.id, tokens: written.round.tokens } : undefined);
    return { turn, end };
  }

  /** Does what the turn asks for. Undefined when the model is to write again, else how the reply ends. */
  async *#answer(turn: GeneratedTurn, end: RunEnd): AsyncGenerator<ReplyEvent, Ending | undefined, undefined> {
    const { tools } = this.#task;
    if (end.finishReason === "length") return this.#cutOff(turn, end);
    if (turn.calls.length > 0 || turn.malformed.length > 0) return yield* this.#call(turn);
    return tools.schema === undefined ? { result: {} } : this.#check(turn.text);
  }

  async #cutOff({ text, calls, malformed, incomplete, incompleteCall }: GeneratedTurn, end: RunEnd): Promise<Ending> {
    const { schema } = this.#task.tools;
    const cutCall = incompleteCall === undefined ? {} : { incompleteCall };
    const isCut = incomplete || end.constraint?.complete === false;
    if (schema === undefined)
      return {
        result: { finishReason: "length", toolCalls: calls, ...(isCut ? { incomplete: true } : {}), ...cutCall },
      };
    // The limit may come just where the JSON ends.
    if (!isCut && calls.length === 0 && malformed.length === 0 && isComplete(text)) {
      const answer = await unlessAborted(() => readAnswer(text, schema), this.#signal);
      if (answer.ok) return { result: { finishReason: "length", value: answer.value } };
      return { result: { finishReason: "length" }, problem: { code: "SCHEMA_MISMATCH", message: answer.problem } };
    }
    const problem = {
      code: "INCOMPLETE",
      message: "The token limit cut the answer off before its JSON was complete.",
    } as const;
    return { result: { finishReason: "length", toolCalls: calls, incomplete: true, ...cutCall }, problem };
  }

  async *#call({ calls, malformed }: GeneratedTurn): AsyncGenerator<ReplyEvent, Ending | undefined, undefined> {
    const { tools } = this.#task;
    const hasHandler = ({ name }: ToolCall) => !tools.tools.has(name) || tools.tools.get(name)?.execute !== undefined;
    if (!calls.every(hasHandler)) return { result: { finishReason: "tool-calls", toolCalls: calls } };
    const stoppedBy = this.#repeated.add(calls)
      ? "max-repeated-calls"
      : this.#rounds.length >= tools.maxRounds
        ? "max-rounds"
        : undefined;
    if (stoppedBy !== undefined) {
      const result = { finishReason: "tool-calls", toolCalls: calls, stoppedBy } as const;
      if (tools.schema === undefined) return { result };
      const limit = stoppedBy === "max-rounds" ? "maxRounds" : "maxRepeatedCalls";
      return {
        result,
        problem: {
          code: "INCOMPLETE",
          message: `The limit ${limit} ended the reply before its answer, at another call.`,
        },
      };
    }
    if (!this.#task.format.isHermes) await unlessAborted(() => this.#transcript.checkResults(calls), this.#signal);
    for await (const event of runCalls(calls, tools, this.#signal, this.#trace)) {
      if (event.type === "tool-result")
        this.#transcript.push({ role: "tool", content: event.content, toolCallId: event.id });
      yield event;
    }
    this.#transcript.push(...malformed.map(answerToMalformed));
    this.#isForced = false;
    return undefined;
  }

  async #check(text: string): Promise<Ending | undefined> {
    const { schema, maxRounds } = this.#task.tools;
    if (schema === undefined) return { result: {} };
    // A schema's own checks are the caller's code, and may wait.
    const answer = await unlessAborted(() => readAnswer(text, schema), this.#signal);
    if (answer.ok) return { result: { value: answer.value } };
    if (!this.#mayRepair || this.#rounds.length >= maxRounds)
      return { result: {}, problem: { code: "SCHEMA_MISMATCH", message: answer.problem } };
    this.#mayRepair = false;
    this.#transcript.push({
      role: "user",
      content: `Your answer does not fit the schema: ${answer.problem} Answer again with the corrected JSON alone.`,
    });
    return undefined;
  }

  #handOver(keep: (end: Continuation) => void): void {
    const round = this.#transcript.isHeld ? this.#held : undefined;
    if (round !== undefined) this.#held = undefined;
    keep({ messages: this.#transcript.messages, round });
  }
}

/** What the model is told of a call that cannot be read, under the name that it seems to have meant. */
function answerToMalformed(text: string): PlainMessage {
  const name = /"name"\s*:\s*"([^"\\]{1,64})"/.exec(text)?.[1];
  const { content } = writeCallFailure(name ?? "you meant", { kind: "malformed", problem: "it is not valid JSON." });
  return { role: "tool", content, ...(name === undefined ? {} : { name }) };
}
