// Something that changes, on one line of a terminal.

/** One line on standard error that is written over again and again; nothing where that is not a terminal. */
export class ProgressLine {
  #shown = "";

  show(text: string): void {
    if (!process.stderr.isTTY || text === this.#shown) return;
    process.stderr.write(`\r${text.padEnd(this.#shown.length)}`);
    this.#shown = text;
  }

  clear(): void {
    if (this.#shown !== "") process.stderr.write(`\r${" ".repeat(this.#shown.length)}\r`);
    this.#shown = "";
  }
}
