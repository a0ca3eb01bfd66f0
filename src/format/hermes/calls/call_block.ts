// Parses the content of one <tool_call>: one object, several, or a list of them, each as a call of its own, so that a
// broken one does not affect the others. The reply parser finds the tags.

import { BrokenCall, nextSibling, plausibleEnd } from "./broken_call.js";
import { CallBuilder } from "./call_builder.js";
import type { BuiltCall, CallSettings } from "./call_builder.js";
import { isSpace } from "../json/character_classes.js";
import type { ReplyFinish } from "../parser/reply_types.js";

export interface CallBlockHost extends CallSettings {
  completed(call: BuiltCall, repaired: boolean): void;
  /** The last completed call was repaired after all. */
  lastWasRepaired(): void;
  broken(raw: string, id: string | undefined): void;
  incomplete(id: string | undefined): void;
  /** What was pushed between two offsets. */
  raw(from: number, to: number): string;
  /** Nothing before this offset will be asked for again. */
  forget(before: number): void;
  /** Whether text may be read once more: bounded, so that reading stays linear. */
  mayReadAgain(from: number, to: number): boolean;
}

interface BrokenSpan {
  readonly from: number;
  to: number;
  readonly id: string | undefined;
  /** Stray characters in a list: neighbors count as one. */
  readonly stray: boolean;
}

export class CallBlock {
  /** `tag`: stopped before a "<" that may be markup. `text`: stopped before text; the closing tag is missing. */
  status: "reading" | "tag" | "text" = "reading";
  /** Set when reading must go on from an earlier offset; the parser resets it. */
  readAgainFrom = -1;

  #builder: CallBuilder | undefined;
  #skipper: BrokenCall | undefined;
  #lists = 0;
  #entries = 0;
  #calls = 0;
  #entryStart: number;
  #errorAt = 0;
  #brokenId: string | undefined;
  #brokenSpan: BrokenSpan | undefined;
  /** The last entry, if it has arguments and no name: `…}}, "name": "x"}` has one brace too many and goes on. */
  #nameless: CallBuilder | undefined;
  #commaSeen = false;
  /** Whether the line on which the last entry ended still goes on. */
  #sameLine = false;

  /** `start` is the offset of the opening tag. `fenced`: a code fence stands around the body. */
  readonly #host: CallBlockHost;
  readonly #start: number;
  readonly #fenced: boolean;
  #repaired: boolean;

  constructor(host: CallBlockHost, start: number, fenced: boolean, repaired: boolean) {
    this.#host = host;
    this.#start = start;
    this.#fenced = fenced;
    this.#repaired = repaired;
    this.#entryStart = start;
  }

  feed(text: string, pos: number, base: number): number {
    let i = pos;
    this.status = "reading";
    while (i < text.length && this.status === "reading" && this.readAgainFrom < 0) {
      if (this.#builder) i = this.#readEntry(this.#builder, text, i, base);
      else if (this.#skipper) i = this.#skipEntry(this.#skipper, text, i, base);
      else i = this.#readBetween(text, i, base);
    }
    this.#builder?.flush();
    return i;
  }

  /** Whether markup found where reading stopped ends this block, rather than standing in a broken string. */
  get trustsTag(): boolean {
    return !this.#skipper || this.#skipper.trustsTag;
  }

  /** The "<" it stopped at was no markup that ends a block; `raw` is what was read of it, up to offset `end`. */
  passTag(raw: string, end: number): void {
    if (this.#skipper) {
      this.#skipper.passTag();
    } else if (this.#builder) {
      const { reader } = this.#builder;
      reader.resumeAfterTag();
      if (reader.status === "reading") reader.feed(raw, 1, end - raw.length);
      if (reader.status !== "failed") return;
      if (reader.depth === 0) {
        this.#builder = undefined;
        this.#addStray(end);
        return;
      }
      this.#fail(end - raw.length);
      (this.#skipper as BrokenCall | undefined)?.passTag();
    } else {
      this.status = "text";
    }
  }

  /**
   * Markup ends the block at offset `at`; a proper closing tag reaches to `end`. False: some text is read again first.
   */
  terminate(closed: boolean, at: number, end: number): boolean {
    if (this.#skipper && this.#findSibling(at)) return false;
    this.#endEntry(false, at);
    if (!closed && this.#calls > 0) this.#host.lastWasRepaired();
    this.#finish(closed ? end : at);
    return true;
  }

  /** The text behind it shows that the block ended before offset `at` without its closing tag. */
  endBeforeText(at: number): void {
    if (this.#calls > 0) this.#host.lastWasRepaired();
    this.#finish(at);
  }

  /** The output ends at offset `at`. `insideTag`: in the middle of markup. False: some text is read again first. */
  end(finish: ReplyFinish, at: number, insideTag: boolean): boolean {
    if (insideTag && this.#builder?.reader.close(false)) this.#endEntry(false, at);
    if (finish === "length" && (this.#builder || this.#skipper || this.#lists > 0)) {
      this.#host.incomplete(this.#builder?.id ?? this.#brokenId);
      this.#builder = undefined;
      this.#skipper = undefined;
      if (this.#brokenSpan) this.#finish(this.#brokenSpan.to);
      return true;
    }
    if (this.#builder?.reader.inString && this.#findEndInString(at)) return false;
    if (this.#skipper && this.#findSibling(at)) return false;
    this.#endEntry(true, at);
    if (this.#calls > 0) this.#host.lastWasRepaired();
    this.#finish(at);
    return true;
  }

  #readBetween(text: string, pos: number, base: number): number {
    const code = text.charCodeAt(pos);
    if (isSpace(code)) {
      if (code === 10) this.#sameLine = false;
      return pos + 1;
    }
    if (this.#nameless && this.#commaSeen && (code === 34 || code === 39)) {
      this.#builder = this.#nameless;
      this.#builder.reader.reopen();
      this.#brokenSpan = undefined;
      this.#nameless = undefined;
      return pos;
    }
    this.#commaSeen = code === 44;
    if (!this.#commaSeen) this.#nameless = undefined;
    switch (code) {
      case 60: // <
        this.status = "tag";
        return pos;
      case 91: // [
        this.#lists++;
        this.#repaired = true;
        return pos + 1;
      case 93: // ]
      case 125: // }
      case 44: // ,
      case 59: // ;
        if (code === 93 && this.#lists > 0) this.#lists--;
        else if (this.#lists === 0 && this.#calls > 0) this.#host.lastWasRepaired();
        return pos + 1;
      case 96: // `
        if (this.#fenced) return pos + 1;
    }
    if (code !== 123 && this.#lists === 0) {
      if (this.#brokenSpan && this.#sameLine) this.#skipOn(this.#brokenSpan, base + pos);
      else this.status = "text";
      return pos;
    }
    this.#startEntry(base + pos, code);
    return pos;
  }

  /** What follows a broken call on its line is part of it. */
  #skipOn(span: BrokenSpan, at: number): void {
    this.#brokenSpan = undefined;
    this.#entryStart = span.from;
    this.#brokenId = span.id;
    this.#errorAt = at;
    this.#skipper = new BrokenCall(Number.MAX_SAFE_INTEGER);
  }

  #startEntry(at: number, code: number): void {
    this.#entries++;
    if (this.#brokenSpan && (code === 123 || !this.#brokenSpan.stray)) this.#flushBroken(this.#brokenSpan.to);
    if (this.#entries > 1) {
      this.#repaired = true;
      if (this.#calls > 0) this.#host.lastWasRepaired();
    }
    // The report of a broken first call includes its tag.
    this.#entryStart = this.#entries === 1 ? this.#start : at;
    this.#brokenId = undefined;
    this.#builder = new CallBuilder(this.#host, this.#lists > 0);
  }

  #readEntry(builder: CallBuilder, text: string, pos: number, base: number): number {
    const { reader } = builder;
    const end = reader.feed(text, pos, base);
    if (reader.status === "done") {
      this.#completeEntry(builder, base + end);
    } else if (reader.status === "tag") {
      this.status = "tag";
    } else if (reader.status === "failed") {
      const code = text.charCodeAt(end);
      if (code === 123 && reader.depth === 1 && reader.afterValue && reader.stringEnd < base + end) {
        // The next object begins where only this one's last brace can be missing.
        reader.status = "reading";
        if (reader.close(false)) this.#completeEntry(builder, base + end);
        else this.#fail(base + end);
      } else if (reader.depth === 0) {
        return this.#passStray(builder, text, end, base);
      } else {
        this.#fail(base + end);
      }
    }
    return end;
  }

  /** Something in a list that is no object. */
  #passStray(builder: CallBuilder, text: string, pos: number, base: number): number {
    const code = text.charCodeAt(pos);
    this.#builder = undefined;
    if (builder.reader.untouched && (code === 93 || code === 44)) {
      this.#entries--;
      return pos;
    }
    const end = code === 93 || code === 44 || code === 123 || code === 91 ? pos : pos + 1;
    this.#addStray(base + end);
    return end;
  }

  #addStray(to: number): void {
    if (this.#brokenSpan) this.#brokenSpan.to = to;
    else this.#brokenSpan = { from: this.#entryStart, to, id: undefined, stray: true };
  }

  #skipEntry(skipper: BrokenCall, text: string, pos: number, base: number): number {
    const end = skipper.feed(text, pos);
    if (skipper.status === "tag") {
      this.status = "tag";
    } else if (skipper.status === "closed") {
      this.#skipper = undefined;
      this.#sameLine = true;
      this.#brokenSpan = { from: this.#entryStart, to: base + end, id: this.#brokenId, stray: false };
    }
    return end;
  }

  #completeEntry(builder: CallBuilder, end: number): void {
    this.#builder = undefined;
    const { value } = builder.reader;
    if (typeof value !== "object" || value === null) {
      this.#addStray(end);
      return;
    }
    this.#sameLine = true;
    const call = builder.finish();
    if (!call) {
      if (builder.lacksName) this.#nameless = builder;
      this.#brokenSpan = { from: this.#entryStart, to: end, id: builder.id, stray: false };
      return;
    }
    this.#calls++;
    this.#host.completed(call, this.#repaired || call.repaired);
    this.#host.forget(end);
  }

  /** The entry can't be read from offset `at` on: find its end. */
  #fail(at: number): void {
    const { reader, id } = this.#builder as CallBuilder;
    const lastString = reader.stringEnd > reader.stringStart && this.#host.raw(reader.stringEnd, at).trim() === "";
    this.#brokenId = id;
    this.#errorAt = at;
    if (lastString && this.#findEndInString(at)) return;
    this.#builder = undefined;
    this.#skipper = new BrokenCall(reader.depth);
  }

  /**
   * A string without its closing quote runs into what follows the call: go back to where the call most likely ended.
   */
  #findEndInString(at: number): boolean {
    const { reader, id } = this.#builder as CallBuilder;
    const from = reader.stringStart;
    const found = plausibleEnd(this.#host.raw(from, Math.min(at, Math.max(reader.stringEnd, from))));
    if (found < 0 || !this.#host.mayReadAgain(from + found, at)) return false;
    this.#brokenId = id;
    this.#errorAt = at;
    this.#builder = undefined;
    this.#skipper = new BrokenCall(reader.depth);
    this.readAgainFrom = from + found;
    return true;
  }

  /** A broken object that never closed may have swallowed the next one. */
  #findSibling(at: number): boolean {
    const found = nextSibling(this.#host.raw(this.#errorAt, at));
    if (found < 0 || !this.#host.mayReadAgain(this.#errorAt + found, at)) return false;
    this.readAgainFrom = this.#errorAt + found;
    this.#skipper = undefined;
    this.#brokenSpan = { from: this.#entryStart, to: this.readAgainFrom, id: this.#brokenId, stray: false };
    return true;
  }

  #endEntry(cut: boolean, at: number): void {
    if (this.#builder) {
      const builder = this.#builder;
      if (builder.reader.close(cut)) this.#completeEntry(builder, at);
      else if (builder.reader.untouched) {
        this.#builder = undefined;
        this.#entries--;
      } else {
        this.#brokenSpan = { from: this.#entryStart, to: at, id: builder.id, stray: false };
        this.#builder = undefined;
      }
    } else if (this.#skipper) {
      this.#brokenSpan = { from: this.#entryStart, to: at, id: this.#brokenId, stray: false };
      this.#skipper = undefined;
    }
  }

  #finish(end: number): void {
    if (this.#calls === 0 && !this.#brokenSpan && this.#entries === 0) {
      this.#brokenSpan = { from: this.#start, to: end, id: undefined, stray: false };
    }
    this.#flushBroken(end);
  }

  #flushBroken(end: number): void {
    if (!this.#brokenSpan) return;
    const { from, id } = this.#brokenSpan;
    this.#brokenSpan = undefined;
    this.#host.broken(this.#host.raw(from, end).trimEnd(), id);
    this.#host.forget(end);
  }
}
