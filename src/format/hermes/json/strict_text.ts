// The strict JSON of what is being read. Most of it is the input itself: spans of it are taken as slices.

export class StrictText {
  /** Nothing is kept while this is unset. */
  capturing = false;
  #captured = "";
  #input = "";
  #from = 0;
  #to = 0;

  /** Positions from now on are positions in this text. */
  begin(input: string): void {
    this.#settle();
    this.#input = input;
  }

  /** The input from `from` to `to` is strict JSON already. */
  keep(from: number, to: number): void {
    if (!this.capturing) return;
    if (from !== this.#to || this.#from === this.#to) {
      this.#settle();
      this.#from = from;
    }
    this.#to = to;
  }

  /** Something that does not stand in the input like this. */
  add(text: string): void {
    if (!this.capturing) return;
    this.#settle();
    this.#captured += text;
  }

  /** Everything since the last time. */
  take(): string {
    this.#settle();
    const captured = this.#captured;
    this.#captured = "";
    return captured;
  }

  #settle(): void {
    if (this.#to > this.#from) this.#captured += this.#input.slice(this.#from, this.#to);
    this.#from = this.#to = 0;
  }
}
