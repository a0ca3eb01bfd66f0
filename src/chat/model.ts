// The public class `Model`.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Engine, EngineCapabilities, EngineStats, ModelInfo, PromptPart } from "../engine/engine.js";
import { partsToText } from "../format/hermes/prompt/prompt.js";
import type { ConversationFormat } from "../format/conversation_format.js";
import { checkFinalMessage, readMessages, type Message } from "../format/messages.js";
import { joinSystemMessages } from "../format/system_messages.js";
import { reading } from "../errors.js";
import { checkAdapter, type Adapter, type AdapterOptions } from "../model/loading/adapters.js";
import { checkBoolean, checkOptions, checkText, readOptions, type GivenOptions } from "../options/option_checks.js";
import { refuseTooMany } from "./context_overflow.js";
import type { LoadedModel } from "../model/loading/loaded_model.js";
import { modelClosed, ReplyTrace } from "./diagnostics.js";
import { openChat, type Chat, type ChatOptions } from "./chat.js";
import { embedTexts, rerankDocuments, type Embeddings, type Ranking } from "./embed/embed.js";
import type { EmbedOptions, RerankOptions } from "./embed/embed_options.js";
import { Reply } from "./reply/reply.js";
import type { ReplySteps } from "./tools/round_run.js";
import { converse, preparePrompt, warningsOf, type Task } from "./tools/tool_loop.js";
import { type Explanation, PromptRecord } from "./explain.js";
import { plainReply } from "./reply/plain_reply.js";
import { checkParts, checkTokens, readPrompt } from "./raw_prompt.js";
import { readAhead } from "./read_ahead.js";
import { constrainsCalls, unenforcedOf } from "./tools/round_constraint.js";
import {
  completeOptionNames,
  replyOptionNames,
  resolveCompleteOptions,
  resolveReplyOptions,
  signalsOf,
  type CompleteOptions,
  type ReplyOptions,
} from "./reply/reply_options.js";
import type { Schema } from "../schema/read_schema.js";
import type { CallsOf, ToolInput } from "./tools/tool.js";
import type { NoAnswerOf, ValueOf } from "./tools/tool_options.js";
import { unlessAborted } from "../follow_signal.js";

/** How a model's engine guarantees calls and JSON. */
export interface ModelCapabilities extends EngineCapabilities {
  /**
   * The grammar guarantees the form, except for what `reply.unenforced` lists and for outputs that a token limit cuts
   * off.
   */
  readonly enforced: readonly Guarantee[];
  /**
   * The form is only checked: calls carry a `problem`, a wrong answer rejects, and so does one without the call that
   * was asked for.
   */
  readonly checked: readonly Guarantee[];
  /** Refused, because the engine cannot guarantee it. */
  readonly refused: readonly Guarantee[];
  /** The prompt format has thoughts, which the option `reasoning` of replies turns on, off and limits. */
  readonly reasoning: boolean;
  /** It also tells the model how much effort to put into them: `reasoning: { effort }`. */
  readonly reasoningEffort: boolean;
  /** It fills in the middle of a text: the option `suffix` of `complete`. */
  readonly infill: boolean;
}

/**
 * `"tool-choice"`: a call where one is required, or of the tool that is named. `"tool-arguments"`: calls of given tools
 * that fit their schemas. `"schema"`: an answer that fits. `"grammar"`: texts that fit `regex` or `grammar`, and
 * `schema` of `complete`.
 */
export type Guarantee = "tool-choice" | "tool-arguments" | "schema" | "grammar";

/** A model in memory. It answers many requests at once, and keeps its memory until it is closed. */
export class Model {
  readonly #model: LoadedModel;

  /** @internal */
  constructor(model: LoadedModel) {
    this.#model = model;
  }

  /** @internal Aborts when closing begins. */
  get closing(): AbortSignal {
    return this.#model.closing;
  }

  /** @internal For a server that hands requests of another process on. */
  get engine(): Engine {
    this.#model.closing.throwIfAborted();
    return this.#model.engine;
  }

  /** Properties of the model and of its configuration. */
  get info(): ModelInfo {
    return this.#model.info;
  }

  /** Which guarantees are enforced while the model generates, and which are only checked afterwards. */
  get capabilities(): ModelCapabilities {
    const { capabilities, info } = this.#model.engine;
    const format = this.#format();
    const has = {
      ...capabilities,
      reasoning: format?.thought !== undefined,
      reasoningEffort: format?.takesEffort ?? false,
      infill: info.infillTokens !== undefined,
    };
    if (!capabilities.constrained)
      return { ...has, enforced: [], checked: ["tool-arguments", "schema"], refused: ["tool-choice", "grammar"] };
    const calls = ["tool-choice", "tool-arguments"] as const;
    return format === undefined || constrainsCalls(capabilities, format)
      ? { ...has, enforced: [...calls, "schema", "grammar"], checked: [], refused: [] }
      : { ...has, enforced: ["schema", "grammar"], checked: calls, refused: [] };
  }

  /** Undefined: a template that cannot be used prevents replies, but not raw prompts. */
  #format(): ConversationFormat | undefined {
    try {
      return this.#model.format();
    } catch {
      return undefined;
    }
  }

  /**
   * Statistics of the engine: its current state (requests, KV cache, host cache, threads), and totals (prompt tokens,
   * how many of them were cached, and how many of those were loaded from the host cache or disk). Throws
   * `MODEL_CLOSED`.
   */
  stats(): EngineStats {
    this.#model.closing.throwIfAborted();
    return this.#model.engine.stats();
  }

  /**
   * Answers a question or a whole conversation. Nothing typed into a message is read as markup.
   *
   * With `tools` the model may call, handlers run and their results go back, round after round, until it answers; with
   * a `schema` the answer is JSON, checked and typed as `value`.
   */
  reply<const S extends Schema | undefined = undefined, const T extends readonly ToolInput[] | undefined = undefined>(
    input: string | readonly Message[],
    options?: Omit<ReplyOptions, "schema" | "tools"> & { readonly schema?: S; readonly tools?: T },
  ): Reply<ValueOf<S, NoAnswerOf<T>>, CallsOf<T>> {
    const model = this.#model;
    const record = new PromptRecord(model);
    const given = readOptions(options, "reply", replyOptionNames);
    const trace = new ReplyTrace("reply", model.info, given.options["requestId"]);
    const start = async function* (signal: AbortSignal) {
      signal.throwIfAborted();
      yield* converse(model, readTask(model, input, given, record, trace), signal) as ReplySteps<
        ValueOf<S, NoAnswerOf<T>>,
        CallsOf<T>
      >;
    };
    return new Reply<ValueOf<S, NoAnswerOf<T>>, CallsOf<T>>({
      start,
      signals: [...signalsOf(given), model.closing],
      record,
      trace,
    });
  }

  /**
   * The prompt that `reply` would use, without generating: the exact text, its tokens, the format, and the constraint
   * of the answer. Takes the options of `reply` and throws the same errors, but also shows prompts that are longer than
   * the context. Does not know what is cached.
   */
  async explain(input: string | readonly Message[], options?: ReplyOptions): Promise<Explanation> {
    const model = this.#model;
    model.closing.throwIfAborted();
    const given = readOptions(options, "explain", replyOptionNames);
    const [signal = model.closing] = signalsOf(given);
    const record = new PromptRecord(model);
    await preparePrompt(
      model,
      readTask(model, input, given, record, new ReplyTrace("reply", model.info, undefined)),
      signal,
    );
    return unlessAborted(() => record.explain([], signal), signal);
  }

  /**
   * Continues a raw prompt. In a string, markup such as `<|im_start|>` becomes control tokens. Parts state what they
   * are: `{ text }` is never markup, `{ control }` is, `{ tokens }` are used as they are. `regex`, `grammar` or
   * `schema` constrain the text. With a `suffix`, the text between the two is written.
   */
  complete(prompt: string | readonly PromptPart[], options?: CompleteOptions): Reply {
    const model = this.#model;
    const record = new PromptRecord(model);
    const given = readOptions(options, "complete", completeOptionNames);
    const trace = new ReplyTrace("complete", model.info, given.options["requestId"]);
    // Checks run inside the reply, at once, so that all that can go wrong surfaces where the reply is read.
    const start = async function* (signal: AbortSignal) {
      signal.throwIfAborted();
      const settings = resolveCompleteOptions(given, model);
      record.unenforced = settings.unenforced;
      const parts = readPrompt(prompt, model.engine.info.vocabularySize, settings.infill);
      trace.asked(() => [{ role: "user", content: partsToText(parts) }]);
      const { constraint } = settings.request;
      record.begin({ name: "raw", reason: "complete() takes the prompt as it is." })({
        parts,
        continues: false,
        constraint,
      });
      yield* plainReply(
        model,
        { ...settings.request, prompt: parts, keepPrefix: settings.keepPrefix ? parts.length : undefined },
        signal,
        trace,
      );
    };
    return new Reply({ start, signals: [...signalsOf(given), model.closing], record, trace });
  }

  /**
   * @internal Options of `reply`, `explain` or `complete` with their tools and schema read in time slices, between
   * which `turn` is waited for. Throws what is wrong with them, as those would.
   */
  readAhead<O extends Pick<ReplyOptions, "tools" | "toolChoice" | "schema" | "undeclaredProperties">>(
    options: O,
    turn: () => Promise<void>,
  ): Promise<O> {
    return readAhead(options, turn);
  }

  /** Creates a conversation whose tokens stay in the KV cache. */
  chat<const T extends readonly ToolInput[] | undefined = undefined>(
    options?: Omit<ChatOptions, "tools"> & { readonly tools?: T },
  ): Chat<CallsOf<T>, NoAnswerOf<T>> {
    this.#model.closing.throwIfAborted();
    return openChat(this.#model, options) as Chat<CallsOf<T>, NoAnswerOf<T>>;
  }

  /**
   * Computes the embedding of each text. Models for embeddings were trained for it; one for text gives embeddings too,
   * of less use. Running replies are not held up.
   *
   * @throws CaduceusError `INVALID_ARGUMENT`, `CONTEXT_FULL`, `UNSUPPORTED`, `OUT_OF_MEMORY`, `MODEL_CLOSED`,
   * `ENGINE_FAILED`
   */
  async embed(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings> {
    return embedTexts(this.#model, texts, options);
  }

  /**
   * Orders documents by how well they answer a query. Only for rerankers (`info.purpose`).
   *
   * @throws CaduceusError `INVALID_ARGUMENT`, `CONTEXT_FULL`, `UNSUPPORTED`, `OUT_OF_MEMORY`, `MODEL_CLOSED`,
   * `ENGINE_FAILED`
   */
  async rerank(query: string, documents: readonly string[], options?: RerankOptions): Promise<Ranking> {
    return rerankDocuments(this.#model, query, documents, options);
  }

  /** The adapters (LoRA) that are loaded, in the order in which they came. */
  get adapters(): Adapter[] {
    return this.#model.adapters.list();
  }

  /**
   * Loads a further adapter, while replies go on. From then on requests can choose it, and those that choose none use
   * it unless its `scale` is 0.
   *
   * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_NOT_FOUND`, `MODEL_INVALID`, `UNSUPPORTED`, `OUT_OF_MEMORY`,
   * `MODEL_CLOSED`
   */
  async addAdapter(options: AdapterOptions): Promise<Adapter> {
    this.#model.closing.throwIfAborted();
    return this.#model.adapters.add(reading("options", () => checkAdapter(options)));
  }

  /**
   * Removes an adapter: requests can no longer choose it. Replies that were begun with it are finished with it, and
   * then its memory is freed.
   *
   * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_CLOSED`
   */
  async removeAdapter(name: string): Promise<void> {
    this.#model.closing.throwIfAborted();
    this.#model.adapters.remove(name);
  }

  /**
   * Changes the scale with which later requests use an adapter that do not choose any. 0 leaves it to those that name
   * it.
   *
   * @throws CaduceusError `INVALID_ARGUMENT`, `MODEL_CLOSED`
   */
  async setAdapterScale(name: string, scale: number): Promise<void> {
    this.#model.closing.throwIfAborted();
    this.#model.adapters.setScale(name, scale);
  }

  /** Tokenizes text or prompt parts as a request would, with BOS if the model has one. Text is never read as markup. */
  async tokenize(input: string | readonly PromptPart[]): Promise<Int32Array> {
    this.#model.closing.throwIfAborted();
    const parts =
      typeof input === "string"
        ? [{ text: checkText(input, "text") }]
        : checkParts(input, "prompt", this.info.vocabularySize);
    return this.#model.engine.tokenize(parts);
  }

  /** The text of tokens. Control tokens are left out, unless `special` asks to write them out. */
  async detokenize(tokens: ArrayLike<number>, options?: { readonly special?: boolean | undefined }): Promise<string> {
    this.#model.closing.throwIfAborted();
    const special = checkBoolean(checkOptions(options, "detokenize", ["special"]).special, "special") ?? false;
    return this.#model.engine.detokenize(checkTokens(tokens, "tokens", this.info.vocabularySize), { special });
  }

  /** The bytes of each token, which may hold part of a character. Control tokens are written out. */
  async tokenBytes(tokens: ArrayLike<number>): Promise<Uint8Array[]> {
    this.#model.closing.throwIfAborted();
    return this.#model.engine.tokenBytes(checkTokens(tokens, "tokens", this.info.vocabularySize));
  }

  /** Ends every reply with `MODEL_CLOSED`, then frees the memory. May be called twice. */
  async close(): Promise<void> {
    const isFirst = !this.#model.closing.aborted;
    await this.#model.close();
    if (isFirst) modelClosed({ path: this.info.path });
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function readTask(
  model: LoadedModel,
  input: string | readonly Message[],
  given: GivenOptions,
  record: PromptRecord,
  trace: ReplyTrace,
): Task {
  const settings = resolveReplyOptions(given, "reply", model);
  const format = model.format(settings.tools.promptVariant);
  record.unenforced = unenforcedOf(settings.tools, format, model.engine);
  if (settings.contextOverflow === "error") refuseTooMany(input, model.engine.info);
  const { messages, warning } = joinSystemMessages(readMessages(input), format);
  if (settings.continueFinalMessage) checkFinalMessage(messages);
  const keep = settings.keepPrefix ? "before-last" : "nothing";
  return {
    ...settings,
    format,
    messages,
    after: undefined,
    keep,
    trace,
    warnings: warningsOf(warning),
    onPrompt: record.begin(format),
  };
}
