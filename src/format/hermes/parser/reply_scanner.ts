// Finds the markup in a reply: text goes to reply_text.ts, the content of a call to call_block.ts. Text is pushed in
// pieces of any size.

import { CallBlock } from "../calls/call_block.js";
import type { CallBlockHost } from "../calls/call_block.js";
import { MarkupTag } from "./markup_tag.js";
import { OpenedTag } from "../calls/opened_tag.js";
import type { ReplyText } from "./reply_text.js";
import type { ReplyFinish } from "./reply_types.js";
import { TextHistory } from "./text_history.js";

const backtick = 96;

/** What the scanner needs of the parser: it adds the text that was pushed. */
export type CallReceiver = Omit<CallBlockHost, "raw" | "forget" | "mayReadAgain">;

export class ReplyScanner {
  /** Characters read so far, those read again after a broken call included. */
  charactersRead = 0;

  #mode: "text" | "tag" | "opened" | "body" | "quoted" | "done" = "text";
  #tag = new MarkupTag();
  #tagStart = 0;
  #opened: OpenedTag | undefined;
  #block: CallBlock | undefined;
  #history: TextHistory | undefined;
  readonly #host: CallBlockHost;

  /** The text being read, the offset of its first character, and how much was pushed. */
  #input = "";
  #base = 0;
  #pushed = 0;
  #readAgain = 0;
  #lastCharacter = 0;
  #beforeTag = 0;

  readonly #text: ReplyText;

  constructor(text: ReplyText, receiver: CallReceiver) {
    this.#text = text;
    this.#host = {
      ...receiver,
      raw: (from, to) => this.#history?.slice(from, to) ?? "",
      forget: (before) => this.#history?.trim(before),
      mayReadAgain: (from, to) => {
        if (this.#readAgain + to - from > 2 * to + 4096) return false;
        this.#readAgain += to - from;
        return true;
      },
    };
  }

  /** Whether the model invented a tool's result: nothing is read any more. */
  get turnEnded(): boolean {
    return this.#mode === "done";
  }

  read(text: string): void {
    this.#base = this.#pushed;
    this.#pushed += text.length;
    this.#history?.append(text);
    this.#text.record(text);
    this.#readInput(text);
  }

  #readInput(text: string): void {
    this.#input = text;
    let pos = 0;
    while (pos < this.#input.length && this.#mode !== "done") {
      const before = pos;
      const input = this.#input;
      switch (this.#mode) {
        case "text":
          pos = this.#readText(pos);
          break;
        case "tag":
          pos = this.#readTag(pos);
          break;
        case "opened":
          pos = this.#readOpened(pos);
          break;
        case "quoted":
          this.#endQuoted(input.charCodeAt(pos) === backtick);
          break;
        case "body":
          pos = (this.#block as CallBlock).feed(input, pos, this.#base);
          this.charactersRead += pos - before;
          pos = this.#afterBody(pos);
          continue;
      }
      if (pos > before) {
        this.charactersRead += pos - before;
        this.#lastCharacter = input.charCodeAt(pos - 1);
      }
    }
  }

  #readText(pos: number): number {
    const input = this.#input;
    let at = input.indexOf("<", pos);
    while (at >= 0 && at + 1 < input.length && !beginsTag(input.charCodeAt(at + 1))) at = input.indexOf("<", at + 1);
    const end = at < 0 ? input.length : at;
    if (end > pos) this.#text.add(pos === 0 && end === input.length ? input : input.slice(pos, end));
    if (at >= 0) this.#startTag(at);
    return end;
  }

  #startTag(pos: number): void {
    this.#mode = "tag";
    this.#tag = new MarkupTag();
    this.#tagStart = this.#base + pos;
    this.#beforeTag = pos > 0 ? this.#input.charCodeAt(pos - 1) : this.#lastCharacter;
  }

  #readTag(pos: number): number {
    const tag = this.#tag;
    const end = tag.feed(this.#input, pos);
    if (tag.status === "reading") return end;
    if (this.#block) return this.#resolveInBody(this.#block, end);
    const opened = this.#opened;
    if (opened) {
      this.#opened = undefined;
      if (this.#closesEmpty(opened)) {
        this.#endEmpty(opened, end);
        return end;
      }
      this.#text.add(opened.asText);
    }
    this.#resolveInText(end);
    return end;
  }

  #resolveInText(end: number): void {
    const tag = this.#tag;
    const text = this.#text;
    this.#mode = "text";
    if (tag.status === "rejected") return text.add(tag.raw);
    if (text.isThinking) return text.addThought(tag, this.#tagStart);
    switch (tag.kind) {
      case "call-open":
        this.#open(false);
        return;
      case "call-close":
        return text.closeTag(tag.raw);
      case "pad-open":
        return text.openPad(tag.raw, this.#tagStart, this.#input.slice(end));
      case "pad-close":
        return text.closePad(tag.raw, this.#tagStart);
      case "think-open":
        // Between back-ticks it is only talked about.
        if (this.#beforeTag === backtick) return text.add(tag.raw);
        return text.openThought(tag.raw, this.#tagStart, this.#input.slice(end));
      case "think-close":
        return text.add(tag.raw);
      case "im-end":
        return text.endMark(tag.raw);
      case "response":
        if (this.#beforeTag === backtick) this.#mode = "quoted";
        else this.#endTurn();
    }
  }

  #open(asClose: boolean): void {
    this.#opened = new OpenedTag(
      this.#tag.raw,
      this.#tagStart,
      this.#tag.hasAttributes,
      asClose,
      asClose || this.#text.atLineStart,
    );
    this.#mode = "opened";
  }

  #readOpened(pos: number): number {
    const opened = this.#opened as OpenedTag;
    const end = opened.feed(this.#input, pos);
    switch (opened.status) {
      case "reading":
        break;
      case "tag":
        this.#startTag(end);
        break;
      case "prose":
        this.#opened = undefined;
        this.#mode = "text";
        this.#text.add(opened.asText);
        break;
      case "call":
        this.#opened = undefined;
        this.#mode = "body";
        this.#text.beginCall(opened.start, opened.raw, this.#input.slice(end));
        this.#history = new TextHistory(opened.start, opened.raw, this.#input.slice(end));
        this.#block = new CallBlock(
          this.#host,
          opened.start,
          opened.fenced,
          opened.fenced || opened.hasAttributes || this.#text.fenced,
        );
    }
    return end;
  }

  /** `<tool_call></tool_call>` with nothing inside: a broken call where it stands for itself, else prose. */
  #closesEmpty(opened: OpenedTag): boolean {
    return (
      !opened.asClose &&
      this.#tag.status === "matched" &&
      this.#tag.kind === "call-close" &&
      (opened.atLineStart || opened.raw.includes("\n"))
    );
  }

  #endEmpty(opened: OpenedTag, end: number): void {
    this.#mode = "text";
    this.#text.beginCall(opened.start, opened.raw, this.#tag.raw, this.#input.slice(end));
    this.#text.out.broken(opened.raw + this.#tag.raw, undefined);
    this.#text.endCall(false);
  }

  #afterBody(pos: number): number {
    const block = this.#block as CallBlock;
    if (block.readAgainFrom >= 0) return this.#goBack(block);
    if (block.status === "tag") this.#startTag(pos);
    else if (block.status === "text") {
      block.endBeforeText(this.#base + pos);
      this.#leaveBlock(true);
    }
    return pos;
  }

  /** Goes on reading from an earlier offset. */
  #goBack(block: CallBlock): number {
    const from = block.readAgainFrom;
    block.readAgainFrom = -1;
    this.#mode = "body";
    if (from >= this.#base) return from - this.#base;
    this.#input = (this.#history as TextHistory).slice(from, this.#base) + this.#input;
    this.#base = from;
    return 0;
  }

  #resolveInBody(block: CallBlock, end: number): number {
    const tag = this.#tag;
    const at = this.#base + end;
    this.#mode = "body";
    const ends = tag.status === "matched" && block.trustsTag && this.#endsBlock(tag);
    if (!ends) {
      block.passTag(tag.raw, at);
      if (block.readAgainFrom >= 0) return this.#goBack(block);
      if (block.status !== "text") return end;
      block.endBeforeText(this.#tagStart);
      this.#leaveBlock(true);
      this.#resolveInText(end);
      return end;
    }
    if (!block.terminate(tag.kind === "call-close", this.#tagStart, at)) return this.#goBack(block);
    this.#leaveBlock(false);
    if (tag.kind === "call-open") this.#open(true);
    else if (tag.kind === "response") this.#endTurn();
    else if (tag.kind !== "call-close") this.#resolveInText(end);
    return end;
  }

  #endsBlock(tag: MarkupTag): boolean {
    if (tag.kind === "pad-close") return this.#text.padMayClose;
    return tag.kind !== "pad-open" && tag.kind !== "think-open" && tag.kind !== "think-close";
  }

  /** `owed`: text follows, and the closing tag may still come behind it. */
  #leaveBlock(owed: boolean): void {
    this.#block = undefined;
    this.#history = undefined;
    this.#mode = "text";
    this.#text.endCall(owed);
  }

  /** A `<tool_response>` between back-ticks is only talked about. */
  #endQuoted(quoted: boolean): void {
    this.#mode = "text";
    if (quoted) this.#text.add(this.#tag.raw);
    else this.#endTurn();
  }

  #endTurn(): void {
    this.#text.endTurn();
    this.#mode = "done";
  }

  /** The output ended. `cutsCalls`: whatever was begun is a call that was cut off. */
  end(finish: ReplyFinish, cutsCalls: boolean): void {
    if (this.#mode === "quoted") this.#endTurn();
    while (this.#block) {
      const block = this.#block;
      const insideTag = this.#mode === "tag" && this.#tag.couldBe("call-close", "call-open", "response", "im-end");
      if (block.end(finish, this.#pushed, insideTag)) {
        this.#block = undefined;
        this.#text.endCall(false);
        this.#mode = "text";
        break;
      }
      this.#base = this.#pushed;
      this.#input = "";
      this.#goBack(block);
      this.#readInput(this.#input);
    }
    if (this.#mode === "done") return;
    this.#endText(finish, cutsCalls);
    this.#text.end();
  }

  /** Markup that was still held back is text. */
  #endText(finish: ReplyFinish, cutsCalls: boolean): void {
    const opened = this.#opened;
    const text = this.#text;
    const partial = this.#mode === "tag" ? this.#tag.raw : "";
    const isCutTag = cutsCalls && (opened !== undefined || partial !== "");
    if (isCutTag || (opened && partial === "" && finish === "length" && opened.atLineStart && !opened.asClose)) {
      text.beginCall(opened?.start ?? this.#tagStart, opened?.raw ?? partial);
      text.out.cutOff(undefined);
      text.endCall(false);
      return;
    }
    if (opened) text.add(opened.asText);
    if (partial !== "") text.add(partial);
  }
}

/** Whether this may stand behind the "<" of markup: `t`, `/`, `s` or `|`. */
function beginsTag(code: number): boolean {
  return code === 116 || code === 47 || code === 115 || code === 124;
}
