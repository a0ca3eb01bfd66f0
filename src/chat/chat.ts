// A conversation that keeps its tokens: each turn costs only itself.
import { CaduceusError } from "../errors.js";
import type { ConversationFormat } from "../format/conversation_format.js";
import { readMessages, toMessage, type Message, type PlainMessage } from "../format/messages.js";
import { checkOptions, checkText } from "../model/checks.js";
import type { LoadedModel } from "../model/loaded_model.js";
import { Branch } from "./branch.js";
import { Reply } from "./reply.js";
import { converse, type Continuation } from "./converse.js";
import { PromptRecord } from "./explain.js";
import { replyOptionNames, resolveReplyOptions, signalsOf, type ReplyOptions } from "./reply_options.js";
import type { ReplySteps } from "./round.js";
import type { Schema } from "../schema/read_schema.js";
import type { ToolSettings, ValueOf } from "./tool_options.js";
import { unlessAborted } from "./unless_aborted.js";

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
  /** What the system turn in those tokens was made of besides the messages. */
  #branchSystem = "";
  #lastReply: Reply<any> | undefined;
  /** Resolves when all turns so far are over. */
  #idle: Promise<void> = Promise.resolve();

  /** @internal Takes over one hold on the branch. */
  constructor(model: LoadedModel, messages: readonly PlainMessage[], defaults: Omit<ReplyOptions, "signal">, branch?: Branch, branchSystem = "") {
    this.#model = model;
    this.#messages = messages;
    this.#defaults = defaults;
    this.#branch = branch;
    this.#branchSystem = branchSystem;
  }

  /** Every message so far, the system message included; a copy. */
  get messages(): Message[] {
    return this.#messages.map(toMessage);
  }

  /**
   * Says something and gives the reply to it. Waits for the replies before; reading this one reads those to their end.
   * `input` is text of the user, a message, or several. Rejects with `CONTEXT_FULL` when the conversation has grown beyond the context.
   */
  send<const S extends Schema | undefined = undefined>(
    input: string | Message | readonly Message[],
    options?: Omit<ReplyOptions, "schema"> & { readonly schema?: S },
  ): Reply<ValueOf<S>> {
    const before = this.#idle;
    let turnIsOver!: () => void;
    const thisTurn = new Promise<void>((resolve) => (turnIsOver = resolve));
    this.#idle = before.then(() => thisTurn);
    const record = new PromptRecord(this.#model);
    const start = (signal: AbortSignal) => this.#turn(input, options, before, signal, record, turnIsOver) as ReplySteps<ValueOf<S>>;
    const reply = new Reply<ValueOf<S>>(start, [...signalsOf(options), this.#closing.signal, this.#model.closing], record, this.#lastReply);
    this.#lastReply = reply;
    return reply;
  }

  async *#turn(input: unknown, options: unknown, before: Promise<void>, signal: AbortSignal, record: PromptRecord, turnIsOver: () => void): ReplySteps {
    try {
      signal.throwIfAborted();
      const settings = this.#resolve(options);
      await unlessAborted(() => before, signal);
      const said = readMessages(isMessage(input) ? [input] : input, this.#messages);
      const format = this.#model.format(settings.tools.promptVariant);
      const system = systemOf(settings.tools, format);
      const after = this.#branch !== undefined && this.#branchSystem === system ? { runId: this.#branch.runId, messages: this.#messages.length } : undefined;
      const task = { ...settings, format, messages: [...this.#messages, ...said], after, onPrompt: record.begin(format) };
      yield* converse(this.#model, task, signal, (end) => {
        this.#commit(said, end, system);
        turnIsOver();
      });
    } finally {
      turnIsOver();
    }
  }

  #resolve(options: unknown) {
    checkOptions(options, "send", replyOptionNames);
    const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
    return resolveReplyOptions({ ...this.#defaults, ...Object.fromEntries(given) }, "send", this.#model);
  }

  #commit(said: readonly PlainMessage[], { added, round }: Continuation, system: string): void {
    this.#messages = [...this.#messages, ...said, ...added];
    this.#branch?.release();
    this.#branch = round === undefined ? undefined : new Branch(round.run);
    this.#branchSystem = system;
  }

  /** Another conversation that begins with everything said so far, at no cost. A reply still under way is not part of it. */
  fork(): Chat {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    this.#model.closing.throwIfAborted();
    return new Chat(this.#model, this.#messages, this.#defaults, this.#branch?.hold(), this.#branchSystem);
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
  const { system, messages, ...defaults } = checkOptions(options, "chat", ["system", "messages", ...replyOptionNames.filter((name) => name !== "signal")]);
  model.format(resolveReplyOptions(defaults, "chat", model).tools.promptVariant); // Throws where no format fits.
  const earlier = messages === undefined ? [] : readMessages(messages);
  if (system !== undefined && earlier.some(({ role }) => role === "system")) {
    throw new CaduceusError("INVALID_MESSAGES", "Expected one system message but received the option system and another one in messages.");
  }
  const first: PlainMessage[] = system === undefined ? [] : [{ role: "system", content: checkText(system, "system") }];
  return new Chat(model, [...first, ...earlier], defaults);
}

/** Tools and schema stand in the system turn: with others, everything has to be read again. */
function systemOf({ tools, schema, scratchPad }: ToolSettings, format: ConversationFormat): string {
  if (tools.size === 0 && schema === undefined) return "";
  return JSON.stringify([format.name, format.reason, scratchPad, [...tools.values()].map(({ name, description, parameters }) => [name, description, parameters]), schema?.jsonSchema]);
}

const isMessage = (input: unknown) => typeof input === "object" && input !== null && !Array.isArray(input);
