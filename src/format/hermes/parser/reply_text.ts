// The text side of a reply: what goes to content and what to reasoning, which white space touches a call, code fences
// around calls, an <|im_end|> at the very end, scratch pads and thoughts.

import { skipSpace } from "../json/character_classes.js";
import { CodeBlocks } from "./code_blocks.js";
import { suppliedTag } from "../calls/further_call.js";
import { HeldText } from "./held_text.js";
import { ReplyOutput } from "./reply_output.js";
import { TextHistory } from "./text_history.js";

const backtick = 96;

/**
 * From a point on it is not known whether a scratch pad ends: a call began inside one, or the tag stood in the middle
 * of a line, as a thought's can. Everything behind goes to an output of its own until the closing tag or the end of the
 * reply decides.
 */
interface OpenQuestion {
  readonly history: TextHistory;
  readonly start: number;
  /** What was held back before. */
  readonly held: string;
  /** The tag in the middle of a line; empty where a call began. */
  readonly opener: string;
  readonly outside: ReplyOutput;
}

/** A thought that is open. */
interface Thought {
  /** The tag that ends it. */
  readonly closing: string;
  /** Whether it is one shows only at its end. */
  readonly isQuestion: boolean;
}

export class ReplyText {
  /** Where calls and text go at the moment. */
  out: ReplyOutput;
  /** Whether the last call stood in a code fence of its own. */
  fenced = false;

  readonly #held = new HeldText();
  #blocks = new CodeBlocks();
  #inPad = false;
  #thought: Thought | undefined;
  #question: OpenQuestion | undefined;
  /** Behind a call or a pad only white space was read so far. */
  #touching: "" | "call" | "pad" = "";
  #spaced = "";
  #openFence = "";
  #closingTicks = 0;
  /** A call ended without its closing tag. */
  #closeOwed = false;
  #endMarks = "";
  #anyText = false;

  /** `isThinking`: the prompt ends inside a thought. */
  constructor(out: ReplyOutput, isThinking = false) {
    this.out = out;
    if (!isThinking) return;
    this.#thought = { closing: "</think>", isQuestion: false };
    this.#touching = "pad";
  }

  /** What stands here is no call, whatever it looks like. */
  get isThinking(): boolean {
    return this.#thought !== undefined;
  }

  get #isReasoning(): boolean {
    return this.#inPad || (this.#thought !== undefined && !this.#thought.isQuestion);
  }

  get padMayClose(): boolean {
    return this.#inPad || this.#question !== undefined;
  }

  /** Whether nothing but white space stands before on this line. */
  get atLineStart(): boolean {
    if (this.#endMarks !== "") return false;
    return this.#touching !== "" || this.#held.endsLine || (!this.#anyText && this.#held.isSpace);
  }

  /** Every piece that is pushed, whatever it holds. */
  record(text: string): void {
    this.#question?.history.append(text);
  }

  /** Text, up to where markup may begin. */
  add(text: string): void {
    if (text === "") return;
    let i = 0;
    if (this.#endMarks !== "") {
      i = skipSpace(text, 0);
      this.#endMarks += text.slice(0, i);
      if (i === text.length) return;
      this.#releaseEndMarks();
    }
    if (this.#touching !== "") i = this.#passTouching(text, i);
    if (i < text.length) this.#emit(this.#held.add(i === 0 ? text : text.slice(i)));
  }

  /** A `</tool_call>` outside a call. */
  closeTag(raw: string): void {
    this.#releaseEndMarks();
    this.#endClosingFence();
    if (this.#touching === "call") {
      this.out.repairLast();
    } else if (this.#closeOwed) {
      this.#closeOwed = false;
    } else {
      this.add(raw);
    }
  }

  /** A `<|im_end|>`: nothing if only white space follows. */
  endMark(raw: string): void {
    if (this.#endMarks === "") {
      this.#endClosingFence();
      if (this.#touching === "") this.#emit(this.#held.take());
    }
    this.#endMarks += raw;
  }

  /** A call begins at offset `start`; `pushed`, joined, is what was pushed from there on. */
  beginCall(start: number, ...pushed: string[]): void {
    this.#releaseEndMarks();
    if (this.#inPad) this.#ask(start, pushed, this.#held.text, "");
    this.#endClosingFence();
    this.#closeOwed = false;
    if (this.#touching !== "") {
      this.fenced = this.#openFence !== "";
      return;
    }
    const { text, fence, spaced } = this.#held.takeForCall(this.#blocks);
    this.#emit(text);
    this.#openFence = fence;
    this.fenced = fence !== "";
    this.#spaced = spaced ? "\n" : "";
  }

  /** It ended. `owed`: its closing tag has not come. */
  endCall(owed: boolean): void {
    this.#touching = "call";
    this.#closeOwed = owed;
  }

  /** A `<scratch_pad>` at offset `start`; `rest` is what was pushed behind it. */
  openPad(raw: string, start: number, rest: string): void {
    if (this.padMayClose) return this.add(raw);
    const { atLineStart } = this;
    this.#releaseEndMarks();
    this.#endClosingFence();
    if (!atLineStart) return this.#openInline(raw, start, rest);
    this.#beginReasoning();
    this.#inPad = true;
  }

  /** A `</scratch_pad>` at offset `at`. */
  closePad(raw: string, at: number): void {
    if (!this.padMayClose) return this.add(raw);
    this.#releaseEndMarks();
    if (this.#question) this.#reasonAll(this.#question, at);
    this.#endReasoning();
    this.#inPad = false;
  }

  /**
   * A `<think>`, as `openPad`. Without an end it reaches to that of the reply, unless it stands in the middle of a
   * line: then it was text.
   */
  openThought(raw: string, start: number, rest: string): void {
    const { atLineStart } = this;
    this.#releaseEndMarks();
    this.#endClosingFence();
    const isQuestion = !atLineStart && !this.padMayClose;
    if (isQuestion) this.#openInline(raw, start, rest);
    else this.#beginReasoning();
    this.#thought = { closing: `</${raw.slice(1)}`, isQuestion };
  }

  /** Markup inside a thought: nothing but its end means anything. */
  addThought(tag: { readonly raw: string; readonly kind: string }, at: number): void {
    const thought = this.#thought;
    const question = this.#question;
    if (thought === undefined || tag.raw !== thought.closing) {
      if (tag.kind === "im-end") this.endMark(tag.raw);
      else if (tag.raw !== suppliedTag.trimEnd()) this.add(tag.raw);
      return;
    }
    this.#releaseEndMarks();
    if (thought.isQuestion && question) this.#reasonAll(question, at);
    this.#endReasoning();
    if (thought.isQuestion) this.#inPad = false;
    this.#thought = undefined;
  }

  #openInline(raw: string, start: number, rest: string): void {
    this.#emit(this.#held.take());
    this.#ask(start, [raw, rest], "", raw);
    this.add(raw);
  }

  /** What follows is reasoning, up to a tag. */
  #beginReasoning(): void {
    if (this.#touching === "") this.#emit(this.#takeTouchingPad());
    else this.#leaveFence();
    this.#blocks = new CodeBlocks();
    this.#touching = "pad";
  }

  #endReasoning(): void {
    if (this.#touching === "") this.#emit(this.#takeTouchingPad());
    this.#blocks = new CodeBlocks();
    this.#touching = "pad";
    this.#spaced ||= "\n";
  }

  /** The closing tag has come, at offset `at`: everything since the question was reasoning. */
  #reasonAll(question: OpenQuestion, at: number): void {
    this.#question = undefined;
    this.out = question.outside;
    this.#held.take();
    this.#openFence = "";
    this.#closingTicks = 0;
    this.#closeOwed = false;
    this.#inPad = true;
    this.#touching = question.opener === "" ? "" : "pad";
    this.#spaced = "";
    this.add(question.held + question.history.slice(question.start + question.opener.length, at));
  }

  /** The model invented a result: nothing behind counts. */
  endTurn(): void {
    this.#releaseEndMarks();
    if (this.#touching === "") this.#emit(this.#takeTouchingPad());
    this.#answer();
  }

  /** The output ended. */
  end(): void {
    if (this.#touching !== "") {
      if (this.#closingTicks > 0 && this.#closingTicks < 3) this.#leaveTouching();
    } else {
      this.#emit(this.#held.take());
    }
    this.#answer();
  }

  #ask(start: number, pushed: string[], held: string, opener: string): void {
    this.#question = { history: new TextHistory(start, ...pushed), start, held, opener, outside: this.out };
    this.out = new ReplyOutput(this.out.streaming);
    this.#inPad = false;
  }

  /** No `</scratch_pad>` came: what stood behind the question counts as it is. */
  #answer(): void {
    const question = this.#question;
    if (!question) return;
    this.#question = undefined;
    question.outside.take(this.out);
    this.out = question.outside;
  }

  #takeTouchingPad(): string {
    const { text, fence, spaced } = this.#held.takeForCall(this.#blocks);
    this.#spaced = spaced || fence !== "" ? "\n" : "";
    return text + fence;
  }

  #emit(text: string): void {
    if (text === "") return;
    this.#anyText = true;
    this.#blocks.feed(text);
    if (this.#isReasoning) this.out.reason(text);
    else this.out.text(text);
  }

  #releaseEndMarks(): void {
    const marks = this.#endMarks;
    if (marks === "") return;
    this.#endMarks = "";
    this.add(marks);
  }

  /** Passes what belongs to the call before; returns where text begins. */
  #passTouching(text: string, from: number): number {
    let i = from;
    while (i < text.length) {
      const code = text.charCodeAt(i);
      if (code === backtick && this.#openFence !== "") {
        this.#closingTicks++;
        i++;
        continue;
      }
      const end = skipSpace(text, i);
      if (this.#closingTicks > 0) {
        if (this.#closingTicks < 3 || end === i) {
          this.#leaveTouching();
          return i;
        }
        this.#endClosingFence();
      }
      if (end === i) {
        this.#leaveTouching();
        return i;
      }
      this.#spaced ||= "\n";
      i = end;
    }
    return i;
  }

  /** Markup or the end follows ticks behind a call: three close the fence around it. */
  #endClosingFence(): void {
    if (this.#closingTicks === 0) return;
    if (this.#closingTicks < 3) return this.#leaveTouching();
    this.#closingTicks = 0;
    this.#openFence = "";
  }

  /** Text follows what was touched: words on both sides of a call stay apart, an unclosed fence is text after all. */
  #leaveTouching(): void {
    this.#touching = "";
    this.out.settle();
    const before = this.#isReasoning ? this.out.reasoning : this.out.content + (this.#question?.outside.content ?? "");
    if (before !== "" && this.#spaced !== "") this.#emit(this.#spaced);
    this.#spaced = "";
    this.#leaveFence();
    const ticks = "`".repeat(this.#closingTicks);
    this.#closingTicks = 0;
    if (ticks !== "") this.#emit(this.#held.add(ticks));
  }

  #leaveFence(): void {
    const fence = this.#openFence;
    this.#openFence = "";
    this.#emit(fence);
  }
}
