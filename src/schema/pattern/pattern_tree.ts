// The syntax tree of a JavaScript regular expression. Single characters (classes, escapes, Unicode properties) are
// matched by JavaScript's own RegExp.

/** Why a pattern cannot be read here. */
export class UnsupportedPattern extends Error {}

export type Edge = "start" | "end" | "word" | "notWord";

export type Tree =
  | { readonly kind: "characters"; readonly matches: (code: number) => boolean }
  | { readonly kind: "sequence"; readonly items: readonly Tree[] }
  | { readonly kind: "choice"; readonly branches: readonly Tree[] }
  /** `groups`: numbers of the first group inside, and of the first after it. */
  | {
      readonly kind: "repeat";
      readonly item: Tree;
      readonly least: number;
      readonly most: number;
      readonly isLazy: boolean;
      readonly groups: readonly [number, number];
    }
  | { readonly kind: "edge"; readonly edge: Edge }
  | { readonly kind: "look"; readonly inner: Tree; readonly behind: boolean; readonly negative: boolean }
  | { readonly kind: "group"; readonly index: number; readonly inner: Tree }
  | { readonly kind: "reference"; readonly indexes: readonly number[] };

/** Maximum nesting of groups. */
const deepestGroup = 250;

/** @throws UnsupportedPattern */
export function patternTree({ source, flags, unicode }: RegExp): Tree {
  if (/[^giu]/.test(flags)) throw new UnsupportedPattern(`it has the flags ${flags}`);
  return new TreeReader(source, unicode, flags.replace("g", "")).read();
}

/** Parses an expression that JavaScript has compiled already, so that its syntax is known to be valid. */
class TreeReader {
  readonly #source: string;
  readonly #isUnicode: boolean;
  readonly #flags: string;
  readonly #groups: number;
  readonly #names = new Map<string, number[]>();
  readonly #tests = new Map<string, (code: number) => boolean>();
  #at = 0;
  #depth = 0;
  #opened = 0;

  constructor(source: string, isUnicode: boolean, flags: string) {
    this.#source = source;
    this.#isUnicode = isUnicode;
    this.#flags = flags;
    const openings = [
      ...source.replace(/\\[^]|\[(?:\\[^]|[^\]\\])*\]/g, "x").matchAll(/\((?!\?)|\(\?<(?![=!])([^>]*)>/g),
    ];
    this.#groups = openings.length;
    openings.forEach(([, name], index) => {
      if (name !== undefined) this.#names.set(name, [...(this.#names.get(name) ?? []), index + 1]);
    });
  }

  read(): Tree {
    // The whole expression is not a group.
    if (++this.#depth > deepestGroup + 1)
      throw new UnsupportedPattern(`it has more than ${deepestGroup} groups within each other`);
    const branches: Tree[] = [];
    let items: Tree[] = [];
    for (;;) {
      const next = this.#source[this.#at];
      if (next === undefined || next === ")" || next === "|") {
        branches.push({ kind: "sequence", items });
        items = [];
        this.#at++;
        if (next === "|") continue;
        this.#depth--;
        return branches.length === 1 ? branches[0]! : { kind: "choice", branches };
      }
      const groups = this.#opened + 1;
      items.push(this.#repeated(this.#item(next), groups));
    }
  }

  #item(next: string): Tree {
    switch (next) {
      case "^":
        return this.#edge("start", 1);
      case "$":
        return this.#edge("end", 1);
      case "(":
        return this.#group();
      case "[":
        return this.#characters(this.#match(/\[(?:\\[^]|[^\]\\])*\]/y));
      case "\\":
        return this.#escape();
      default:
        return this.#characters(
          String.fromCodePoint(this.#isUnicode ? this.#source.codePointAt(this.#at)! : next.charCodeAt(0)),
        );
    }
  }

  #group(): Tree {
    const opening = this.#match(/\((?:\?(?:[:=!]|<[=!]|<[^>]*>))?/y);
    if (opening === "(" && this.#source[this.#at + 1] === "?")
      throw new UnsupportedPattern("it changes its flags inside");
    this.#at += opening.length;
    const index = opening === "(" || opening.endsWith(">") ? ++this.#opened : undefined;
    const inner = this.read();
    if (index !== undefined) return { kind: "group", index, inner };
    return /[=!]$/.test(opening)
      ? { kind: "look", inner, behind: opening.includes("<"), negative: opening.endsWith("!") }
      : inner;
  }

  #escape(): Tree {
    const letter = this.#source[this.#at + 1]!;
    if (letter === "b" || letter === "B") return this.#edge(letter === "b" ? "word" : "notWord", 2);
    const digits = this.#match(/\\[1-9]\d*/y);
    if (digits !== "" && (this.#isUnicode || Number(digits.slice(1)) <= this.#groups))
      return this.#reference(digits, [Number(digits.slice(1))]);
    const named = letter === "k" && (this.#isUnicode || this.#names.size > 0) ? this.#match(/\\k<[^>]*>/y) : "";
    if (named !== "") return this.#reference(named, this.#names.get(named.slice(3, -1)) ?? []);
    const whole = this.#isUnicode
      ? this.#match(/\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u\{[\da-fA-F]+\}|[pP]\{[^}]*\})/y)
      : "";
    return this.#characters(
      whole ||
        this.#match(/\\(?:u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[A-Za-z]|[0-3][0-7]{0,2}|[4-7][0-7]?)/y) ||
        this.#match(this.#isUnicode ? /\\[^]/uy : /\\[^]/y),
    );
  }

  #repeated(item: Tree, firstGroup: number): Tree {
    const written = this.#match(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/y);
    if (written === "") return item;
    this.#at += written.length;
    const [, from, comma, to] = /^\{(\d+)(,?)(\d*)/.exec(written) ?? [];
    const [least, most] =
      from !== undefined
        ? [Number(from), comma === "" ? Number(from) : to === "" ? Infinity : Number(to)]
        : [written[0] === "+" ? 1 : 0, written[0] === "?" ? 1 : Infinity];
    return {
      kind: "repeat",
      item,
      least,
      most,
      isLazy: written.length > 1 && written.endsWith("?"),
      groups: [firstGroup, this.#opened + 1],
    };
  }

  #edge(edge: Edge, length: number): Tree {
    this.#at += length;
    return { kind: "edge", edge };
  }

  #reference(written: string, indexes: readonly number[]): Tree {
    if (this.#flags.includes("i")) throw new UnsupportedPattern("it refers back to a group in any case");
    this.#at += written.length;
    return { kind: "reference", indexes };
  }

  #characters(source: string): Tree {
    this.#at += source.length;
    let matches = this.#tests.get(source);
    if (matches === undefined) this.#tests.set(source, (matches = this.#test(source)));
    return { kind: "characters", matches };
  }

  /** A single character cannot backtrack, so JavaScript's RegExp can match it. */
  #test(source: string): (code: number) => boolean {
    const isPlain = !this.#flags.includes("i") && !/^[\\[.]/.test(source);
    return isPlain ? isCode(source.codePointAt(0)!) : remembered(new RegExp(`^${source}$`, this.#flags));
  }

  /** The text matched here; empty if none. */
  #match(expression: RegExp): string {
    expression.lastIndex = this.#at;
    return expression.exec(this.#source)?.[0] ?? "";
  }
}

const isCode =
  (wanted: number) =>
  (code: number): boolean =>
    code === wanted;

/** For the characters that come most often the answer is kept. */
function remembered(expression: RegExp): (code: number) => boolean {
  const answers = new Int8Array(128);
  return (code) => {
    if (code >= 128) return expression.test(String.fromCodePoint(code));
    if (answers[code] === 0) answers[code] = expression.test(String.fromCharCode(code)) ? 1 : -1;
    return answers[code] === 1;
  };
}

/** A text with access by code point or UTF-16 unit. */
export class PatternText {
  readonly text: string;
  readonly #isUnicode: boolean;

  /** `isUnicode`: characters are code points instead of UTF-16 units. */
  constructor(text: string, isUnicode: boolean) {
    this.text = text;
    this.#isUnicode = isUnicode;
  }

  /** The character behind or before a place; undefined at the ends. */
  character(at: number, direction: 1 | -1): number | undefined {
    if (direction === 1) {
      if (at >= this.text.length) return undefined;
      return this.#isUnicode ? this.text.codePointAt(at) : this.text.charCodeAt(at);
    }
    if (at <= 0) return undefined;
    const last = this.text.charCodeAt(at - 1);
    const isPair = this.#isUnicode && at > 1 && last >= 0xdc00 && last <= 0xdfff;
    const whole = isPair ? this.text.codePointAt(at - 2)! : last;
    return whole > 0xffff ? whole : last;
  }

  isEdge(edge: Edge, at: number): boolean {
    if (edge === "start") return at === 0;
    if (edge === "end") return at === this.text.length;
    return (isWord(this.text.charCodeAt(at - 1)) !== isWord(this.text.charCodeAt(at))) === (edge === "word");
  }
}

/** Ignores the few letters beyond ASCII that are word characters with the flags i and u. */
function isWord(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
}
