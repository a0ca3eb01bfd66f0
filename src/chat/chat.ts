// A conversation that keeps its tokens: each turn costs only itself.
import { CaduceusError } from "../errors.js";
import { renderContinuation, renderConversation } from "../format/chatml.js";
import { readMessages, type Message, type PlainMessage } from "../format/messages.js";
import type { RunRequest } from "../engine/engine.js";
import { checkOptions, checkText } from "../model/checks.js";
import type { LoadedModel } from "../model/loaded_model.js";
import { Branch } from "./branch.js";
import { Reply } from "./reply.js";
import { checkCanChat, replyOptionNames, resolveReplyOptions, signalsOf, type ReplyOptions, type RequestSettings } from "./reply_options.js";
import { plainReply, type ReplySteps, type Round } from "./round.js";

/** Options of a whole conversation. Those of replies are the defaults of each `send`. */
export interface ChatOptions extends Omit<ReplyOptions, "signal"> {
  /** Says how the model is to behave. Defaults to no system message at all. */
  readonly system?: string | undefined;
  /** A conversation to go on from. Defaults to an empty one. */
  readonly messages?: readonly Message[] | undefined;
}

/**
 * A conversation with a model, made by `model.chat`.
 *
 * Turns are answered one after the other, in the order of `send`. A turn counts once its reply has come to its end: one that
 * was cancelled, left or failed leaves the conversation as it was before. Closing frees what it holds of the cache; closing
 * the model does too.
 */
export class Chat {
  readonly #model: LoadedModel;
  readonly #defaults: Omit<ReplyOptions, "signal">;
  readonly #closing = new AbortController();
  #messages: readonly PlainMessage[];
  /** The cached tokens of all messages. None before the first turn, and where text and tokens differ. */
  #branch: Branch | undefined;
  #lastReply: Reply | undefined;
  /** Resolves when all turns so far are over. */
  #idle: Promise<void> = Promise.resolve();

  /** @internal Takes over one hold on the branch. */
  constructor(model: LoadedModel, messages: readonly PlainMessage[], defaults: Omit<ReplyOptions, "signal">, branch?: Branch) {
    this.#model = model;
    this.#messages = messages;
    this.#defaults = defaults;
    this.#branch = branch;
  }

  /** Every message so far, the system message included; a copy. */
  get messages(): Message[] {
    return this.#messages.map((message) => ({ ...message }));
  }

  /**
   * Says something and gives the reply to it. Waits for the replies before; reading this one reads those to their end.
   * `input` is text of the user, a message, or several. Rejects with `CONTEXT_FULL` when the conversation has grown beyond the context.
   */
  send(input: string | Message | readonly Message[], options?: ReplyOptions): Reply {
    const before = this.#idle;
    let turnIsOver!: () => void;
    const thisTurn = new Promise<void>((resolve) => (turnIsOver = resolve));
    this.#idle = before.then(() => thisTurn);
    const start = (signal: AbortSignal) => this.#turn(input, options, before, signal, turnIsOver);
    const reply = new Reply(start, [...signalsOf(options), this.#closing.signal, this.#model.closing], this.#lastReply);
    this.#lastReply = reply;
    return reply;
  }

  async *#turn(input: unknown, options: unknown, before: Promise<void>, signal: AbortSignal, turnIsOver: () => void): ReplySteps {
    try {
      signal.throwIfAborted();
      const settings = this.#resolve(options);
      const said = readMessages(isMessage(input) ? [input] : input);
      await unlessAborted(before, signal);
      const request = this.#request(said, settings);
      yield* plainReply(this.#model, request, signal, (round) => {
        this.#commit(said, round);
        turnIsOver();
      });
    } finally {
      turnIsOver();
    }
  }

  #resolve(options: unknown): RequestSettings {
    checkOptions(options, "send", replyOptionNames);
    const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
    return resolveReplyOptions({ ...this.#defaults, ...Object.fromEntries(given) }, "send", this.#model);
  }

  #request(said: readonly PlainMessage[], settings: RequestSettings): RunRequest {
    if (this.#branch === undefined) return { ...settings, prompt: renderConversation([...this.#messages, ...said]) };
    return { ...settings, prompt: renderContinuation(said), after: this.#branch.runId };
  }

  #commit(said: readonly PlainMessage[], round: Round): void {
    const { text, stopString } = round.result();
    this.#messages = [...this.#messages, ...said, { role: "assistant", content: text }];
    this.#branch?.release();
    if (stopString === undefined) {
      this.#branch = new Branch(round.run);
    } else {
      // The tokens hold the stop string, or a part of it, which the text does not: the next turn renders the text again.
      this.#branch = undefined;
      round.run.release();
    }
  }

  /** Another conversation that begins with everything said so far, at no cost. A reply still under way is not part of it. */
  fork(): Chat {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    this.#model.closing.throwIfAborted();
    return new Chat(this.#model, this.#messages, this.#defaults, this.#branch?.hold());
  }

  /** Ends the replies under way, with `MODEL_CLOSED`, and frees what the conversation holds of the cache. Twice is fine. */
  async close(): Promise<void> {
    this.#closing.abort(new CaduceusError("MODEL_CLOSED", "The conversation was closed."));
    await this.#idle;
    this.#branch?.release();
    this.#branch = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Checks the options of a conversation and begins it. */
export function openChat(model: LoadedModel, options: unknown): Chat {
  checkCanChat(model);
  const { system, messages, ...defaults } = checkOptions(options, "chat", ["system", "messages", ...replyOptionNames.filter((name) => name !== "signal")]);
  resolveReplyOptions(defaults, "chat", model);
  const earlier = messages === undefined ? [] : readMessages(messages);
  if (system !== undefined && earlier.some(({ role }) => role === "system")) {
    throw new CaduceusError("INVALID_MESSAGES", "Expected one system message but received the option system and another one in messages.");
  }
  const first: PlainMessage[] = system === undefined ? [] : [{ role: "system", content: checkText(system, "system") }];
  return new Chat(model, [...first, ...earlier], defaults);
}

const isMessage = (input: unknown) => typeof input === "object" && input !== null && !Array.isArray(input);

/** Waits, but no longer than until the signal aborts. */
async function unlessAborted(waited: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
  });
  try {
    await Promise.race([waited, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
