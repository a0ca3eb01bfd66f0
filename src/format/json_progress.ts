// Follows an answer that should be JSON, bare or in one code fence, to detect when generating more is useless.

type Expected = "value" | "item" | "key" | "member" | "colon" | "next" | "end";

const words = ["true", "false", "null"];
const number = /^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:(?<=\d)[eE][+-]?\d*)?)?$/;
const longestWord = 1_024;
const fence = "```";
/** More white space in a row than any sensible indentation: a model that has begun to write nothing but that. */
const mostSpace = 256;

export class JsonProgress {
  /** Nothing that follows can make the text an answer, or a better one. */
  isOver = false;
  readonly #open: ("{" | "[")[] = [];
  #expected: Expected = "value";
  #isInString = false;
  #isEscaped = false;
  #word = "";
  #opening = "";
  #closing = "";
  #isFenced = false;
  #begins = true;
  #isContainer = false;
  #space = 0;

  /** How many UTF-16 code units of the next piece belong to the answer: all, unless something follows complete JSON. */
  read(piece: string): number {
    for (let index = 0; index < piece.length && !this.isOver; index++) {
      const end = this.#isComplete;
      if (this.#accepts(piece[index] as string)) continue;
      this.isOver = true;
      if (end) return index;
    }
    return piece.length;
  }

  /**
   * An object or a list is closed, and so is its fence: what follows is not part of it. A bare number with text after
   * it is no answer.
   */
  get #isComplete(): boolean {
    return this.#expected === "end" && this.#isContainer && (!this.#isFenced || this.#closing === fence);
  }

  #accepts(character: string): boolean {
    if (this.#isInString) return this.#inString(character);
    const isSpace = character === " " || character === "\n" || character === "\r" || character === "\t";
    if (this.#opening !== "" && !this.#isFenced) return this.#inOpening(character);
    if (isSpace) {
      if (this.#word !== "" && !this.#endWord()) return false;
      return ++this.#space <= mostSpace;
    }
    this.#space = 0;
    if (this.#begins && character === "`") {
      this.#opening = character;
      return true;
    }
    this.#begins = false;
    if (this.#word !== "" && /[\w+.-]/.test(character)) return this.#inWord(character);
    if (this.#word !== "" && !this.#endWord()) return false;
    return this.#structure(character);
  }

  #structure(character: string): boolean {
    const expected = this.#expected;
    const takesValue = expected === "value" || expected === "item";
    switch (character) {
      case "{":
      case "[":
        if (!takesValue) return false;
        this.#open.push(character);
        this.#isContainer = true;
        this.#expected = character === "{" ? "member" : "item";
        return true;
      case "}":
      case "]": {
        const isEmpty = character === "}" ? expected === "member" : expected === "item";
        if ((expected !== "next" && !isEmpty) || this.#open.pop() !== (character === "}" ? "{" : "[")) return false;
        this.#endValue();
        return true;
      }
      case ",":
        if (expected !== "next") return false;
        this.#expected = this.#open.at(-1) === "{" ? "key" : "value";
        return true;
      case ":":
        if (expected !== "colon") return false;
        this.#expected = "value";
        return true;
      case '"':
        if (!takesValue && expected !== "key" && expected !== "member") return false;
        this.#isInString = true;
        return true;
      case "`":
        if (!this.#isFenced || expected !== "end") return false;
        this.#closing += character;
        return this.#closing.length <= fence.length;
      default:
        return takesValue && this.#inWord(character);
    }
  }

  #inString(character: string): boolean {
    if (this.#isEscaped) {
      this.#isEscaped = false;
      return '"\\/bfnrtu'.includes(character);
    }
    if (character === "\\") this.#isEscaped = true;
    if (character !== '"') return character >= " ";
    this.#isInString = false;
    if (this.#expected === "key" || this.#expected === "member") this.#expected = "colon";
    else this.#endValue();
    return true;
  }

  /** A name or a number as far as it is written. */
  #inWord(character: string): boolean {
    this.#word += character;
    if (this.#word.length > longestWord) return false;
    return words.some((word) => word.startsWith(this.#word)) || number.test(this.#word);
  }

  #endWord(): boolean {
    const isWhole = words.includes(this.#word) || /\d$/.test(this.#word);
    this.#word = "";
    this.#endValue();
    return isWhole;
  }

  #endValue(): void {
    this.#expected = this.#open.length > 0 ? "next" : "end";
  }

  /** The line that opens a fence: three back-ticks, and `json` or nothing. */
  #inOpening(character: string): boolean {
    if (character === "\n") {
      this.#isFenced = [fence, `${fence}json`].includes(this.#opening.trimEnd());
      this.#begins = false;
      return this.#isFenced;
    }
    this.#opening += character;
    return this.#opening.length <= mostSpace && `${fence}json`.startsWith(this.#opening.trimEnd());
  }
}
