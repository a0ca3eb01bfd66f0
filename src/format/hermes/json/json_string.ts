// Reads one string of JSON or Python piece by piece: its value, and the same string as strict JSON.

import { isHighSurrogate } from "./character_classes.js";
import type { StrictText } from "./strict_text.js";

const inPlainText = 0;
const afterBackslash = 1;
const inUnicodeEscape = 2;
const inHexEscape = 3;

const escapedCharacters = new Map<number, string>([
  [34, '"'],
  [92, "\\"],
  [47, "/"],
  [98, "\b"],
  [102, "\f"],
  [110, "\n"],
  [114, "\r"],
  [116, "\t"],
]);

export class JsonString {
  status: "reading" | "done" | "failed" = "reading";
  repaired = false;
  value = "";
  #quote = 34;
  #state = inPlainText;
  #digits = "";

  /** `strict` takes the string's text, quotes included. */
  readonly #strict: StrictText;

  constructor(strict: StrictText) {
    this.#strict = strict;
  }

  /** Begins a new string; its opening quote stands at `pos`. */
  start(quote: number, pos: number): void {
    this.status = "reading";
    this.repaired = quote === 39;
    this.value = "";
    this.#quote = quote;
    this.#state = inPlainText;
    this.#quoteAt(pos);
  }

  /** What stands so far, without half a character at its end. */
  get partialValue(): string {
    const { value } = this;
    return isHighSurrogate(value.charCodeAt(value.length - 1)) ? value.slice(0, -1) : value;
  }

  feed(text: string, pos: number): number {
    let i = pos;
    while (i < text.length) {
      if (this.#state === inPlainText) {
        i = this.#readPlain(text, i);
        if (this.status !== "reading") return i;
      } else if (this.#state === afterBackslash) {
        this.#readEscape(text.charCodeAt(i), i);
        i++;
      } else {
        const code = text.charCodeAt(i);
        if (!isHexDigit(code)) {
          this.status = "failed";
          return i;
        }
        this.#digits += text[i];
        i++;
        if (this.#digits.length === (this.#state === inHexEscape ? 2 : 4)) this.#endDigits();
      }
    }
    return i;
  }

  #readPlain(text: string, pos: number): number {
    const quote = this.#quote;
    let i = pos;
    let code = 0;
    while (i < text.length) {
      code = text.charCodeAt(i);
      if (code === quote || code === 92 || code < 32 || code === 34) break;
      i++;
    }
    if (i > pos) {
      this.value += text.slice(pos, i);
      this.#strict.keep(pos, i);
    }
    if (i === text.length) return i;
    if (code === quote) {
      this.#quoteAt(i);
      this.status = "done";
    } else if (code === 92) {
      this.#state = afterBackslash;
    } else {
      // A raw control character, or a double quote between single ones.
      const character = text[i] as string;
      this.repaired = true;
      this.value += character;
      this.#strict.add(JSON.stringify(character).slice(1, -1));
    }
    return i + 1;
  }

  #readEscape(code: number, pos: number): void {
    this.#state = inPlainText;
    const meaning = escapedCharacters.get(code);
    if (meaning !== undefined) {
      this.value += meaning;
      // At 0 the backslash stood at the end of the input before.
      if (pos > 0) this.#strict.keep(pos - 1, pos + 1);
      else this.#strict.add(`\\${String.fromCharCode(code)}`);
    } else if (code === 117 /* u */) {
      this.#state = inUnicodeEscape;
      this.#digits = "";
    } else if (code === 120 /* x, as Python writes control characters */) {
      this.#state = inHexEscape;
      this.#digits = "";
      this.repaired = true;
    } else {
      const character = String.fromCharCode(code);
      this.repaired = true;
      // An apostrophe needs no backslash. Any other backslash was meant as one: patterns (\d), paths (C:\Users), lines
      // that a shell continues.
      if (code === 39) {
        this.value += character;
        this.#strict.add(character);
      } else {
        this.value += `\\${character}`;
        this.#strict.add(`\\\\${code < 32 ? JSON.stringify(character).slice(1, -1) : character}`);
      }
    }
  }

  #endDigits(): void {
    const character = String.fromCharCode(parseInt(this.#digits, 16));
    this.value += character;
    this.#strict.add(this.#state === inUnicodeEscape ? `\\u${this.#digits}` : JSON.stringify(character).slice(1, -1));
    this.#state = inPlainText;
  }

  #quoteAt(pos: number): void {
    if (this.#quote === 34) this.#strict.keep(pos, pos + 1);
    else this.#strict.add('"');
  }
}

function isHexDigit(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70);
}
