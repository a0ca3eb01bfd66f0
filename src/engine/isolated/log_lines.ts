// The log of the other process on its way: a bounded number of lines, and a word about those that were left out.
import type { LogEntry } from "../addon/log.js";

/** Lines on their way, which the other side has not told its sink yet. */
const mostLines = 1_000;

export class LogLines {
  readonly #send: (entry: LogEntry) => void;
  #ahead = 0;
  #leftOut = 0;

  constructor(send: (entry: LogEntry) => void) {
    this.#send = send;
  }

  add(entry: LogEntry): void {
    if (this.#ahead >= mostLines) this.#leftOut++;
    else {
      this.#ahead++;
      this.#send(entry);
    }
  }

  /** So many more have been told. */
  told(lines: number): void {
    this.#ahead -= lines;
    if (this.#leftOut === 0) return;
    const message = `${this.#leftOut} lines of the log were left out: they came faster than they were taken.`;
    this.#leftOut = 0;
    this.add({ level: "warn", message });
  }
}
