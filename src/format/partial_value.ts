// The value of incomplete JSON: strings grow, numbers appear when they are complete.
import { CallBuilder } from "./hermes/calls/call_builder.js";

/** White space and a fence before an answer: more than that is none. */
const mostOpening = 256;

/**
 * Reads the text of an answer, bare or in one code fence, in any pieces. An answer that is no object or list has no
 * parts to show.
 */
export class PartialValue {
  // The arguments of a call are a growing value already; here they are all there is.
  readonly #builder = new CallBuilder(
    { nextId: () => "", onlyTool: "answer", stream: { start() {}, delta: () => void (this.#hasChanged = true) } },
    false,
  );
  #hasChanged = false;
  #opening: string | undefined = "";
  #isContainer = false;
  #last = "";

  constructor() {
    this.#builder.reader.feed('{"arguments":', 0);
  }

  /** Whether the value is another one than before this piece. */
  read(text: string): boolean {
    this.#hasChanged = false;
    const json = this.#opening === undefined ? text : this.#passOpening(this.#opening + text);
    if (json === "" || !this.#isContainer || this.#builder.reader.status !== "reading") return false;
    this.#builder.reader.feed(json, 0);
    this.#builder.flush();
    if (!this.#hasChanged) return false;
    const written = JSON.stringify(this.value, (_, member: unknown) =>
      typeof member === "bigint" ? `${member}n` : member,
    );
    const isOther = written !== this.#last;
    this.#last = written;
    return isOther;
  }

  /** A copy. Undefined until something can be said. */
  get value(): unknown {
    return this.#builder.partial;
  }

  /** Passes over a fence; empty as long as it may still be one. */
  #passOpening(text: string): string {
    this.#opening = text;
    // Nothing yet, or a fence of which the end is still to come.
    if (/^\s*(?:`{1,2}|```(?:j|js|jso|json)?[^\S\n]*(?:\n\s*)?)?$/.test(text) && text.length <= mostOpening) return "";
    this.#opening = undefined;
    const json = text.replace(/^\s*(?:```(?:json)?[^\S\n]*\n\s*)?/, "");
    this.#isContainer = json.startsWith("{") || json.startsWith("[");
    return json;
  }
}
