// The channels of `node:diagnostics_channel` and their messages, which contain no text of prompts or replies.
//
// Messages are created only if a channel has subscribers. A subscriber runs synchronously inside the library, so it
// should be quick. An error that it throws does not reach the reply: Node raises it later as an uncaught exception,
// which ends the process unless handled.
import { randomUUID } from "node:crypto";
import { channel } from "node:diagnostics_channel";
import type { RunEnd, RunRequest, Timings, Usage } from "../engine/engine.js";
import { CaduceusError, invalidArgument, type ErrorCode } from "../errors.js";
import type { DownloadEndMessage, DownloadRetryMessage, DownloadStartMessage } from "../files/hub/download_events.js";
import { checkText, loneSurrogate } from "../options/option_checks.js";
import type { ReplyResult, ToolResultEvent } from "./reply/reply_events.js";

/** The messages by the names of their channels. */
export interface DiagnosticsMessages {
  /** A reply was asked for. */
  "caduceus:reply:start": ReplyStartMessage;
  /** A reply came to its end, failed, or was cancelled. None follows for a reply that nobody reads and nobody ends. */
  "caduceus:reply:end": ReplyEndMessage;
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
  /** A download from the Hugging Face hub starts or resumes. */
  "caduceus:download:start": DownloadStartMessage;
  /** A connection failed and is tried again. */
  "caduceus:download:retry": DownloadRetryMessage;
  /** A download is complete and verified, or it failed. */
  "caduceus:download:end": DownloadEndMessage;
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
  roundStart: channel("caduceus:round:start"),
  roundEnd: channel("caduceus:round:end"),
  toolStart: channel("caduceus:tool:start"),
  toolEnd: channel("caduceus:tool:end"),
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
  #hasEnded = false;

  /** `requestId` is the caller's, not checked yet. */
  constructor(kind: ReplyStartMessage["kind"], requestId: unknown) {
    this.#kind = kind;
    // An id that is refused is reported under one that can be carried. Threads share a process, so counting would not
    // do.
    this.requestId = isRequestId(requestId) ? requestId : `reply_${randomUUID()}`;
  }

  start(): void {
    if (channels.replyStart.hasSubscribers)
      channels.replyStart.publish({ requestId: this.requestId, kind: this.#kind } satisfies ReplyStartMessage);
  }

  finish({ finishReason, usage }: ReplyResult): void {
    this.#end(() => ({ finishReason, usage }));
  }

  fail(reason: unknown): void {
    this.#end(() => ({ error: describeFailure(reason) }));
  }

  /** Publishes the end once, however often it is called. */
  #end(outcome: () => Pick<ReplyEndMessage, "finishReason" | "usage" | "error">): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (!channels.replyEnd.hasSubscribers) return;
    channels.replyEnd.publish({ requestId: this.requestId, kind: this.#kind, ...outcome() } satisfies ReplyEndMessage);
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

  start({ after, priority }: RunRequest): void {
    if (!channels.roundStart.hasSubscribers) return;
    channels.roundStart.publish({
      ...this.#round,
      continues: after !== undefined,
      priority,
    } satisfies RoundStartMessage);
  }

  end(finishReason: RoundEndMessage["finishReason"], end: RunEnd | undefined): void {
    if (!channels.roundEnd.hasSubscribers) return;
    const counts = end === undefined ? {} : { usage: end.usage, timings: end.timings };
    channels.roundEnd.publish({ ...this.#round, finishReason, ...counts } satisfies RoundEndMessage);
  }

  /** Around what becomes of a call. */
  async call<T extends { readonly failure?: ToolResultEvent["failure"] }>(
    { id, name }: { readonly id: string; readonly name: string },
    work: () => T | Promise<T>,
  ): Promise<T> {
    const message: ToolStartMessage = { ...this.#round, callId: id, name };
    if (channels.toolStart.hasSubscribers) channels.toolStart.publish(message);
    let failure: ToolEndMessage["failure"] = "cancelled";
    try {
      const outcome = await work();
      failure = outcome.failure;
      return outcome;
    } finally {
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
