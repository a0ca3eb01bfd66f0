// A conversation whose tokens stay in the KV cache, so that each turn only computes its new tokens.
/// <reference lib="esnext.disposable" preserve="true" />
import { CaduceusError, reading } from "../errors.js";
import type { ConversationFormat } from "../format/conversation_format.js";
import {
  checkFinalMessage,
  linkMessages,
  readEach,
  readMessages,
  toMessage,
  type Message,
} from "../format/messages.js";
import type { PlainMessage } from "../format/plain_message.js";
import { joinSystemMessages } from "../format/system_messages.js";
import { checkOptions, checkText, GivenOptions, readOptions } from "../options/option_checks.js";
import type { LoadedModel } from "../model/loading/loaded_model.js";
import { SharedRun } from "./shared_run.js";
import { ReplyTrace } from "./diagnostics.js";
import { Reply, type Unread } from "./reply/reply.js";
import { converse, warningsOf, type Continuation } from "./tools/tool_loop.js";
import { PromptRecord } from "./explain.js";
import {
  replyOptionNames,
  resolveReplyOptions,
  signalsOf,
  type ReplyOptions,
  type ReplySettings,
} from "./reply/reply_options.js";
import type { ReplySteps } from "./tools/round_run.js";
import { unenforcedOf } from "./tools/round_constraint.js";
import { copySchema } from "../schema/json_schema.js";
import type { Schema } from "../schema/read_schema.js";
import { isStandardSchema } from "../schema/standard_schema.js";
import { collectTools, type CallsOf, type KnownCall, type ToolInput } from "./tools/tool.js";
import type { NoAnswerOf, ValueOf } from "./tools/tool_options.js";
import { unlessAborted } from "../follow_signal.js";
import { isObject } from "../json_object.js";
import { whenDropped } from "./when_dropped.js";

/** The reply options that can be defaults of a conversation. */
type TurnDefaults = Omit<ReplyOptions, "signal" | "requestId">;

/** Options of a conversation. Options of replies are the defaults of each `send`. */
export interface ChatOptions extends TurnDefaults {
  /** System message. Defaults to none. */
  readonly system?: string | undefined;
  /** Earlier messages. Defaults to none. */
  readonly messages?: readonly Message[] | undefined;
}

/**
 * A conversation with a model, made by `model.chat`.
 *
 * Turns are answered one after the other, in the order of `send`. A turn counts once its reply has come to its end: one
 * that was cancelled, left or failed leaves the conversation as it was before. Closing frees what it holds of the
 * cache; closing the model does too, and so does the garbage collector where it was dropped.
 *
 * `C` and `N` are what its own tools tell: the calls of its turns, and whether those may stand in the place of an
 * answer by schema (`undefined`, which `value` then may be) or not (`never`).
 */
export class Chat<C extends KnownCall = KnownCall, N extends undefined = undefined> {
  readonly #model: LoadedModel;
  readonly #defaults: TurnDefaults;
  readonly #closing = new AbortController();
  #messages: readonly PlainMessage[];
  readonly #held: Held;
  readonly #unwatch: () => void;
  /** The other settings that decide whether a turn can continue from those tokens. */
  #cacheKey = "";
  /** Whether no turn is complete yet. */
  #isFresh: boolean;
  /** The last reply, which the next one reads to its end where nobody else does. */
  #lastReply: Unread | undefined;
  /** Resolves when all turns so far are over. */
  #idle: Promise<void> = Promise.resolve();

  /** @internal Takes over one reference to the cached run. */
  constructor(
    model: LoadedModel,
    messages: readonly PlainMessage[],
    defaults: TurnDefaults,
    { cached, cacheKey = "", isFresh = true }: ChatState = {},
  ) {
    this.#model = model;
    this.#messages = messages;
    this.#defaults = defaults;
    this.#held = { cached };
    this.#unwatch = whenDropped(this, releasing(this.#held));
    this.#cacheKey = cacheKey;
    this.#isFresh = isFresh;
  }

  /** A copy of all messages, the system message included, without those dropped to fit the context. */
  get messages(): Message[] {
    return this.#messages.map(toMessage);
  }

  /**
   * Says something and gives the reply to it. Waits for the replies before; reading this one reads those to their end.
   * `input` is text of the user, a message, or several. Rejects with `CONTEXT_FULL` when the conversation has grown
   * beyond the context; `contextOverflow` can drop its oldest turns instead.
   */
  send<const S extends Schema | undefined = undefined, const T extends readonly ToolInput[] | undefined = undefined>(
    input: string | Message | readonly Message[],
    options?: Omit<ReplyOptions, "schema" | "tools"> & { readonly schema?: S; readonly tools?: T },
  ): Reply<
    ValueOf<S, T extends readonly ToolInput[] ? NoAnswerOf<T> : N>,
    T extends readonly ToolInput[] ? CallsOf<T> : C
  > {
    type Value = ValueOf<S, T extends readonly ToolInput[] ? NoAnswerOf<T> : N>;
    type Calls = T extends readonly ToolInput[] ? CallsOf<T> : C;
    const before = this.#idle;
    let turnIsOver!: () => void;
    const thisTurn = new Promise<void>((resolve) => (turnIsOver = resolve));
    this.#idle = before.then(() => thisTurn);
    const record = new PromptRecord(this.#model);
    const given = readOptions(options, "send", replyOptionNames);
    const trace = new ReplyTrace("chat", this.#model.info, given.options["requestId"]);
    const start = (signal: AbortSignal) =>
      this.#turn({ input, given, before, record, trace }, signal, turnIsOver) as ReplySteps<Value, Calls>;
    const signals = [...signalsOf(given), this.#closing.signal, this.#model.closing];
    const reply = new Reply<Value, Calls>({ start, signals, record, trace, before: this.#lastReply });
    this.#lastReply = reply.unread;
    return reply;
  }

  async *#turn({ input, given, before, record, trace }: Turn, signal: AbortSignal, turnIsOver: () => void): ReplySteps {
    try {
      signal.throwIfAborted();
      // Everything is read now, at the call, however long the turns before take.
      const settings = resolveReplyOptions(
        new GivenOptions({ ...this.#defaults, ...given.options }, given.problem),
        "send",
        this.#model,
      );
      const format = this.#model.format(settings.tools.promptVariant);
      record.unenforced = unenforcedOf(settings.tools, format, this.#model.engine);
      const read = readEach(isMessage(input) ? [input] : input);
      await unlessAborted(() => before, signal);
      const said = linkMessages(read, this.#messages);
      const key = cacheKey(settings, format);
      const cached = this.#cacheKey === key ? this.#held.cached : undefined;
      const { messages, warning } = joinSystemMessages([...this.#messages, ...said], format);
      if (settings.continueFinalMessage) checkFinalMessage(messages);
      // A system message that comes later changes the beginning: everything has to be read again.
      const canGoOn = warning === undefined && cached !== undefined;
      const after = canGoOn
        ? { runId: cached.runId, tokens: cached.tokens, messages: this.#messages.length }
        : undefined;
      // Unasked, only what every conversation of this kind begins with is worth a place on disk.
      const keep = settings.keepPrefix
        ? "before-last"
        : this.#isFresh && settings.keepPrefix === undefined
          ? "system"
          : "nothing";
      const task = {
        ...settings,
        format,
        messages,
        after,
        keep,
        trace,
        warnings: warningsOf(warning),
        onPrompt: record.begin(format),
      } as const;
      yield* converse(this.#model, task, signal, (end) => {
        this.#commit(end, key);
        turnIsOver();
      });
    } finally {
      turnIsOver();
    }
  }

  #commit({ messages, round }: Continuation, key: string): void {
    this.#messages = messages;
    this.#held.cached?.release();
    this.#held.cached = round === undefined ? undefined : new SharedRun(round.run, round.tokens);
    this.#cacheKey = key;
    this.#isFresh = false;
  }

  /**
   * Creates another conversation that begins with everything said so far, and shares its cached tokens. An unfinished
   * reply is not part of it. Throws `MODEL_CLOSED`.
   */
  fork(): Chat<C, N> {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    this.#model.closing.throwIfAborted();
    return new Chat<C, N>(this.#model, this.#messages, this.#defaults, {
      cached: this.#held.cached?.hold(),
      cacheKey: this.#cacheKey,
      isFresh: this.#isFresh,
    });
  }

  /**
   * Ends unfinished replies with `MODEL_CLOSED`, and frees the conversation's share of the cache. May be called twice.
   */
  async close(): Promise<void> {
    this.#closing.abort(new CaduceusError("MODEL_CLOSED", "The conversation was closed."));
    await this.#idle;
    this.#unwatch();
    this.#held.cached?.release();
    this.#held.cached = undefined;
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What is released when the conversation is closed or dropped. */
interface Held {
  /**
   * The cached tokens of all messages. Undefined before the first turn, and where the tokens differ from the messages.
   */
  cached: SharedRun | undefined;
}

const releasing = (held: Held) => () => held.cached?.release();

/** What a fork takes over: one reference to the cached run, and what is known of it. */
interface ChatState {
  readonly cached?: SharedRun | undefined;
  readonly cacheKey?: string;
  readonly isFresh?: boolean;
}

/** The arguments of one `send`, and what its reply follows. */
interface Turn {
  readonly input: unknown;
  readonly given: GivenOptions;
  readonly before: Promise<void>;
  readonly record: PromptRecord;
  readonly trace: ReplyTrace;
}

const turnDefaultNames = replyOptionNames.filter((name) => name !== "signal" && name !== "requestId");

/** Checks the options of a conversation and creates it. */
export function openChat(model: LoadedModel, options: unknown): Chat {
  const { system, messages, ...defaults } = checkOptions(options, "chat", ["system", "messages", ...turnDefaultNames]);
  const resolved = resolveReplyOptions(defaults, "chat", model);
  model.format(resolved.tools.promptVariant); // Throws where no format fits.
  const earlier = messages === undefined ? [] : readMessages(messages);
  if (system !== undefined && earlier.some(({ role }) => role === "system")) {
    throw new CaduceusError(
      "INVALID_MESSAGES",
      "The option system and a system message in messages cannot be combined. Give one of them.",
      { param: "system" },
    );
  }
  const first: PlainMessage[] = system === undefined ? [] : [{ role: "system", content: checkText(system, "system") }];
  return new Chat(model, [...first, ...earlier], asTheyAre(defaults));
}

/**
 * Checked defaults of later turns, as they are now: what is changed in the caller's arrays and objects afterwards
 * changes no turn.
 */
function asTheyAre(defaults: Readonly<Record<string, unknown>>): TurnDefaults {
  const { tools, toolChoice, schema, stop, logitBias } = defaults as TurnDefaults;
  return {
    ...defaults,
    ...(tools === undefined ? {} : { tools: [...collectTools(tools).values()] }),
    ...(typeof toolChoice === "object" ? { toolChoice: { name: toolChoice.name } } : {}),
    ...(schema === undefined || isStandardSchema(schema) ? {} : { schema: copySchema(schema, "schema") }),
    ...(Array.isArray(stop) ? { stop: [...(stop as string[])] } : {}),
    ...(logitBias === undefined ? {} : { logitBias: Array.from(logitBias, ([token, bias]) => [token, bias] as const) }),
  };
}

/**
 * Settings that the cached tokens depend on. Tools and schema stand in the system turn, so changing them, or the scope,
 * means that everything is prefilled again.
 */
function cacheKey(
  { request: { cacheScope }, tools: { tools, schema, scratchPad, parallelHint }, reasoning }: ReplySettings,
  format: ConversationFormat,
): string {
  if (tools.size === 0 && schema === undefined) return JSON.stringify([cacheScope, reasoning]);
  return JSON.stringify([
    cacheScope,
    reasoning,
    format.name,
    format.reason,
    scratchPad,
    parallelHint,
    [...tools.values()].map(({ name, description, parameters }) => [name, description, parameters]),
    schema?.jsonSchema,
  ]);
}

const isMessage = (input: unknown) => reading("messages", () => isObject(input), "INVALID_MESSAGES");
