// The prompts of a reply, for `explain`.
import { setImmediate } from "node:timers/promises";
import type { Constraint, PromptPart, ThoughtRequest } from "../engine/engine.js";
import { partsToText } from "../format/hermes/prompt/prompt.js";
import type { LoadedModel } from "../model/loading/loaded_model.js";
import type { Round } from "./reply/reply_events.js";
import type { Unenforced } from "./tools/round_constraint.js";

/** A token of a prompt. */
export interface ExplainedToken {
  readonly id: number;
  /** Its text, control tokens written out. Half a character shows as U+FFFD. */
  readonly text: string;
}

/** One prompt as the engine received it. */
export interface ExplainedPrompt {
  /** The exact text, control tokens written out; BOS is only among the tokens. */
  readonly text: string;
  /** The same as parts: which parts are markup and which are text. */
  readonly parts: readonly PromptPart[];
  readonly tokens: readonly ExplainedToken[];
  /** Whether it continues the tokens of the round (or turn) before, which are not repeated here. */
  readonly continues: boolean;
  /**
   * Number of tokens of the whole prompt, earlier rounds included, and how many of them were cached. Only for completed
   * rounds.
   */
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  /** The constraint of this turn, as the engine received it. Missing if the turn was free text. */
  readonly constraint?: Constraint;
  /** What the model may think first, as the engine received it. Missing if the turn has no thought. */
  readonly thought?: ThoughtRequest;
}

/** The prompts of a reply, and how they were made. */
export interface Explanation {
  /** Name of the prompt format, such as `hermes (card)`, `the file's template` or `raw`. */
  readonly format: string;
  /** Why this format was used. */
  readonly reason: string;
  /** One for each round. */
  readonly prompts: readonly ExplainedPrompt[];
  /** The schema keywords that are only checked afterwards: `reply.unenforced`. */
  readonly unenforced: readonly Unenforced[];
}

/** A prompt that the engine was given, or would be. */
export interface ShownPrompt {
  readonly parts: readonly PromptPart[];
  readonly continues: boolean;
  readonly constraint: Constraint | undefined;
  readonly thought?: ThoughtRequest | undefined;
}

const tokensAtOnce = 8_192;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Remembers a reply's prompts while it runs. */
export class PromptRecord {
  readonly #model: LoadedModel;
  #format = { name: "", reason: "" };
  readonly #prompts: ShownPrompt[] = [];
  unenforced: readonly Unenforced[] = [];

  constructor(model: LoadedModel) {
    this.#model = model;
  }

  begin({ name, reason }: { readonly name: string; readonly reason: string }): (prompt: ShownPrompt) => void {
    this.#format = { name, reason };
    return (prompt) => void this.#prompts.push(prompt);
  }

  /** A prompt has been handed to the engine. */
  get hasPrompt(): boolean {
    return this.#prompts.length > 0;
  }

  async explain(rounds: readonly Round[], signal?: AbortSignal): Promise<Explanation> {
    const prompts = await Promise.all(
      this.#prompts.map(async ({ parts, continues, constraint, thought }, index): Promise<ExplainedPrompt> => {
        const usage = rounds[index]?.usage;
        const counts =
          usage === undefined ? {} : { promptTokens: usage.promptTokens, cachedTokens: usage.cachedTokens };
        return {
          text: partsToText(parts),
          parts,
          tokens: await this.#tokens(parts, continues, signal),
          continues,
          ...counts,
          ...(constraint === undefined ? {} : { constraint }),
          ...(thought === undefined ? {} : { thought }),
        };
      }),
    );
    return { format: this.#format.name, reason: this.#format.reason, prompts, unenforced: this.unenforced };
  }

  async #tokens(
    parts: readonly PromptPart[],
    continues: boolean,
    signal: AbortSignal | undefined,
  ): Promise<ExplainedToken[]> {
    const { engine } = this.#model;
    const ids = Array.from(await engine.tokenize(parts, signal));
    const tokens: ExplainedToken[] = [];
    while (tokens.length < ids.length) {
      // Of a prompt of megabytes that is seconds of work: others have their turn in between.
      if (tokens.length > 0) await setImmediate();
      signal?.throwIfAborted();
      const some = ids.slice(tokens.length, tokens.length + tokensAtOnce);
      const bytes = await engine.tokenBytes(some);
      some.forEach((id, index) => tokens.push({ id, text: decoder.decode(bytes[index]) }));
    }
    // A continuation begins with the end of a turn, and so with a control token: only the BOS in front is not its own.
    return continues && ids[0] === engine.info.bosToken ? tokens.slice(1) : tokens;
  }
}
