// Finds the end of a call that cannot be parsed: by its brackets, or by markup that can only follow a call. Its strings
// cannot be trusted, so here a string ends at the end of its line.

/** Markup at the start of a line or right behind a closed bracket ends a broken call even inside a string. */
const plausibleEndPattern =
  /(?:[}\]]\s*|\n[ \t]*)(<\/tool_call\s*>|<tool_call[^<>{}]*>\s*[[{`]|<tool_response[^<>{}]*>|<\|im_end\|>)/;

/** Where in a string that ran too far the call most likely ended; -1 when nowhere. */
export function plausibleEnd(text: string): number {
  const match = plausibleEndPattern.exec(text);
  return match ? match.index + match[0].length - (match[1] as string).length : -1;
}

/** Where the next call begins on a line of its own inside a broken one; -1 when nowhere. */
export function nextSibling(text: string): number {
  const match = /\n[ \t]*(\{\s*["'](?:name|arguments)["']\s*:)/.exec(text);
  return match ? match.index + match[0].length - (match[1] as string).length : -1;
}

export class BrokenCall {
  /** `tag`: stopped before a "<". `closed`: stopped behind the bracket that closes the call. */
  status: "reading" | "tag" | "closed" = "reading";
  #quote = 0;
  #escaped = false;
  /** The last character that is no white space, and whether only white space stood on this line so far. */
  #last = 0;
  #lineStart = false;

  /** `depth`: how many brackets of the call are open. */
  #depth: number;

  constructor(depth: number) {
    this.#depth = depth;
  }

  /** Whether markup found here ends the call. */
  get trustsTag(): boolean {
    return this.#quote === 0 || this.#lineStart || this.#last === 125 || this.#last === 93;
  }

  /** The "<" it stopped at was not the end: go on behind it. */
  passTag(): void {
    this.status = "reading";
    this.#last = 62;
    this.#lineStart = false;
    this.#escaped = false;
  }

  feed(text: string, pos: number): number {
    for (let i = pos; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 60) {
        this.status = "tag";
        return i;
      }
      if (code === 10) {
        this.#quote = 0;
        this.#lineStart = true;
        this.#escaped = false;
        continue;
      }
      if (code === 32 || code === 9 || code === 13) {
        this.#escaped = false;
        continue;
      }
      if (this.#quote !== 0) {
        if (this.#escaped) this.#escaped = false;
        else if (code === 92) this.#escaped = true;
        else if (code === this.#quote) this.#quote = 0;
      } else if (code === 34 || (code === 39 && this.#mayOpenString())) {
        this.#quote = code;
      } else if (code === 123 || code === 91) {
        this.#depth++;
      } else if (code === 125 || code === 93) {
        this.#depth--;
        if (this.#depth <= 0) {
          this.status = "closed";
          return i + 1;
        }
      }
      this.#last = code;
      this.#lineStart = false;
    }
    return text.length;
  }

  /** An apostrophe opens a string only where one may begin. */
  #mayOpenString(): boolean {
    return this.#last === 123 || this.#last === 91 || this.#last === 44 || this.#last === 58 || this.#last === 40;
  }
}
