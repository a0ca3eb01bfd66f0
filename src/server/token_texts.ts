// Tokens with their log probabilities, in the forms of the two endpoints.
import type { Model, TokenProbability } from "../index.js";

export class TokenTexts {
  readonly #model: Model;
  /** At most one entry for each token of the vocabulary. */
  readonly #known = new Map<number, string>();

  constructor(model: Model) {
    this.#model = model;
  }

  /** Of a chat completion. A token that holds part of a character has no text of its own, and no bytes are given for it. */
  async forChat(tokens: readonly TokenProbability[]) {
    return Promise.all(tokens.map(async ({ token, logProbability }) => {
      const text = await this.#text(token);
      return { token: text, logprob: finite(logProbability), bytes: text.includes("\ufffd") ? null : [...Buffer.from(text)], top_logprobs: [] };
    }));
  }

  /** Of a completion; `offset` is where the text of these tokens begins. */
  async forCompletion(tokens: readonly TokenProbability[], offset: number) {
    const texts = await Promise.all(tokens.map(({ token }) => this.#text(token)));
    return {
      tokens: texts,
      token_logprobs: tokens.map(({ logProbability }) => finite(logProbability)),
      top_logprobs: null,
      text_offset: texts.map((_, index) => offset + texts.slice(0, index).reduce((length, text) => length + text.length, 0)),
    };
  }

  async #text(token: number): Promise<string> {
    const known = this.#known.get(token);
    if (known !== undefined) return known;
    const text = await this.#model.detokenize([token], { special: true });
    this.#known.set(token, text);
    return text;
  }
}

/** JSON has no infinity. */
const finite = (value: number) => (Number.isFinite(value) ? value : -9999);
