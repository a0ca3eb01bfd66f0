// Holds back the end of the text while it may still touch a call: white space, and a code fence that opens around one.

import { isSpace, skipSpace, trimmedEnd } from "../json/character_classes.js";
import type { CodeBlocks } from "./code_blocks.js";

const longestLanguage = 24;
const backtick = 96;

export class HeldText {
  /** White space, then a fence (its ticks and language), then white space. Each may be empty. */
  #before = "";
  #fence = "";
  #after = "";
  #ticks = 0;

  /** Takes the next text and gives back what can't touch a call any more. */
  add(text: string): string {
    let out = "";
    let i = 0;
    while (i < text.length) {
      if (this.#fence !== "") {
        i = this.#readFence(text, i);
        if (i < text.length) {
          out += this.#before + this.#fence;
          const after = this.#after;
          this.#clear();
          this.#before = after;
        }
        continue;
      }
      const end = skipSpace(text, i);
      if (end > i) this.#before += text.slice(i, end);
      i = end;
      if (i === text.length) break;
      const open = this.#openAt(text, i);
      if (open === i) {
        this.#fence = "`";
        this.#ticks = 1;
        i++;
        continue;
      }
      out += this.take() + text.slice(i, open);
      i = open;
    }
    return out;
  }

  /** Everything held, as text. */
  take(): string {
    const held = this.text;
    this.#clear();
    return held;
  }

  /**
   * A call begins here. Gives back the text that stays (ticks too few for a fence, or those that end one of `blocks`),
   * the fence that opens around the call with the white space behind it, and whether white space touched the call.
   */
  takeForCall(blocks: CodeBlocks): { text: string; fence: string; spaced: boolean } {
    const before = this.#before;
    const fence = this.#fence;
    const after = this.#after;
    const endsBlock = before.includes("\n") && fence.length === this.#ticks && blocks.endedBy(this.#ticks);
    const whole = this.#ticks >= 3 && !endsBlock;
    const spaced = after !== "" || (before !== "" && (whole || fence === ""));
    this.#clear();
    return { text: whole || fence === "" ? "" : before + fence, fence: whole ? fence + after : "", spaced };
  }

  /** What is held, without taking it. */
  get text(): string {
    return this.#before + this.#fence + this.#after;
  }

  /** Whether nothing but white space is held. */
  get isSpace(): boolean {
    return this.#fence === "";
  }

  /** Whether the next character stands on a new line. */
  get endsLine(): boolean {
    return this.#before.includes("\n") || this.#after.includes("\n");
  }

  #clear(): void {
    this.#before = "";
    this.#fence = "";
    this.#after = "";
    this.#ticks = 0;
  }

  /** Reads on in a fence; stops at the first character that shows it opens around no call. */
  #readFence(text: string, pos: number): number {
    let i = pos;
    if (this.#after === "") {
      while (i < text.length && text.charCodeAt(i) === backtick && this.#fence.length === this.#ticks) i++;
      this.#ticks += i - pos;
      this.#fence += text.slice(pos, i);
      if (this.#ticks >= 3) {
        const start = i;
        const room = longestLanguage - (this.#fence.length - this.#ticks);
        while (i < text.length && i - start < room && isLanguage(text.charCodeAt(i))) i++;
        this.#fence += text.slice(start, i);
      }
      if (i === text.length || !isSpace(text.charCodeAt(i)) || this.#ticks < 3) return i;
    }
    const end = skipSpace(text, i);
    this.#after += text.slice(i, end);
    return end;
  }

  /** Where in `text` the text begins that has to be held, as far as one can tell from its end. */
  #openAt(text: string, from: number): number {
    const end = trimmedEnd(text, from);
    let i = end;
    while (i > from && end - i < longestLanguage && isLanguage(text.charCodeAt(i - 1))) i--;
    let start = i;
    while (start > from && text.charCodeAt(start - 1) === backtick) start--;
    const ticks = i - start;
    const opens = ticks >= 3 || (ticks > 0 && i === end && end === text.length);
    return opens ? trimmedEnd(text.slice(from, start)) + from : end;
  }
}

function isLanguage(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 48 && code <= 57) ||
    code === 95 ||
    code === 45 ||
    code === 43
  );
}
