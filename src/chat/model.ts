// The model as people hold it.
import type { EngineCapabilities, EngineStats, ModelInfo, PromptPart } from "../engine/engine.js";
import { renderConversation } from "../format/chatml.js";
import { readMessages, type Message } from "../format/messages.js";
import { checkBoolean, checkOptions, checkText } from "../model/checks.js";
import type { LoadedModel } from "../model/loaded_model.js";
import { openChat, type Chat, type ChatOptions } from "./chat.js";
import { Reply } from "./reply.js";
import { checkCanChat, checkParts, checkTokens, readPrompt, resolveReplyOptions, signalsOf, type ReplyOptions } from "./reply_options.js";
import { plainReply } from "./round.js";

/** A model in memory. It answers many requests at once, and holds its memory until it is closed. */
export class Model {
  readonly #model: LoadedModel;

  /** @internal */
  constructor(model: LoadedModel) {
    this.#model = model;
  }

  /** What is known of the model and of how it was loaded. */
  get info(): ModelInfo {
    return this.#model.engine.info;
  }

  /** Which promises the engine enforces itself. */
  get capabilities(): EngineCapabilities {
    return this.#model.engine.capabilities;
  }

  /** What the engine does at this moment, and its totals. Throws `MODEL_CLOSED`. */
  stats(): EngineStats {
    this.#model.closing.throwIfAborted();
    return this.#model.engine.stats();
  }

  /** Answers a question or a whole conversation. Nothing typed into a message is read as markup. */
  reply(input: string | readonly Message[], options?: ReplyOptions): Reply {
    return this.#reply("reply", options, () => {
      checkCanChat(this.#model);
      return renderConversation(readMessages(input));
    });
  }

  /**
   * Goes on with a raw prompt. In a string markup is read, so `<|im_start|>` becomes that token; parts say themselves what
   * they are: `{ text }` is never markup, `{ control }` is, `{ tokens }` are taken as they are.
   */
  complete(prompt: string | readonly PromptPart[], options?: ReplyOptions): Reply {
    return this.#reply("complete", options, () => readPrompt(prompt, this.info.vocabularySize));
  }

  /** A conversation that keeps its tokens. */
  chat(options?: ChatOptions): Chat {
    this.#model.closing.throwIfAborted();
    return openChat(this.#model, options);
  }

  /** Token ids of text, or of the parts of a prompt, as a run would read them: with BOS where the model has one. Text is never read as markup. */
  async tokenize(input: string | readonly PromptPart[]): Promise<Int32Array> {
    this.#model.closing.throwIfAborted();
    const parts = typeof input === "string" ? [{ text: checkText(input, "the text") }] : checkParts(input, "the prompt", this.info.vocabularySize);
    return this.#model.engine.tokenize(parts);
  }

  /** The text of tokens. Control tokens are left out, unless `special` asks to write them out. */
  async detokenize(tokens: ArrayLike<number>, options?: { readonly special?: boolean | undefined }): Promise<string> {
    this.#model.closing.throwIfAborted();
    const special = checkBoolean(checkOptions(options, "detokenize", ["special"]).special, "special") ?? false;
    return this.#model.engine.detokenize(checkTokens(tokens, "the tokens", this.info.vocabularySize), { special });
  }

  /** Ends every reply with `MODEL_CLOSED`, then frees the memory. Twice is fine. */
  close(): Promise<void> {
    return this.#model.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // Checks run inside the reply, so that all that can go wrong surfaces where the reply is read.
  #reply(subject: string, options: ReplyOptions | undefined, prompt: () => readonly PromptPart[]): Reply {
    const model = this.#model;
    return new Reply(async function* (signal) {
      signal.throwIfAborted();
      const settings = resolveReplyOptions(options, subject, model);
      yield* plainReply(model, { ...settings, prompt: prompt() }, signal);
    }, [...signalsOf(options), model.closing]);
  }
}
