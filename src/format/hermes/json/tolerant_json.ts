// Reads one JSON value in pieces and repairs what has only one meaning (Python dicts, comments, trailing commas, raw
// newlines, missing closers). Produces strict JSON text and the growing value. Constant work per character.

import { classOf, oddSpaceClass, spaceClass, wordClass } from "./character_classes.js";
import type { Container, MemberListener } from "./json_container.js";
import { isBareKey, readWord } from "./json_word.js";
import { JsonString } from "./json_string.js";
import { StrictText } from "./strict_text.js";
import { setOwn } from "../../../json_object.js";

const atValue = 0;
const atValueOrEnd = 1;
const atKeyOrEnd = 2;
const atColon = 3;
const behindValue = 4;
const insideString = 5;
const inWord = 6;
const afterSlash = 7;
const inLineComment = 8;
const inBlockComment = 9;
const afterCommentStar = 10;

const deepestLevel = 512;
const listenedDepth = 2;

export interface TolerantJsonOptions {
  readonly listener?: MemberListener;
  /** The value stands in a list that is read by someone else: its "]" may end an unclosed value. */
  readonly insideList?: boolean;
}

export class TolerantJson {
  /** `tag`: stopped before a "<" that is not inside a string. `failed`: stopped before what can't be read. */
  status: "reading" | "tag" | "done" | "failed" = "reading";
  repaired = false;
  hasBigInt = false;
  /** The first number that does not fit; its value is its text. */
  tooLarge: string | undefined = undefined;
  value: unknown = undefined;
  /** Offsets of the last string in the whole output, quotes included. */
  stringStart = 0;
  stringEnd = 0;
  readonly strict = new StrictText();

  #state = atValue;
  #beforeComment = atValue;
  readonly #containers: Container[] = [];
  readonly #keys: string[] = [];
  #lists = 0;
  /** A comma that may turn out to be trailing, with the white space behind it, and where it stands in the input. */
  #pendingComma = "";
  #pendingAt = -1;
  #stringIsKey = false;
  readonly #string = new JsonString(this.strict);
  #word = "";
  #base = 0;
  readonly #listener: MemberListener | undefined;
  readonly #insideList: boolean;

  constructor(options: TolerantJsonOptions = {}) {
    this.#listener = options.listener;
    this.#insideList = options.insideList ?? false;
  }

  get depth(): number {
    return this.#containers.length;
  }

  get inString(): boolean {
    return this.#state === insideString;
  }

  /** Whether nothing of the value has been read yet, comments aside. */
  get untouched(): boolean {
    return this.depth === 0 && this.#state === atValue && this.value === undefined;
  }

  get inComment(): boolean {
    return this.#state > afterSlash;
  }

  /** Whether a member or element has just ended, so that only a comma or a closer may follow. */
  get afterValue(): boolean {
    return this.#state === behindValue;
  }

  /** A "<" turned out to be no markup: inside a comment that is fine, elsewhere nothing has it. */
  resumeAfterTag(): void {
    this.status = this.inComment ? "reading" : "failed";
  }

  /** The outermost object, whole as it was, goes on behind a comma: a brace too many had closed it. */
  reopen(): void {
    this.#containers.push(this.value as Container);
    this.#keys.push("");
    this.#state = atKeyOrEnd;
    this.status = "reading";
    this.repaired = true;
  }

  /**
   * Reads on from `pos` and returns where it stopped; all of the text while `status` stays `reading`.
   * `base` is the offset of `text` in the whole output.
   */
  feed(text: string, pos: number, base = 0): number {
    this.#base = base;
    this.strict.begin(text);
    this.#pendingAt = -1;
    let i = pos;
    while (i < text.length && this.status === "reading") {
      if (this.#state === insideString) i = this.#readString(text, i);
      else if (this.#state === inWord) i = this.#readWord(text, i);
      else if (this.#state >= afterSlash) i = this.#readComment(text, i);
      else i = this.#readStructure(text, i);
    }
    return i;
  }

  /**
   * The text ends here. Closes what is open when nothing but closers is missing, and says whether the value is whole.
   * `cut`: the output itself ended, so a number may lack digits and a comma promised more.
   */
  close(cut: boolean): boolean {
    if (this.#state === inWord) {
      if (cut && /\d$/.test(this.#word)) return false;
      this.#endWord(-1, -1);
    }
    if (this.#state >= afterSlash) this.#state = this.#state === afterSlash ? atValue : this.#beforeComment;
    if (this.status === "done") return true;
    if (this.status === "failed" || this.depth === 0 || this.#state === insideString) return false;
    if (cut && this.#pendingComma !== "") return false;
    if (!this.#canCloseTop()) return false;
    this.repaired = true;
    while (this.depth > 0) this.#closeTop();
    return true;
  }

  /** The string value being written, if one is, and the keys that lead to it from the container at `level` on. */
  openPath(level: number): { path: string[]; text: string | undefined } {
    const text = this.#state === insideString && !this.#stringIsKey ? this.#string.partialValue : undefined;
    return { path: this.#keys.slice(level), text };
  }

  #fail(pos: number): number {
    this.status = "failed";
    return pos;
  }

  #readStructure(text: string, pos: number): number {
    const code = text.charCodeAt(pos);
    const kind = classOf(code);
    if (kind === spaceClass) {
      let i = pos + 1;
      while (i < text.length && classOf(text.charCodeAt(i)) === spaceClass) i++;
      if (this.#pendingComma !== "") this.#pendingComma += text.slice(pos, i);
      else this.strict.keep(pos, i);
      return i;
    }
    if (kind === oddSpaceClass) {
      this.repaired = true;
      return pos + 1;
    }
    switch (code) {
      case 60: // <
        this.status = "tag";
        return pos;
      case 47: // /
      case 35: // #
        this.#beforeComment = this.#state;
        this.#state = code === 35 ? inLineComment : afterSlash;
        this.repaired = true;
        return pos + 1;
      case 125: // }
        return this.#closeBrace(pos);
      case 93: // ]
        return this.#closeBracket(pos);
    }
    switch (this.#state) {
      case atValue:
      case atValueOrEnd:
        return this.#startValue(code, kind, pos);
      case atKeyOrEnd:
        return this.#startKey(code, kind, pos);
      case atColon:
        if (code !== 58) return this.#fail(pos);
        this.strict.keep(pos, pos + 1);
        this.#state = atValue;
        return pos + 1;
      default: // behindValue
        if (code !== 44) return this.#fail(pos);
        this.#pendingComma = ",";
        this.#pendingAt = pos;
        this.#state = Array.isArray(this.#containers[this.depth - 1]) ? atValueOrEnd : atKeyOrEnd;
        return pos + 1;
    }
  }

  #startValue(code: number, kind: number, pos: number): number {
    if (code === 34 || code === 39) {
      this.#flushComma(pos);
      this.#announce("string");
      this.#startString(code, false, pos);
      return pos + 1;
    }
    if (code === 123 || code === 91) {
      if (this.depth >= deepestLevel) return this.#fail(pos);
      this.#flushComma(pos);
      const container: Container = code === 123 ? {} : [];
      const depth = this.depth;
      if (depth > 0) this.#attach(container);
      else this.value = container;
      if (depth <= listenedDepth) this.#listener?.valueStart(depth, "container", container);
      this.#containers.push(container);
      this.#keys.push("");
      if (code === 91) this.#lists++;
      this.strict.keep(pos, pos + 1);
      this.#state = code === 123 ? atKeyOrEnd : atValueOrEnd;
      return pos + 1;
    }
    if (kind !== wordClass) return this.#fail(pos);
    this.#flushComma(pos);
    this.#announce("word");
    this.#state = inWord;
    this.#stringIsKey = false;
    return pos;
  }

  #startKey(code: number, kind: number, pos: number): number {
    if (code === 34 || code === 39) {
      this.#flushComma(pos);
      this.#startString(code, true, pos);
      return pos + 1;
    }
    if (kind !== wordClass) return this.#fail(pos);
    this.#flushComma(pos);
    this.#state = inWord;
    this.#stringIsKey = true;
    return pos;
  }

  #startString(quote: number, isKey: boolean, pos: number): void {
    this.stringStart = this.#base + pos;
    if (quote === 39) this.repaired = true;
    this.#stringIsKey = isKey;
    this.#state = insideString;
    this.#string.start(quote, pos);
  }

  #readString(text: string, pos: number): number {
    const end = this.#string.feed(text, pos);
    this.stringEnd = this.#base + end;
    if (this.#string.status === "reading") return end;
    if (this.#string.repaired) this.repaired = true;
    if (this.#string.status === "failed") return this.#fail(end);
    if (this.#stringIsKey) this.#setKey(this.#string.value);
    else this.#endValue(this.#string.value);
    return end;
  }

  #readWord(text: string, pos: number): number {
    let i = pos;
    while (i < text.length && classOf(text.charCodeAt(i)) === wordClass) i++;
    const whole = this.#word === "";
    this.#word += text.slice(pos, i);
    if (i < text.length) this.#endWord(whole ? pos : -1, i);
    return i;
  }

  /** The word ended before `to`; it began at `from`, or earlier than this input (-1). */
  #endWord(from: number, to: number): void {
    const word = this.#word;
    this.#word = "";
    if (this.#stringIsKey) {
      if (!isBareKey(word)) return void this.#fail(to);
      this.repaired = true;
      this.strict.add(JSON.stringify(word));
      this.#setKey(word);
      return;
    }
    const read = readWord(word);
    if (!read) return void this.#fail(to);
    if (read.repaired) this.repaired = true;
    if (typeof read.value === "bigint") this.hasBigInt = true;
    if (read.tooLarge) this.tooLarge ??= word;
    if (from >= 0 && !read.repaired) this.strict.keep(from, to);
    else this.strict.add(read.text);
    this.#endValue(read.value, read.text);
  }

  #readComment(text: string, pos: number): number {
    const code = text.charCodeAt(pos);
    if (code === 60 && this.inComment) {
      this.status = "tag";
      return pos;
    }
    switch (this.#state) {
      case afterSlash:
        if (code !== 47 && code !== 42) return this.#fail(pos);
        this.#state = code === 47 ? inLineComment : inBlockComment;
        break;
      case inLineComment:
        if (code === 10 || code === 13) this.#state = this.#beforeComment;
        break;
      case inBlockComment:
        if (code === 42) this.#state = afterCommentStar;
        break;
      default: // afterCommentStar
        if (code === 47) this.#state = this.#beforeComment;
        else if (code !== 42) this.#state = inBlockComment;
    }
    return pos + 1;
  }

  #announce(kind: "string" | "word"): void {
    if (this.depth <= listenedDepth) this.#listener?.valueStart(this.depth, kind);
  }

  #setKey(key: string): void {
    const depth = this.depth;
    this.#keys[depth - 1] = key;
    if (depth <= listenedDepth) this.#listener?.key(depth, key);
    this.#state = atColon;
  }

  #endValue(value: unknown, text?: string): void {
    const depth = this.depth;
    if (depth > 0) {
      this.#attach(value);
      this.#state = behindValue;
    } else {
      this.value = value;
      this.status = "done";
    }
    if (depth <= listenedDepth) this.#listener?.valueEnd(depth, value, text);
  }

  #attach(value: unknown): void {
    const container = this.#containers[this.depth - 1] as Container;
    if (Array.isArray(container)) container.push(value);
    else setOwn(container, this.#keys[this.depth - 1] as string, value);
  }

  #flushComma(pos: number): void {
    if (this.#pendingComma === "") return;
    if (this.#pendingAt >= 0 && pos - this.#pendingAt === this.#pendingComma.length)
      this.strict.keep(this.#pendingAt, pos);
    else this.strict.add(this.#pendingComma);
    this.#pendingComma = "";
  }

  #canCloseTop(): boolean {
    return this.#state === behindValue || this.#state === atKeyOrEnd || this.#state === atValueOrEnd;
  }

  #closeBrace(pos: number): number {
    if (!this.#canCloseTop() || this.depth === this.#lists) return this.#fail(pos);
    while (Array.isArray(this.#containers[this.depth - 1])) {
      this.repaired = true;
      this.#closeTop();
    }
    this.#closeTop(pos);
    return pos + 1;
  }

  #closeBracket(pos: number): number {
    if (!this.#canCloseTop()) return this.#fail(pos);
    if (this.#lists === 0) {
      if (!this.#insideList) return this.#fail(pos);
      this.repaired = true;
      while (this.depth > 0) this.#closeTop();
      return pos; // the "]" belongs to the list around
    }
    while (!Array.isArray(this.#containers[this.depth - 1])) {
      this.repaired = true;
      this.#closeTop();
    }
    this.#closeTop(pos);
    return pos + 1;
  }

  /** `pos`: where its closer stands, if it does. */
  #closeTop(pos = -1): void {
    if (this.#pendingComma !== "") {
      this.repaired = true;
      this.strict.add(this.#pendingComma.slice(1));
      this.#pendingComma = "";
    }
    const container = this.#containers.pop() as Container;
    this.#keys.pop();
    const depth = this.depth;
    const list = Array.isArray(container);
    if (list) this.#lists--;
    if (pos >= 0) this.strict.keep(pos, pos + 1);
    else this.strict.add(list ? "]" : "}");
    if (depth === 0) this.status = "done";
    else this.#state = behindValue;
    if (depth <= listenedDepth) this.#listener?.valueEnd(depth, container);
  }
}
