// Stop strings where the server must not look for them: inside of calls, and in thoughts.

/** Texts in which stop strings mean nothing. */
export interface Ignored {
  readonly opening: string;
  readonly closing: string;
}

export class StopStringFilter {
  readonly #stops: readonly string[];
  readonly #ignored: readonly Ignored[];
  readonly #longest: number;
  /** What may be the beginning of a stop string or of an ignored span. */
  #held = "";
  #inside: Ignored | undefined;

  constructor(stops: readonly string[], ignored: readonly Ignored[], isInside: boolean) {
    this.#stops = stops;
    this.#ignored = ignored;
    this.#longest = Math.max(...stops.map((stop) => stop.length), ...ignored.map(({ opening }) => opening.length));
    this.#inside = isInside ? ignored[0] : undefined;
  }

  /** What of the text can be told, and the stop string that ends it. */
  read(text: string): { readonly text: string; readonly stop?: string } {
    this.#held += text;
    let told = "";
    for (;;) {
      if (this.#inside !== undefined) {
        const { closing } = this.#inside;
        const end = this.#held.indexOf(closing);
        const size = end < 0 ? Math.max(0, this.#held.length - closing.length + 1) : end + closing.length;
        told += this.#take(size);
        if (end < 0) return { text: told };
        this.#inside = undefined;
      }
      const first = this.#first();
      if (first === undefined) return { text: told + this.#take(Math.max(0, this.#held.length - this.#partial())) };
      if (first.stop !== undefined) return { text: told + this.#take(first.at), stop: first.stop };
      told += this.#take(first.at + first.ignored!.opening.length);
      this.#inside = first.ignored;
    }
  }

  /** What was held back, once nothing follows. */
  end(): string {
    return this.#take(this.#held.length);
  }

  #take(size: number): string {
    const text = this.#held.slice(0, size);
    this.#held = this.#held.slice(size);
    return text;
  }

  #first(): { readonly at: number; readonly stop?: string; readonly ignored?: Ignored } | undefined {
    const found = [
      ...this.#stops.map((stop) => ({ at: this.#held.indexOf(stop), stop })),
      ...this.#ignored.map((ignored) => ({ at: this.#held.indexOf(ignored.opening), ignored })),
    ].filter(({ at }) => at >= 0);
    return found.sort((a, b) => a.at - b.at)[0];
  }

  /** Length of the end that may begin one of the texts. */
  #partial(): number {
    const texts = [...this.#stops, ...this.#ignored.map(({ opening }) => opening)];
    for (let size = Math.min(this.#longest - 1, this.#held.length); size > 0; size--) {
      const end = this.#held.slice(-size);
      if (texts.some((text) => text.startsWith(end))) return size;
    }
    return 0;
  }
}
