// What is written of tokens, and the log probabilities of a chat completion.
import type { Model, TokenProbability } from "../../index.js";

export interface TokenText {
  /** What is part of a character shows as U+FFFD. */
  readonly text: string;
  readonly bytes: Uint8Array;
  /** The bytes are whole characters. */
  readonly isWhole: boolean;
}

export class TokenTexts {
  readonly #model: Model;
  /** At most one entry for each token of the vocabulary. */
  readonly #known = new Map<number, TokenText>();

  constructor(model: Model) {
    this.#model = model;
  }

  async of(tokens: readonly number[]): Promise<TokenText[]> {
    const missing = [...new Set(tokens)].filter((token) => !this.#known.has(token));
    const bytes = missing.length === 0 ? [] : await this.#model.tokenBytes(missing);
    for (const [index, token] of missing.entries()) this.#known.set(token, toText(bytes[index]!));
    return tokens.map((token) => this.#known.get(token)!);
  }

  /** As chat completions have them. */
  async forChat(tokens: readonly TokenProbability[]) {
    const named = async (list: readonly TokenProbability[]) => {
      const texts = await this.of(list.map(({ token }) => token));
      return list.map(({ logProbability }, index) => ({
        token: texts[index]!.text,
        logprob: finite(logProbability),
        bytes: [...texts[index]!.bytes],
      }));
    };
    const tops = await named(tokens.flatMap(({ top = [] }) => top));
    let at = 0;
    return (await named(tokens)).map((one, index) => ({
      ...one,
      top_logprobs: tops.slice(at, (at += tokens[index]!.top?.length ?? 0)),
    }));
  }
}

function toText(bytes: Uint8Array): TokenText {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return { text, bytes, isWhole: Buffer.from(text).equals(bytes) };
}

/** JSON has no infinity. */
export const finite = (value: number) => (Number.isFinite(value) ? value : -9999);
