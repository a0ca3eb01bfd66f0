// Keeps the end of what was pushed, in pieces, so that broken text can be reported or read again.

export class TextHistory {
  #parts: string[];
  #start: number;

  /** The pieces, joined, begin at offset `start` of the whole output and go to the end of what was pushed. */
  constructor(start: number, ...parts: string[]) {
    this.#start = start;
    this.#parts = parts;
  }

  append(text: string): void {
    this.#parts.push(text);
  }

  /** Forgets what stands before offset `from`. */
  trim(from: number): void {
    let drop = 0;
    for (const part of this.#parts) {
      if (this.#start + part.length > from) break;
      this.#start += part.length;
      drop++;
    }
    if (drop > 0) this.#parts = this.#parts.slice(drop);
  }

  /** Never joins more than is asked for: a piece can be the whole output. */
  slice(from: number, to: number): string {
    const found: string[] = [];
    let at = this.#start;
    for (const part of this.#parts) {
      if (at >= to) break;
      if (at + part.length > from) found.push(part.slice(Math.max(0, from - at), to - at));
      at += part.length;
    }
    return found.join("");
  }
}
