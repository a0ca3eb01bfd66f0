// Reads arguments in a notation that is not JSON (`a=1, b='c'`), and gives them as the JSON that they mean.
import type { NotationForm } from "../../../engine/call_format.js";
import { isSpace } from "../../hermes/json/character_classes.js";
import { readWord } from "../../hermes/json/json_word.js";
import { TolerantJson } from "../../hermes/json/tolerant_json.js";
import { heldBack } from "../common_text.js";
import { readSteps } from "./read_steps.js";

const longestName = 256;
const deepestLevel = 512;
const closers = { "{": "}", "[": "]" } as const;

export class NotationReader {
  /** `done`: stopped before what ends the arguments. `failed`: stopped before what is no argument. */
  status: "reading" | "done" | "failed" = "reading";
  readonly #form: NotationForm;
  /** The first character of what follows the arguments. */
  readonly #closing: string;
  readonly #emit: (json: string) => void;
  #state: "member" | "name" | "value" | "text" | "python" | "behind" = "member";
  /** What closes the open objects and lists. */
  readonly #open: string[] = [];
  /** The innermost of them has members already. */
  #hasMembers = false;
  #value = new TolerantJson();

  /** `behind` follows the arguments. */
  constructor(form: NotationForm, behind: string, emit: (json: string) => void) {
    this.#form = form;
    this.#closing = behind.trimStart()[0] ?? "";
    this.#emit = emit;
    emit("{");
  }

  /** Reads from `at` on, and returns where what is left begins, which is to be given again with more. */
  read(text: string, at: number, isEnd: boolean): number {
    return readSteps(
      at,
      (from) => this.#step(text, from, isEnd),
      () => this.status === "reading",
    );
  }

  /** Undefined where more of the text has to come. */
  #step(text: string, at: number, isEnd: boolean): number | undefined {
    if (this.#state === "text") return this.#text(text, at);
    if (this.#state === "python") return this.#python(text, at);
    let from = at;
    while (from < text.length && isSpace(text.charCodeAt(from))) from++;
    if (from === text.length) return isEnd ? this.#fail(at) : undefined;
    switch (this.#state) {
      case "member":
        return this.#member(text, from);
      case "name":
        return this.#name(text, from);
      case "value":
        return this.#startValue(text, from, isEnd);
      default:
        return this.#behind(text, from);
    }
  }

  #fail(at: number): number {
    this.status = "failed";
    return at;
  }

  get #closer(): string {
    return this.#open.at(-1) ?? this.#closing;
  }

  /** Before a member of an object, an element, or the end of what is open. */
  #member(text: string, at: number): number | undefined {
    if (text[at] === this.#closer) return this.#close(at);
    if (this.#hasMembers) this.#emit(", ");
    this.#state = this.#closer === "]" ? "value" : "name";
    return at;
  }

  #close(at: number): number {
    const closer = this.#open.pop();
    this.#emit(closer ?? "}");
    this.#hasMembers = true;
    this.#state = "behind";
    if (closer !== undefined) return at + 1;
    this.status = "done";
    return at;
  }

  #name(text: string, at: number): number | undefined {
    const assign = this.#open.length === 0 ? this.#form.assign : ":";
    const end = text.indexOf(assign, at);
    const whole = (end < 0 ? text : text.slice(0, end)).slice(at);
    if (whole.length > longestName || /[\n,{}[\]()]/.test(whole)) return this.#fail(at);
    if (end < 0) return undefined;
    this.#emit(`${JSON.stringify(this.#unquoted(whole.trim()))}: `);
    this.#state = "value";
    return end + assign.length;
  }

  /** Names have no quotes; models write some. */
  #unquoted(name: string): string {
    for (const quote of [this.#form.quote, '"', "'"])
      if (quote !== undefined && name.length >= 2 * quote.length && name.startsWith(quote) && name.endsWith(quote))
        return name.slice(quote.length, name.length - quote.length);
    return name;
  }

  #startValue(text: string, at: number, isEnd: boolean): number | undefined {
    const { quote } = this.#form;
    const first = text[at] as string;
    if (quote !== undefined) {
      if (text.startsWith(quote, at)) {
        this.#emit('"');
        this.#state = "text";
        return at + quote.length;
      }
      if (!isEnd && quote.startsWith(text.slice(at))) return undefined;
      if (first === "{" || first === "[") {
        if (this.#open.length >= deepestLevel) return this.#fail(at);
        this.#open.push(closers[first]);
        this.#hasMembers = false;
        this.#emit(first);
        this.#state = "member";
        return at + 1;
      }
    }
    if (!/["'{[]/.test(first)) return this.#word(text, at, isEnd);
    this.#value = new TolerantJson();
    this.#value.strict.capturing = true;
    this.#state = "python";
    return at;
  }

  #word(text: string, at: number, isEnd: boolean): number | undefined {
    const [word] = /^[\w.+-]*/.exec(text.slice(at)) as RegExpExecArray;
    const end = at + word.length;
    if (end === text.length && !isEnd) return undefined;
    const read = readWord(word);
    if (read === undefined) return this.#fail(at);
    // A number that does not fit is named as it was written.
    this.#emit(read.tooLarge ? word : read.text);
    this.#endValue();
    return end;
  }

  #python(text: string, at: number): number | undefined {
    if (at === text.length) return undefined;
    const end = this.#value.feed(text, at);
    this.#emit(this.#value.strict.take());
    if (this.#value.status === "done") this.#endValue();
    else if (this.#value.status !== "reading") return this.#fail(end);
    return end;
  }

  #text(text: string, at: number): number | undefined {
    const quote = this.#form.quote as string;
    const end = text.indexOf(quote, at);
    const to = end < 0 ? text.length - heldBack(text, quote) : end;
    if (end < 0 && to <= at) return undefined;
    this.#emit(JSON.stringify(text.slice(at, to)).slice(1, -1));
    if (end < 0) return to;
    this.#emit('"');
    this.#endValue();
    return end + quote.length;
  }

  #endValue(): void {
    this.#hasMembers = true;
    this.#state = "behind";
  }

  #behind(text: string, at: number): number | undefined {
    if (text[at] === this.#closer) return this.#close(at);
    const comma = this.#form.comma.trim();
    if (!text.startsWith(comma, at)) return this.#fail(at);
    this.#state = "member";
    return at + comma.length;
  }
}
