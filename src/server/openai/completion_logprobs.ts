// The log probabilities of a completion, in OpenAI's legacy form: one list for each thing that is known of the tokens.
import type { PromptToken, TokenProbability } from "../../index.js";
import { finite, type TokenText, type TokenTexts } from "../answers/token_texts.js";

/** Those of one choice, as it goes on. */
export class CompletionLogprobs {
  readonly #tokens: TokenTexts;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** What of the prompt's text is still to come. */
  #prompt: string;
  /** Characters that came before. */
  #offset = 0;

  /** @param prompt the text with which the answer begins */
  constructor(tokens: TokenTexts, prompt: string) {
    this.#tokens = tokens;
    this.#prompt = prompt;
  }

  /** `top`: with the likeliest at each place. */
  async next(list: readonly PromptToken[], top: boolean) {
    const texts = await this.#tokens.of(list.map(({ token }) => token));
    return {
      tokens: texts.map(written),
      token_logprobs: list.map(({ logProbability }) => (logProbability === undefined ? null : finite(logProbability))),
      top_logprobs: top
        ? await Promise.all(
            list.map((one) => (one.logProbability === undefined ? null : this.#top(one as TokenProbability))),
          )
        : null,
      text_offset: texts.map((text) => this.#advance(text)),
    };
  }

  /** By their texts, which two may share: then the likelier counts. The token itself is always among them. */
  async #top(one: TokenProbability): Promise<Record<string, number>> {
    const list = [...(one.top ?? []), one];
    const texts = await this.#tokens.of(list.map(({ token }) => token));
    const map: Record<string, number> = Object.create(null);
    for (const [index, { logProbability }] of list.entries()) map[written(texts[index]!)] ??= finite(logProbability);
    return map;
  }

  /** Where a token's text begins. What is part of a character begins where that does. */
  #advance({ bytes }: TokenText): number {
    const offset = this.#offset;
    let text = this.#decoder.decode(bytes, { stream: true });
    // Vocabularies of the SentencePiece kind put a space before words where the prompt has none.
    if (
      this.#prompt !== "" &&
      !this.#prompt.startsWith(text) &&
      text.startsWith(" ") &&
      this.#prompt.startsWith(text.slice(1))
    )
      text = text.slice(1);
    this.#prompt = this.#prompt.slice(text.length);
    for (const _ of text) this.#offset++;
    return offset;
  }
}

/** A map's keys have to tell tokens apart, so that parts of characters are written as their bytes. */
const written = ({ text, bytes, isWhole }: TokenText) =>
  isWhole ? text : `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
