// Which typed lines belong together.

const fence = '"""';

/**
 * A line that ends with a backslash goes on, and so do pasted lines; whatever stands between `"""` and `"""` is taken
 * as it is.
 */
export class LineJoiner {
  #lines: string[] = [];
  #isBlock = false;

  /** Further lines are expected. */
  get isOpen(): boolean {
    return this.#isBlock || this.#lines.length > 0;
  }

  /**
   * Everything that was typed, once it has come to its end. `isPasted`: the newline behind the line is part of a paste.
   */
  add(line: string, isPasted: boolean): string | undefined {
    if (this.#isBlock) return this.#addToBlock(line, isPasted);
    if (isPasted) {
      this.#lines.push(line);
      return undefined;
    }
    if (!this.isOpen && line.trimStart().startsWith(fence)) {
      this.#isBlock = true;
      return this.#addToBlock(line.trimStart().slice(fence.length), false);
    }
    const goesOn = line.endsWith("\\");
    this.#lines.push(goesOn ? line.slice(0, -1) : line);
    return goesOn ? undefined : this.#take();
  }

  reset(): void {
    this.#lines = [];
    this.#isBlock = false;
  }

  #addToBlock(line: string, isPasted: boolean): string | undefined {
    const isLast = !isPasted && line.trimEnd().endsWith(fence);
    this.#lines.push(isLast ? line.trimEnd().slice(0, -fence.length) : line);
    return isLast ? this.#take() : undefined;
  }

  #take(): string {
    const whole = this.#lines.join("\n");
    this.reset();
    return whole;
  }
}
