// Supplies the tag of a further call that has none: models not trained on Hermes go on after `</tool_call>` and a
// newline with the next call's bare JSON. Everything behind this sees a well-formed reply.

const closing = "</tool_call>";
/** What such JSON begins with; anything else on that line stays text. */
const opening = /^\s*\n\s*\{\s*"(?:name|arguments)"/;
/** Could still become that. */
const beginning = /^\s*(?:\n\s*\{\s*(?:"[a-z]{0,9}"?)?)?$/;
const keys = ["name", "arguments"];
/** More than any of them needs: constant work per character. */
const mostHeld = 64;

/** The attribute marks the call as repaired, and does not leave the parser. */
export const suppliedTag = "<tool_call supplied>\n";

export class FurtherCall {
  /** Tags that were supplied so far. */
  supplied = 0;
  /** Characters of the closing tag just read. */
  #matched = 0;
  /** What follows a closing tag, as long as it may become a call; undefined elsewhere. */
  #held: string | undefined;

  /** The next piece with tags supplied; some of it may be held back until `end`. */
  feed(text: string): string {
    let result = "";
    let from = 0;
    for (let index = 0; index < text.length; index++) {
      const character = text[index] as string;
      if (this.#held !== undefined) {
        this.#held += character;
        from = index + 1;
        result += this.#decide();
        // What ends the waiting may begin the next closing tag.
        if (this.#held !== undefined || character !== "<") continue;
      }
      this.#matched = character === closing[this.#matched] ? this.#matched + 1 : character === "<" ? 1 : 0;
      if (this.#matched < closing.length) continue;
      result += text.slice(from, index + 1);
      from = index + 1;
      this.#matched = 0;
      this.#held = "";
    }
    return this.#held === undefined ? result + text.slice(from) : result;
  }

  /** What was held back, at the end of the output. */
  end(): string {
    const held = this.#held ?? "";
    this.#held = undefined;
    return held;
  }

  #decide(): string {
    const held = this.#held as string;
    if (opening.test(held)) {
      this.supplied++;
      this.#held = undefined;
      const brace = held.indexOf("{");
      return held.slice(0, brace) + suppliedTag + held.slice(brace);
    }
    const key = /"([a-z]*)$/.exec(held)?.[1];
    if (
      held.length <= mostHeld &&
      beginning.test(held) &&
      (key === undefined || keys.some((known) => known.startsWith(key)))
    )
      return "";
    this.#held = undefined;
    return held;
  }
}
