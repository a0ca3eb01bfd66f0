// Follows the text of a reply line by line, to know whether a code block is open where a call begins: a fence in front
// of the call then ends that block, and is text, rather than opening around the call.

import { isSpace, skipSpace } from "../json/character_classes.js";

const newlineCode = 10;
const backtick = 96;
const shortestFence = 3;

const atStart = 0;
const inTicks = 1;
const inInfo = 2;
const inOtherText = 3;

export class CodeBlocks {
  /** The ticks that opened the block; 0 while none is open. */
  #opened = 0;
  #state = atStart;
  #ticks = 0;
  /** Something stands behind the ticks of this line: such a fence opens a block and ends none. */
  #hasInfo = false;

  /** Whether a fence of so many ticks on the next line would end a block. */
  endedBy(ticks: number): boolean {
    const opened = this.#openedAfterLine();
    return opened > 0 && ticks >= opened;
  }

  /** The next text, cut anywhere. */
  feed(text: string): void {
    if ((this.#state === atStart || this.#state === inOtherText) && !text.includes("`")) return this.#passLines(text);
    for (let i = 0; i < text.length; i++) {
      if (this.#state === inOtherText) i = text.indexOf("\n", i);
      if (i < 0) return;
      const code = text.charCodeAt(i);
      if (code === newlineCode) this.#endLine();
      else if (code === backtick) this.#readTick();
      else if (!isSpace(code)) this.#readOther();
      else if (this.#state === inTicks) this.#state = this.#ticks < shortestFence ? inOtherText : inInfo;
    }
  }

  /** Lines without ticks, which are nearly all: only how the last one begins matters. */
  #passLines(text: string): void {
    const newline = text.lastIndexOf("\n");
    if (newline >= 0) this.#endLine();
    if (this.#state === atStart && skipSpace(text, newline + 1) < text.length) this.#readOther();
  }

  #readTick(): void {
    if (this.#state === inInfo)
      this.#state = inOtherText; // Code within a line, such as ```x```.
    else this.#state = inTicks;
    this.#ticks++;
  }

  #readOther(): void {
    if (this.#state === atStart || this.#ticks < shortestFence) this.#state = inOtherText;
    else this.#state = inInfo;
    this.#hasInfo = true;
  }

  #openedAfterLine(): number {
    if (this.#state === inOtherText || this.#ticks < shortestFence) return this.#opened;
    if (this.#opened === 0) return this.#ticks;
    return this.#hasInfo || this.#ticks < this.#opened ? this.#opened : 0;
  }

  #endLine(): void {
    this.#opened = this.#openedAfterLine();
    this.#state = atStart;
    this.#ticks = 0;
    this.#hasInfo = false;
  }
}
