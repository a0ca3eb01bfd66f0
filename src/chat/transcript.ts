// The conversation of a running reply: its messages, the dropped ones, and the next prompt.
import type { PromptPart, RunRequest } from "../engine/engine.js";
import type { Conversation, ConversationFormat } from "../format/conversation_format.js";
import type { PlainMessage } from "../format/plain_message.js";
import { endsInThought, thinkTags } from "../format/thought.js";
import type { LoadedModel } from "../model/loading/loaded_model.js";
import {
  answeredTurn,
  fewestByCount,
  fewestEnough,
  leastTokens,
  likelyTokens,
  refuseIfTooLong,
  roomForAnswer,
  systemMessages,
  turnEnds,
} from "./context_overflow.js";
import type { Reasoning } from "./reply/reasoning.js";
import type { ToolSettings } from "./tools/tool_options.js";

/** An earlier run that has the tokens of the first messages. */
export interface CachedPrefix {
  readonly runId: number;
  readonly messages: number;
  readonly tokens: number;
}

/** The part of a conversation to save to disk: its system turn, or everything before its last message. */
export type KeptPrefix = "nothing" | "system" | "before-last";

export interface TranscriptStart {
  readonly format: ConversationFormat;
  readonly tools: ToolSettings;
  /** Undefined: as the template has it. */
  readonly reasoning: Reasoning | undefined;
  /** Everything said so far, what is to be answered included. */
  readonly messages: readonly PlainMessage[];
  /** The last message is the assistant's, and the reply goes on with it. */
  readonly continueFinalMessage: boolean;
  readonly after: CachedPrefix | undefined;
  readonly keep: KeptPrefix;
}

/** A whole conversation, or what follows the run `after`. */
interface RenderedPrompt {
  readonly prompt: readonly PromptPart[];
  readonly after: CachedPrefix | undefined;
}

export class Transcript {
  readonly #model: LoadedModel;
  readonly #start: TranscriptStart;
  #messages: readonly PlainMessage[];
  /** Where the turn begins that is answered: from there on everything stays. */
  #answered: number;
  /** Where what the reply adds begins. */
  #added: number;
  /** Length of the text that the reply continues, until then undefined. */
  #continued: number | undefined;
  #after: CachedPrefix | undefined;
  readonly #dropped: PlainMessage[] = [];

  constructor(model: LoadedModel, start: TranscriptStart) {
    this.#model = model;
    this.#start = start;
    this.#messages = start.messages;
    this.#answered = answeredTurn(start.messages);
    this.#added = start.messages.length;
    this.#after = start.after;
  }

  /** The conversation as it goes on from here. */
  get messages(): readonly PlainMessage[] {
    return this.#messages;
  }

  /** What the reply has added to it. */
  get added(): readonly PlainMessage[] {
    const [first, ...rest] = this.#messages.slice(this.#added);
    if (first === undefined) return [];
    return [{ ...first, content: first.content.slice(this.#continued) }, ...rest];
  }

  /** What is no longer part of it, oldest first. */
  get dropped(): readonly PlainMessage[] {
    return this.#dropped;
  }

  /** Whether a run has the tokens of all messages. */
  get isHeld(): boolean {
    return this.#after?.messages === this.#messages.length;
  }

  push(...messages: readonly PlainMessage[]): void {
    const last = this.#messages.at(-1);
    const [first, ...rest] = messages;
    if (this.#isContinued && last !== undefined && first !== undefined) {
      this.#continued = last.content.length;
      this.#added--;
      const whole = { ...last, ...first, content: last.content + first.content };
      this.#messages = [...this.#messages.slice(0, -1), whole, ...rest];
    } else this.#messages = [...this.#messages, ...messages];
  }

  /** Whether the next run goes on with the last message. */
  get #isContinued(): boolean {
    return this.#start.continueFinalMessage && this.#continued === undefined;
  }

  /** A run of so many tokens ended with the last message; undefined where its tokens are not what the messages say. */
  goOnAfter(run: { readonly id: number; readonly tokens: number } | undefined): void {
    this.#after = run && { runId: run.id, messages: this.#messages.length, tokens: run.tokens };
  }

  /** Refuses a conversation that cannot fit, before it is rendered; `contexts` times the context are let pass. */
  refuseIfTooLong(contexts?: number): void {
    refuseIfTooLong(this.#messages, this.#model.engine.info, contexts);
  }

  /** The next prompt: everything, or only what follows the tokens of an earlier run. */
  async prompt(): Promise<Required<Pick<RunRequest, "prompt" | "after" | "keepPrefix">>> {
    const { prompt, after } = await this.#render();
    const tags = this.#start.format.thought ?? thinkTags;
    // Templates that always begin a thought have no other way to leave it out.
    const end = this.#start.reasoning === "off" && endsInThought(prompt, tags) ? [{ control: tags.end }] : [];
    return {
      prompt: [...prompt, ...end],
      after: after?.runId,
      keepPrefix: await this.#keepPrefix(prompt, after?.messages),
    };
  }

  /**
   * Rejects where the format cannot write results for the calls of the last message, so that no handler runs in vain.
   */
  async checkResults(calls: readonly { readonly id: string }[]): Promise<void> {
    const results = calls.map(({ id }) => ({ role: "tool", content: "", toolCallId: id }) as const);
    await this.#start.format.render(this.#conversation([...this.#messages, ...results]));
  }

  async #render(): Promise<RenderedPrompt> {
    const { format } = this.#start;
    const conversation = this.#conversation(this.#messages);
    const after = this.#after;
    const rest = after && (await format.renderContinuation(conversation, after.messages));
    return rest === undefined
      ? { prompt: await format.render(conversation), after: undefined }
      : { prompt: rest, after };
  }

  #conversation(messages: readonly PlainMessage[]): Conversation {
    const { tools, schema, scratchPad, parallelHint } = this.#start.tools;
    const { reasoning } = this.#start;
    return {
      messages,
      tools: [...tools.values()],
      schema: schema?.jsonSchema,
      scratchPad,
      parallelHint,
      reasoning: reasoning && reasoning !== "off",
      ...(typeof reasoning === "object" ? { effort: reasoning.effort, thoughtTokens: reasoning.maxTokens } : {}),
      continueFinalMessage: this.#isContinued && messages.length === this.#messages.length,
    };
  }

  /** Only of the first prompt: those that follow are of this one reply. */
  async #keepPrefix(prompt: readonly PromptPart[], from: number | undefined): Promise<number | undefined> {
    const { format, keep } = this.#start;
    if (keep === "nothing" || this.#messages.length > this.#added) return undefined;
    const count = keep === "system" ? systemMessages(this.#messages) : this.#messages.length - 1;
    return count < (from ?? 0)
      ? undefined
      : format.leadingParts(prompt, this.#conversation(this.#messages), count, from);
  }

  /**
   * Drops the oldest turns until the next prompt and an answer fit into the context, and returns them. The system
   * message and the turn to be answered stay, even if they alone do not fit.
   */
  async dropOldest(maxTokens: number | undefined, signal: AbortSignal): Promise<readonly PlainMessage[]> {
    const { info } = this.#model.engine;
    const most = info.contextSize - roomForAnswer(info.contextSize, maxTokens);
    const ends = turnEnds(this.#messages, this.#answered);
    if (ends.length === 0) return [];
    // What certainly does not fit is neither rendered nor tokenized.
    const least = fewestByCount(this.#messages, ends, most, (message) => leastTokens(message, info));
    if (least === 0 && (await this.#size(signal)) <= most) return [];
    const first = systemMessages(this.#messages);
    const without = (turns: number) => [...this.#messages.slice(0, first), ...this.#messages.slice(ends[turns - 1])];
    const atLeast = Math.max(1, least);
    const guess = Math.max(atLeast, fewestByCount(this.#messages, ends, most, likelyTokens));
    const turns = await fewestEnough(atLeast, ends.length, guess, async (count) => {
      const prompt = await this.#start.format.render(this.#conversation(without(count)));
      return (await this.#model.engine.tokenize(prompt, signal)).length <= most;
    });
    const dropped = this.#messages.slice(first, ends[turns - 1]);
    this.#messages = without(turns);
    this.#answered -= dropped.length;
    this.#added -= dropped.length;
    this.#after = undefined;
    this.#dropped.push(...dropped);
    return dropped;
  }

  /** Number of tokens of the next prompt; those of an earlier run are not counted again. */
  async #size(signal: AbortSignal): Promise<number> {
    const { engine } = this.#model;
    const { prompt, after } = await this.#render();
    const tokens = await engine.tokenize(prompt, signal);
    if (after === undefined) return tokens.length;
    // A continuation has no BOS, which stands before everything that is tokenized by itself.
    return after.tokens + tokens.length - (tokens[0] === engine.info.bosToken ? 1 : 0);
  }
}
