// The channels of `node:diagnostics_channel` and their messages. Those of two channels, which say so by their names,
// contain what was said; no other contains text of prompts or replies.
//
// Messages are created only if a channel has subscribers. A subscriber runs synchronously inside the library, so it
// should be quick. An error that it throws does not reach the reply: Node raises it later as an uncaught exception,
// which ends the process unless handled.
import { randomUUID } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import path from "node:path";
import type { ModelInfo, RunEnd, RunRequest, Timings, Usage } from "../engine/engine.js";
import type { ServerDrainMessage, ServerEjectMessage, ServerReturnMessage } from "../engine/fleet_messages.js";
import { CaduceusError, invalidArgument, type ErrorCode } from "../errors.js";
import type { DownloadEndMessage, DownloadRetryMessage, DownloadStartMessage } from "../files/hub/download_events.js";
import type { Message } from "../format/messages.js";
import { checkText, loneSurrogate } from "../options/option_checks.js";
import type { ReplyResult, ToolResultEvent } from "./reply/reply_events.js";

/** The messages by the names of their channels. */
export interface DiagnosticsMessages {
  /** A reply was asked for. */
  "caduceus:reply:start": ReplyStartMessage;
  /** A reply came to its end, failed, or was cancelled. None follows for a reply that nobody reads and nobody ends. */
  "caduceus:reply:end": ReplyEndMessage;
  /** What was asked and answered. Just before the reply's end. */
  "caduceus:reply:content": ReplyContentMessage;
  /** A request was handed to the engine: one for each turn of the model. */
  "caduceus:round:start": RoundStartMessage;
  /** It ended, whatever way. */
  "caduceus:round:end": RoundEndMessage;
  /**
   * The handler of a call starts. A call that does not run (unknown tool, wrong arguments, refused) starts and ends at
   * once.
   */
  "caduceus:tool:start": ToolStartMessage;
  /** The handler gave its result, or there is none. */
  "caduceus:tool:end": ToolEndMessage;
  /** The arguments of a call and its result. Just before the call's end. */
  "caduceus:tool:content": ToolContentMessage;
  /** A download from the Hugging Face hub starts or resumes. */
  "caduceus:download:start": DownloadStartMessage;
  /** A connection failed and is tried again. */
  "caduceus:download:retry": DownloadRetryMessage;
  /** A download is complete and verified, or it failed. */
  "caduceus:download:end": DownloadEndMessage;
  /** A server of a fleet failed, and gets no requests until it answers a check. */
  "caduceus:server:eject": ServerEjectMessage;
  /** A server of a fleet says that it is ending: it finishes what it has begun, and gets nothing new. */
  "caduceus:server:drain": ServerDrainMessage;
  /** It takes requests again, or one for the first time that did not answer when `connect` was called. */
  "caduceus:server:return": ServerReturnMessage;
  /** A model was loaded. */
  "caduceus:model:load": ModelLoadMessage;
  /** A model was closed and its memory freed. */
  "caduceus:model:close": ModelCloseMessage;
}

/** A reply was asked for. */
export interface ReplyStartMessage {
  /** `reply.id`. */
  readonly requestId: string;
  /** Made by `model.reply`, `model.complete` or `chat.send`. */
  readonly kind: "reply" | "complete" | "chat";
  /** The model's name by its file, else the name of the file. */
  readonly model: string;
}

/** A reply is over. */
export interface ReplyEndMessage extends ReplyStartMessage {
  /** Missing where the reply failed. */
  readonly finishReason?: ReplyResult["finishReason"];
  /** Counts of tokens, summed over the rounds. Missing where the reply failed; the rounds have told theirs. */
  readonly usage?: Usage;
  /** Name and code of what the reader of the reply gets. The message is left out: it may quote what was said. */
  readonly error?: { readonly name: string; readonly code?: ErrorCode };
}

/** What was said in a reply. */
export interface ReplyContentMessage {
  readonly requestId: string;
  /** The conversation; a raw prompt is a message of the user. Missing where nothing that could be read was asked. */
  readonly input?: readonly Message[];
  /** What the reply added to it. Missing where it failed. */
  readonly output?: readonly Message[];
}

interface RoundMessage {
  readonly requestId: string;
  /** 1 for the first. A turn that is a call without its markup has a second request, with the same number. */
  readonly round: number;
}

/** A request was handed to the engine. */
export interface RoundStartMessage extends RoundMessage {
  /** It goes on from the tokens of the round or the turn before. */
  readonly continues: boolean;
  readonly priority: number;
  /** How tokens are chosen, defaults included. */
  readonly sampling: SamplingSettings;
}

/** How tokens are chosen. */
export interface SamplingSettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  /** Missing where none was given. */
  readonly seed?: number;
  /** Missing where only the context is a limit. */
  readonly maxTokens?: number;
}

/** A turn of the model is over. */
export interface RoundEndMessage extends RoundMessage {
  /** `"cancelled"`: the caller or the reader ended it. `"failed"`: the engine did. */
  readonly finishReason: "stop" | "length" | "cancelled" | "failed";
  /** Missing where the engine had nothing to count. */
  readonly usage?: Usage;
  /** In milliseconds. */
  readonly timings?: Timings;
}

/** A call is about to run. */
export interface ToolStartMessage extends RoundMessage {
  /** The call's id, as events and messages carry it. */
  readonly callId: string;
  /** Of the tool. */
  readonly name: string;
}

/** A call is over. */
export interface ToolEndMessage extends ToolStartMessage {
  /** Why there is no result; `"cancelled"` where the reply ended first. */
  readonly failure?: ToolResultEvent["failure"] | "cancelled";
}

/** What was said in a call. */
export interface ToolContentMessage extends ToolStartMessage {
  /** As the model wrote them. */
  readonly arguments: unknown;
  /** The text that the model receives. Missing where the reply ended first. */
  readonly result?: string;
}

/** A model was loaded. */
export interface ModelLoadMessage {
  /** Of its file. */
  readonly path: string;
  /** From the call of `load`, a download included. */
  readonly durationMs: number;
}

/** A model was closed. */
export interface ModelCloseMessage {
  /** Of its file. */
  readonly path: string;
}

const channels = {
  replyStart: channel("caduceus:reply:start"),
  replyEnd: channel("caduceus:reply:end"),
  replyContent: channel("caduceus:reply:content"),
  roundStart: channel("caduceus:round:start"),
  roundEnd: channel("caduceus:round:end"),
  toolStart: channel("caduceus:tool:start"),
  toolEnd: channel("caduceus:tool:end"),
  toolContent: channel("caduceus:tool:content"),
  modelLoad: channel("caduceus:model:load"),
  modelClose: channel("caduceus:model:close"),
};

export function modelLoaded(message: ModelLoadMessage): void {
  if (channels.modelLoad.hasSubscribers) channels.modelLoad.publish(message);
}

export function modelClosed(message: ModelCloseMessage): void {
  if (channels.modelClose.hasSubscribers) channels.modelClose.publish(message);
}

/** Publishes the messages of one reply. */
export class ReplyTrace {
  readonly requestId: string;
  readonly #kind: ReplyStartMessage["kind"];
  readonly #info: ModelInfo;
  #input: (() => readonly Message[]) | undefined;
  #hasEnded = false;

  /** `requestId` is the caller's, not checked yet. */
  constructor(kind: ReplyStartMessage["kind"], info: ModelInfo, requestId: unknown) {
    this.#kind = kind;
    this.#info = info;
    // An id that is refused is reported under one that can be carried. Threads share a process, so counting would not
    // do.
    this.requestId = isRequestId(requestId) ? requestId : `reply_${randomUUID()}`;
  }

  start(): void {
    if (channels.replyStart.hasSubscribers) channels.replyStart.publish(this.#start());
  }

  /** What was asked, once that has been read. */
  asked(input: () => readonly Message[]): void {
    if (channels.replyContent.hasSubscribers) this.#input = input;
  }

  finish({ finishReason, usage, messages }: ReplyResult): void {
    this.#end(() => ({ finishReason, usage }), messages);
  }

  fail(reason: unknown): void {
    this.#end(() => ({ error: describeFailure(reason) }));
  }

  #start(): ReplyStartMessage {
    const { name, path: file } = this.#info;
    return { requestId: this.requestId, kind: this.#kind, model: name ?? path.basename(file) };
  }

  /** Publishes the end once, however often it is called. */
  #end(outcome: () => Pick<ReplyEndMessage, "finishReason" | "usage" | "error">, output?: readonly Message[]): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (channels.replyContent.hasSubscribers)
      channels.replyContent.publish({
        requestId: this.requestId,
        ...(this.#input === undefined ? {} : { input: this.#input() }),
        ...(output === undefined ? {} : { output }),
      } satisfies ReplyContentMessage);
    if (channels.replyEnd.hasSubscribers)
      channels.replyEnd.publish({ ...this.#start(), ...outcome() } satisfies ReplyEndMessage);
  }

  round(round: number): RoundTrace {
    return new RoundTrace({ requestId: this.requestId, round });
  }
}

/** Publishes the messages of one round and of its calls. */
export class RoundTrace {
  readonly #round: RoundMessage;

  constructor(round: RoundMessage) {
    this.#round = round;
  }

  start({ after, priority, sampling, maxTokens }: RunRequest): void {
    if (!channels.roundStart.hasSubscribers) return;
    const { temperature, topK, topP, frequencyPenalty, presencePenalty, seed } = sampling;
    channels.roundStart.publish({
      ...this.#round,
      continues: after !== undefined,
      priority,
      sampling: {
        temperature,
        topK,
        topP,
        frequencyPenalty,
        presencePenalty,
        ...(seed === undefined ? {} : { seed }),
        ...(maxTokens === undefined ? {} : { maxTokens }),
      },
    } satisfies RoundStartMessage);
  }

  end(finishReason: RoundEndMessage["finishReason"], end: RunEnd | undefined): void {
    if (!channels.roundEnd.hasSubscribers) return;
    const counts = end === undefined ? {} : { usage: end.usage, timings: end.timings };
    channels.roundEnd.publish({ ...this.#round, finishReason, ...counts } satisfies RoundEndMessage);
  }

  /** Around what becomes of a call, which runs in the stores that are bound to the channel of its start. */
  async call<T extends Pick<ToolResultEvent, "failure" | "content">>(
    { id, name, arguments: args }: { readonly id: string; readonly name: string; readonly arguments: unknown },
    work: () => T | Promise<T>,
  ): Promise<T> {
    const message: ToolStartMessage = { ...this.#round, callId: id, name };
    let failure: ToolEndMessage["failure"] = "cancelled";
    let result: string | undefined;
    try {
      const outcome = await channels.toolStart.runStores(message, work);
      failure = outcome.failure;
      result = outcome.content;
      return outcome;
    } finally {
      if (channels.toolContent.hasSubscribers)
        channels.toolContent.publish({
          ...message,
          arguments: args,
          ...(result === undefined ? {} : { result }),
        } satisfies ToolContentMessage);
      if (channels.toolEnd.hasSubscribers)
        channels.toolEnd.publish({
          ...message,
          ...(failure === undefined ? {} : { failure }),
        } satisfies ToolEndMessage);
    }
  }
}

const longestId = 200;

function isRequestId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= longestId && loneSurrogate(value) === -1;
}

/** Undefined, or an id that a caller may give to a reply. */
export function checkRequestId(value: unknown): string | undefined {
  if (value === undefined || isRequestId(value)) return value;
  if (typeof value === "string") checkText(value, "requestId");
  throw invalidArgument(`text of 1 to ${longestId} characters`, "requestId", value);
}

/** A signal's reason can be anything, and what a stranger's object says may be read at no other time. */
function describeFailure(reason: unknown): NonNullable<ReplyEndMessage["error"]> {
  try {
    if (reason instanceof CaduceusError) return { name: reason.name, code: reason.code };
    return { name: reason instanceof Error ? String(reason.name) : typeof reason };
  } catch {
    return { name: "unknown" };
  }
}
