// Recognizes the markup of a reply one character at a time: feed it from a "<" on until it says yes or no.

import { isSpace } from "../json/character_classes.js";

export type TagKind =
  | "call-open"
  | "call-close"
  | "response"
  | "pad-open"
  | "pad-close"
  | "think-open"
  | "think-close"
  | "im-end";

interface Form {
  readonly kind: TagKind;
  readonly literal: string;
  /** After the literal: `attributes` are skipped up to ">", `space` allows only white space before it. */
  readonly rest: "none" | "attributes" | "space";
}

const tagForms: readonly Form[] = [
  { kind: "call-open", literal: "<tool_call", rest: "attributes" },
  { kind: "call-close", literal: "</tool_call", rest: "space" },
  { kind: "response", literal: "<tool_response", rest: "attributes" },
  { kind: "pad-open", literal: "<scratch_pad>", rest: "none" },
  { kind: "pad-close", literal: "</scratch_pad>", rest: "none" },
  // What a model thinks before it acts; native/engine/constraint/lazy_grammar_trigger.cpp knows the same.
  { kind: "think-open", literal: "<think>", rest: "none" },
  { kind: "think-close", literal: "</think>", rest: "none" },
  { kind: "think-open", literal: "<thinking>", rest: "none" },
  { kind: "think-close", literal: "</thinking>", rest: "none" },
  { kind: "im-end", literal: "<|im_end|>", rest: "none" },
];

/** Prose is held back for a ">" no longer than this. */
const longestTag = 1024;

export class MarkupTag {
  /** What was read so far, from the "<" on. */
  raw = "";
  status: "reading" | "matched" | "rejected" = "reading";
  kind: TagKind = "call-open";
  #candidates: readonly Form[] = tagForms;
  #form: Form | undefined;

  /** Whether the tag carries more than its name. */
  get hasAttributes(): boolean {
    return this.#form !== undefined && this.raw.length > this.#form.literal.length + 1;
  }

  /** Of a tag cut off by the end of the output: whether it can only be one of `kinds`, or is too short to tell. */
  couldBe(...kinds: TagKind[]): boolean {
    return this.#form ? kinds.includes(this.#form.kind) : this.#candidates.some((form) => kinds.includes(form.kind));
  }

  /**
   * Reads on from `pos` (the "<" itself the first time) and returns where it stopped: behind a matched tag, or at
   * the first character that no tag has there, which is then not consumed.
   */
  feed(text: string, pos: number): number {
    let i = this.raw === "" ? this.#readWhole(text, pos) : pos;
    if (this.status === "matched") return i;
    while (i < text.length) {
      const code = text.charCodeAt(i);
      if (this.#form) {
        if (code === 62 /* > */) return this.#match(this.#form, text, pos, i + 1);
        const space = isSpace(code);
        const first = this.raw.length + i - pos === this.#form.literal.length;
        const fits =
          space || (this.#form.rest === "attributes" && !first && code !== 60 && code !== 123 && code !== 125);
        if (!fits || this.raw.length + i - pos >= longestTag) return this.#reject(text, pos, i);
      } else {
        const at = this.raw.length + i - pos;
        const fitting = this.#candidates.filter((form) => form.literal.charCodeAt(at) === code);
        if (fitting.length === 0) return this.#reject(text, pos, i);
        this.#candidates = fitting;
        const whole = fitting.find((form) => form.literal.length === at + 1);
        if (whole) {
          if (whole.rest === "none") return this.#match(whole, text, pos, i + 1);
          this.#form = whole;
        }
      }
      i++;
    }
    this.raw += text.slice(pos, i);
    return i;
  }

  /** Most tags stand whole in the input: no need to go character by character up to the end of their names. */
  #readWhole(text: string, pos: number): number {
    for (const form of tagForms) {
      if (!text.startsWith(form.literal, pos)) continue;
      const end = pos + form.literal.length;
      if (form.rest === "none") return this.#match(form, text, pos, end);
      if (text.charCodeAt(end) === 62) return this.#match(form, text, pos, end + 1);
      this.#form = form;
      return end;
    }
    return pos;
  }

  #match(form: Form, text: string, pos: number, end: number): number {
    this.raw += text.slice(pos, end);
    this.#form = form;
    this.kind = form.kind;
    this.status = "matched";
    return end;
  }

  #reject(text: string, pos: number, end: number): number {
    this.raw += text.slice(pos, end);
    this.status = "rejected";
    return end;
  }
}
