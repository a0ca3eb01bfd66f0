// Where the beginnings of prompts were sent, so that a conversation and a set of tools find their KV cache again.
import type { PromptPart } from "../../engine.js";

/** Characters of a block; a prompt shares whole blocks with an earlier one. A token counts two. */
const blockLength = 256;
const mostBlocks = 256;
/** A power of two. What comes later takes the slot of what was there. */
const slots = 32_768;

/** Of a fixed size. Places are counted from 0. */
export class PrefixTable {
  readonly #hashes = new Uint32Array(slots);
  /** Counted from 1: 0 is none. */
  readonly #places = new Uint16Array(slots);

  /** Where the longest known beginning was sent. */
  find(hashes: readonly number[]): number | undefined {
    const hash = hashes.findLast((one) => this.#hashes[one % slots] === one && this.#places[one % slots] !== 0);
    return hash === undefined ? undefined : this.#places[hash % slots]! - 1;
  }

  keep(hashes: readonly number[], place: number): void {
    for (const hash of hashes) {
      this.#hashes[hash % slots] = hash;
      this.#places[hash % slots] = place + 1;
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
