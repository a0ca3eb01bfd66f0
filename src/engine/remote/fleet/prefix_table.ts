// Where the beginnings of prompts were sent, so that a conversation and a set of tools find their KV cache again.
import type { PromptPart } from "../../engine.js";

/** Characters of a block; a prompt shares whole blocks with an earlier one. A token counts two. */
const blockLength = 256;
const mostBlocks = 256;
const mostEntries = 20_000;

export class PrefixTable<T> {
  /** By the hash of a prompt's beginning. The least recently used are forgotten. */
  readonly #places = new Map<number, T>();

  /** Where the longest known beginning was sent. */
  find(hashes: readonly number[]): T | undefined {
    const hash = hashes.findLast((one) => this.#places.has(one));
    return hash === undefined ? undefined : this.#places.get(hash);
  }

  keep(hashes: readonly number[], place: T): void {
    for (const hash of hashes) {
      this.#places.delete(hash);
      this.#places.set(hash, place);
    }
    for (const hash of this.#places.keys()) {
      if (this.#places.size <= mostEntries) break;
      this.#places.delete(hash);
    }
  }
}

/** A hash for each whole block from the prompt's beginning, of all up to its end. What differs in scope shares none. */
export function prefixHashes(prompt: readonly PromptPart[], scope: string): number[] {
  const hashes: number[] = [];
  let hash = 0x811c9dc5;
  let length = 0;
  const add = (code: number) => {
    hash = Math.imul(hash ^ code, 0x01000193);
  };
  for (let index = 0; index < scope.length; index++) add(scope.charCodeAt(index));
  for (const part of prompt) {
    const text = "tokens" in part ? part.tokens : "text" in part ? part.text : part.control;
    if ("control" in part) add(1);
    for (let index = 0; index < text.length; index++) {
      add(typeof text === "string" ? text.charCodeAt(index) : text[index]!);
      length += typeof text === "string" ? 1 : 2;
      if (length < blockLength) continue;
      length = 0;
      hashes.push(hash >>> 0);
      if (hashes.length === mostBlocks) return hashes;
    }
  }
  return hashes;
}
