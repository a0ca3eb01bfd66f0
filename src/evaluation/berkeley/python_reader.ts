// Reads text as Python's json.loads and ast.literal_eval do, in which the published evaluators read replies. Of
// literal_eval: strings, numbers, True, False, None, lists, tuples and dicts with string keys; bytes, sets and complex
// numbers count as unreadable, since no JSON can equal them.
import { PythonTuple, type PythonValue } from "./python_value.js";

export class PythonSyntaxError extends Error {}

/** `json.loads(text)`. Throws PythonSyntaxError. */
export function readJson(text: string): PythonValue {
  return new Reader(text, jsonDialect).read();
}

/** `ast.literal_eval(text)` of stripped text. Throws PythonSyntaxError. */
export function readLiteral(text: string): PythonValue {
  return new Reader(text, literalDialect).read();
}

/** Tries JSON first, then a Python literal, as the published evaluators do. */
export function readJsonOrLiteral(text: string): PythonValue {
  try {
    return readJson(text);
  } catch (error) {
    if (!(error instanceof PythonSyntaxError)) throw error;
    return readLiteral(text);
  }
}

interface Dialect {
  readonly isLiteral: boolean;
  readonly whitespace: RegExp;
  readonly number: RegExp;
  readonly words: ReadonlyMap<string, PythonValue>;
}

const jsonDialect: Dialect = {
  isLiteral: false,
  whitespace: /[ \t\n\r]*/y,
  number: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y,
  // json.loads takes the last three too.
  words: new Map<string, PythonValue>([
    ["true", true],
    ["false", false],
    ["null", null],
    ["NaN", Number.NaN],
    ["Infinity", Infinity],
    ["-Infinity", -Infinity],
  ]),
};

const literalDialect: Dialect = {
  isLiteral: true,
  whitespace: /(?:[ \t\n\r\f]|\\\r?\n|#[^\n]*)*/y,
  number:
    /[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:[0-9][0-9_]*)?\.[0-9][0-9_]*(?:[eE][+-]?[0-9]+)?|[0-9][0-9_]*\.?(?:[eE][+-]?[0-9]+)?)/y,
  words: new Map<string, PythonValue>([
    ["True", true],
    ["False", false],
    ["None", null],
  ]),
};

const deepest = 500;
const word = /-?[A-Za-z_][A-Za-z0-9_]*/y;
const stringPrefix = /[rRuU]?(?:"""|'''|"|')/y;

class Reader {
  readonly #text: string;
  readonly #dialect: Dialect;
  #at = 0;
  #depth = 0;

  constructor(text: string, dialect: Dialect) {
    this.#text = text;
    this.#dialect = dialect;
  }

  read(): PythonValue {
    const value = this.#value();
    // A line break ends a Python expression; a comma makes it a tuple.
    if (this.#dialect.isLiteral && this.#takes(",")) {
      const items = [value, ...(this.#isAtEnd() ? [] : this.#items(undefined))];
      this.#end();
      return new PythonTuple(items);
    }
    this.#end();
    return value;
  }

  #end(): void {
    if (!this.#isAtEnd()) this.#fail("the end");
  }

  #isAtEnd(): boolean {
    this.#skip();
    return this.#at === this.#text.length;
  }

  #value(): PythonValue {
    this.#skip();
    const next = this.#text[this.#at];
    if (++this.#depth > deepest) this.#fail("less nesting");
    try {
      if (next === "{") return this.#dict();
      if (next === "[") return this.#list();
      if (this.#dialect.isLiteral) {
        if (next === "(") return this.#tuple();
        if (this.#match(stringPrefix, false) !== undefined) return this.#pythonStrings();
      } else if (next === '"') return this.#jsonString();
      return this.#wordOrNumber();
    } finally {
      this.#depth--;
    }
  }

  #wordOrNumber(): PythonValue {
    const name = this.#match(word, false);
    if (name !== undefined && this.#dialect.words.has(name)) {
      this.#at += name.length;
      return this.#dialect.words.get(name)!;
    }
    const digits = this.#match(this.#dialect.number, true);
    if (digits === undefined) return this.#fail("a value");
    const plain = digits.replaceAll("_", "");
    if (/^[+-]?0[xXoObB]/.test(plain))
      return plain.startsWith("-") ? -BigInt(plain.slice(1)) : BigInt(plain.replace("+", ""));
    if (/[.eE]/.test(plain)) return Number(plain);
    if (this.#dialect.isLiteral && /^[+-]?0+[1-9]/.test(plain)) return this.#fail("a number without leading zeros");
    return BigInt(plain.replace("+", ""));
  }

  #list(): readonly PythonValue[] {
    this.#at++;
    return this.#takes("]") ? [] : this.#items("]");
  }

  #tuple(): PythonValue {
    this.#at++;
    if (this.#takes(")")) return new PythonTuple([]);
    const first = this.#value();
    if (this.#takes(")")) return first;
    this.#expect(",");
    return new PythonTuple([first, ...(this.#takes(")") ? [] : this.#items(")"))]);
  }

  /**
   * Items up to and including the bracket; without one, up to the end. A comma may stand after the last one in Python.
   */
  #items(close: string | undefined): PythonValue[] {
    const items: PythonValue[] = [];
    const isOver = () => (close === undefined ? this.#isAtEnd() : this.#takes(close));
    do {
      items.push(this.#value());
      if (isOver()) return items;
      this.#expect(",");
    } while (!(this.#dialect.isLiteral && isOver()));
    return items;
  }

  #dict(): PythonValue {
    this.#at++;
    const members = new Map<string, PythonValue>();
    if (this.#takes("}")) return members;
    do {
      this.#skip();
      if (!this.#dialect.isLiteral && this.#text[this.#at] !== '"') this.#fail("a key");
      const key = this.#value();
      if (typeof key !== "string") return this.#fail("a string for the key");
      this.#expect(":");
      members.set(key, this.#value());
      if (this.#takes("}")) return members;
      this.#expect(",");
    } while (!(this.#dialect.isLiteral && this.#takes("}")));
    return members;
  }

  #jsonString(): string {
    // Control characters are refused, as json.loads is strict by default.
    const match = this.#match(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y, true);
    return match === undefined ? this.#fail("a string") : (JSON.parse(match) as string);
  }

  /** Strings next to each other are one. */
  #pythonStrings(): string {
    let text = "";
    for (
      let opening = this.#match(stringPrefix, true);
      opening !== undefined;
      opening = this.#match(stringPrefix, true)
    ) {
      text += this.#pythonString(opening);
      this.#skip();
    }
    return text;
  }

  #pythonString(opening: string): string {
    const isRaw = /^[rR]/.test(opening);
    const quote = opening.replace(/^[a-zA-Z]/, "");
    let text = "";
    while (!this.#text.startsWith(quote, this.#at)) {
      const next = this.#text[this.#at];
      if (next === undefined || (next === "\n" && quote.length === 1)) return this.#fail("the end of the string");
      if (next === "\\") text += this.#escape(isRaw);
      else {
        text += next;
        this.#at++;
      }
    }
    this.#at += quote.length;
    return text;
  }

  #escape(isRaw: boolean): string {
    const escape = this.#match(/\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|\r\n|[^])/y, true);
    if (escape === undefined) return this.#fail("what is escaped");
    if (isRaw) return escape;
    const letter = escape[1]!;
    const known = simpleEscapes.get(letter);
    if (known !== undefined) return known;
    if (/[0-7]/.test(letter)) return String.fromCodePoint(parseInt(escape.slice(1), 8));
    if (!/[xuUN]/.test(letter)) return escape; // Python keeps the backslash.
    const code = escape.length > 2 ? parseInt(escape.slice(2), 16) : Number.NaN;
    return code <= 0x10ffff ? String.fromCodePoint(code) : this.#fail("a character");
  }

  #skip(): void {
    this.#match(this.#dialect.whitespace, true);
  }

  #takes(text: string): boolean {
    this.#skip();
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    if (!this.#takes(text)) this.#fail(JSON.stringify(text));
  }

  #match(pattern: RegExp, moves: boolean): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined && moves) this.#at += found.length;
    return found;
  }

  #fail(expected: string): never {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    throw new PythonSyntaxError(
      `expected ${expected} at character ${this.#at} but found ${rest === "" ? "the end" : JSON.stringify(rest)}`,
    );
  }
}

const simpleEscapes = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\u0007"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\n", ""],
  ["\r", ""],
]);
