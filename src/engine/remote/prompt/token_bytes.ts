// The bytes of tokens, as far as they have been seen: servers write out what is part of a character as U+FFFD.
import type { TokenPiece } from "./token_source.js";

/** More than any vocabulary has. */
const mostKnown = 1_000_000;

export class TokenBytes {
  readonly #known = new Map<number, Uint8Array>();
  readonly #textOf: (token: number) => Promise<string>;

  constructor(textOf: (token: number) => Promise<string>) {
    this.#textOf = textOf;
  }

  learn({ id, bytes }: TokenPiece): void {
    if (this.#known.size < mostKnown) this.#known.set(id, bytes);
  }

  async of(tokens: ArrayLike<number>, atOnce: number): Promise<Uint8Array[]> {
    const missing = [...new Set(Array.from(tokens))].filter((token) => !this.#known.has(token));
    for (let from = 0; from < missing.length; from += atOnce) {
      const some = missing.slice(from, from + atOnce);
      const texts = await Promise.all(some.map((token) => this.#textOf(token)));
      for (const [index, id] of some.entries()) this.learn({ id, bytes: new Uint8Array(Buffer.from(texts[index]!)) });
    }
    return Array.from(tokens, (token) => this.#known.get(token) ?? new Uint8Array());
  }
}
