// What stands between a complete <tool_call> and the first character that shows whether it opens a call: rule 1.

import { isSpace, skipSpace } from "../json/character_classes.js";

const longestLanguage = 24;

export class OpenedTag {
  /** `call`: stopped before a bracket. `tag`: stopped before a "<". `prose`: stopped before anything else. */
  status: "reading" | "call" | "tag" | "prose" = "reading";
  /** Everything from the tag on. */
  raw: string;
  readonly #tagLength: number;
  #ticks = 0;
  #language = 0;
  #behindFence = false;

  /**
   * `asClose`: it stands where a closing tag is missing, so that without a call behind it, it is that tag.
   * `atLineStart`: no text stands before it on its line.
   */
  constructor(
    tag: string,
    readonly start: number,
    readonly hasAttributes: boolean,
    readonly asClose: boolean,
    readonly atLineStart: boolean,
  ) {
    this.raw = tag;
    this.#tagLength = tag.length;
  }

  get fenced(): boolean {
    return this.#ticks > 0;
  }

  /** What remains when it opens no call. */
  get asText(): string {
    return this.asClose ? this.raw.slice(this.#tagLength) : this.raw;
  }

  feed(text: string, pos: number): number {
    let i = pos;
    while (i < text.length) {
      const code = text.charCodeAt(i);
      if (isSpace(code)) {
        if (this.#ticks > 0 && this.#ticks < 3) break;
        if (this.#ticks > 0) this.#behindFence = true;
        i = skipSpace(text, i);
      } else if ((code === 123 || code === 91) && (this.#ticks === 0 || this.#ticks >= 3)) {
        return this.#stop("call", text, pos, i);
      } else if (code === 60 && this.#ticks === 0) {
        return this.#stop("tag", text, pos, i);
      } else if (code === 96 && this.#language === 0 && !this.#behindFence) {
        this.#ticks++;
        i++;
      } else if (
        this.#ticks >= 3 &&
        !this.#behindFence &&
        this.#language < longestLanguage &&
        /[\w+-]/.test(text[i] as string)
      ) {
        this.#language++;
        i++;
      } else {
        break;
      }
    }
    if (i < text.length) return this.#stop("prose", text, pos, i);
    this.raw += text.slice(pos);
    return i;
  }

  #stop(status: "call" | "tag" | "prose", text: string, pos: number, end: number): number {
    this.raw += text.slice(pos, end);
    this.status = status;
    return end;
  }
}
