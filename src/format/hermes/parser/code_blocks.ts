// Follows the text of a reply line by line, to know whether a code block is open where a call begins: a fence in front
// of the call then ends that block, and is text, rather than opening around the call.

import { isSpace, skipSpace } from "../json/character_classes.js";

const NEWLINE = 10;
const TICK = 96;
const SHORTEST_FENCE = 3;

const START = 0;
const TICKS = 1;
const INFO = 2;
const OTHER = 3;

export class CodeBlocks {
  /** The ticks that opened the block; 0 while none is open. */
  private opened = 0;
  private state = START;
  private ticks = 0;
  /** Something stands behind the ticks of this line: such a fence opens a block and ends none. */
  private hasInfo = false;

  /** Whether a fence of so many ticks on the next line would end a block. */
  endedBy(ticks: number): boolean {
    const opened = this.openedAfterLine();
    return opened > 0 && ticks >= opened;
  }

  /** The next text, cut anywhere. */
  feed(text: string): void {
    if ((this.state === START || this.state === OTHER) && !text.includes("`")) return this.passLines(text);
    for (let i = 0; i < text.length; i++) {
      if (this.state === OTHER) i = text.indexOf("\n", i);
      if (i < 0) return;
      const code = text.charCodeAt(i);
      if (code === NEWLINE) this.endLine();
      else if (code === TICK) this.readTick();
      else if (!isSpace(code)) this.readOther();
      else if (this.state === TICKS) this.state = this.ticks < SHORTEST_FENCE ? OTHER : INFO;
    }
  }

  /** Lines without ticks, which are nearly all: only how the last one begins matters. */
  private passLines(text: string): void {
    const newline = text.lastIndexOf("\n");
    if (newline >= 0) this.endLine();
    if (this.state === START && skipSpace(text, newline + 1) < text.length) this.readOther();
  }

  private readTick(): void {
    if (this.state === INFO)
      this.state = OTHER; // Code within a line, such as ```x```.
    else this.state = TICKS;
    this.ticks++;
  }

  private readOther(): void {
    if (this.state === START || this.ticks < SHORTEST_FENCE) this.state = OTHER;
    else this.state = INFO;
    this.hasInfo = true;
  }

  private openedAfterLine(): number {
    if (this.state === OTHER || this.ticks < SHORTEST_FENCE) return this.opened;
    if (this.opened === 0) return this.ticks;
    return this.hasInfo || this.ticks < this.opened ? this.opened : 0;
  }

  private endLine(): void {
    this.opened = this.openedAfterLine();
    this.state = START;
    this.ticks = 0;
    this.hasInfo = false;
  }
}
