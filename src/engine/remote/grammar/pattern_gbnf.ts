// A regular expression, as src/schema/enforced writes them for engines, in GBNF: of the whole text, or between the
// quotes of a JSON string.
import { characters, literal, mostRepeats, repeated } from "./gbnf_rules.js";

type Range = readonly [from: number, to: number];

const last = 0x10ffff;
const escapes: ReadonlyMap<number, string> = new Map([
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x08, "\\b"],
  [0x0c, "\\f"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
]);

class NoForm extends Error {}

/** Undefined where GBNF has no form for it. `inJson`: the text stands between the quotes of a string. */
export function patternGbnf(pattern: string, inJson: boolean): string | undefined {
  const bare = /^\^\(\?:([\s\S]*)\)\$$/.exec(pattern)?.[1] ?? pattern;
  try {
    return new PatternReader(bare, inJson).read();
  } catch (error) {
    if (error instanceof NoForm) return undefined;
    throw error;
  }
}

class PatternReader {
  readonly #source: readonly string[];
  readonly #inJson: boolean;
  #at = 0;

  constructor(source: string, inJson: boolean) {
    this.#source = [...source];
    this.#inJson = inJson;
  }

  read(): string {
    const text = this.#branches();
    if (this.#at < this.#source.length) throw new NoForm();
    return text;
  }

  #branches(): string {
    const branches: string[] = [];
    for (;;) {
      const items: string[] = [];
      while (this.#at < this.#source.length && this.#peek() !== "|" && this.#peek() !== ")")
        items.push(this.#quantified());
      branches.push(items.length === 0 ? '""' : items.join(" "));
      if (this.#peek() !== "|") return branches.join(" | ");
      this.#at++;
    }
  }

  #quantified(): string {
    const item = this.#item();
    const next = this.#peek();
    const bounds =
      next === "{" ? /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.#source.slice(this.#at, this.#at + 24).join("")) : null;
    if (bounds !== null) {
      this.#at += bounds[0].length;
      const least = Number(bounds[1]);
      const most = bounds[2] === undefined ? least : bounds[3] === "" ? undefined : Number(bounds[3]);
      if (least > mostRepeats || (most ?? 0) > mostRepeats) throw new NoForm();
      return repeated(item, least, most);
    }
    if (next !== "*" && next !== "+" && next !== "?") return item;
    this.#at++;
    return item + next;
  }

  #item(): string {
    const character = this.#take();
    if (character === "(") {
      const opening = this.#source.slice(this.#at, this.#at + 4).join("");
      if (opening === "?s:.") {
        this.#at += 5;
        return this.#oneOf([[0, last]]);
      }
      if (!opening.startsWith("?:")) throw new NoForm();
      this.#at += 2;
      const inner = this.#branches();
      this.#at++;
      return `(${inner})`;
    }
    if (character === "[") return this.#oneOf(this.#class());
    if (character === ".") return this.#oneOf(complement([[0x0a, 0x0a]]));
    if (character === "^" || character === "$") throw new NoForm();
    const code = character === "\\" ? this.#escape() : character.codePointAt(0)!;
    return this.#oneOf([[code, code]]);
  }

  #class(): Range[] {
    const isNegated = this.#peek() === "^";
    if (isNegated) this.#at++;
    const ranges: Range[] = [];
    for (let next = this.#take(); next !== "]"; next = this.#take()) {
      const from = next === "\\" ? this.#escape() : next.codePointAt(0)!;
      if (this.#peek() !== "-" || this.#source[this.#at + 1] === "]") ranges.push([from, from]);
      else {
        this.#at++;
        const end = this.#take();
        ranges.push([from, end === "\\" ? this.#escape() : end.codePointAt(0)!]);
      }
    }
    return isNegated ? complement(ranges) : ranges;
  }

  /** Only code points are escaped; properties of Unicode have no form. */
  #escape(): number {
    const next = this.#take();
    if (next !== "x") {
      if (/[A-Za-z0-9]/.test(next)) throw new NoForm();
      return next.codePointAt(0)!;
    }
    const coded = /^\{([\da-fA-F]{1,6})\}/.exec(this.#source.slice(this.#at, this.#at + 8).join(""));
    if (coded === null) throw new NoForm();
    this.#at += coded[0].length;
    return Number.parseInt(coded[1]!, 16);
  }

  #oneOf(ranges: readonly Range[]): string {
    const plain = this.#inJson
      ? minus(ranges, [
          [0, 0x1f],
          [0x22, 0x22],
          [0x5c, 0x5c],
          [0x7f, 0x7f],
        ])
      : minus(ranges, [[0, 0]]);
    const found = this.#inJson
      ? [...escapes]
          .filter(([code]) => ranges.some(([from, to]) => from <= code && code <= to))
          .map(([, text]) => literal(text))
      : [];
    const all = [...(plain.length === 0 ? [] : [characters(plain)]), ...found];
    if (all.length === 0) throw new NoForm();
    return all.length === 1 ? all[0]! : `(${all.join(" | ")})`;
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #take(): string {
    const character = this.#source[this.#at++];
    if (character === undefined) throw new NoForm();
    return character;
  }
}

/** Surrogates are no characters. */
const complement = (ranges: readonly Range[]): Range[] =>
  minus(
    [
      [0, 0xd7ff],
      [0xe000, last],
    ],
    ranges,
  );

function minus(ranges: readonly Range[], others: readonly Range[]): Range[] {
  return others.reduce<Range[]>(
    (left, [low, high]) =>
      left.flatMap(([from, to]): Range[] => {
        if (high < from || low > to) return [[from, to]];
        const pieces: Range[] = [
          [from, low - 1],
          [high + 1, to],
        ];
        return pieces.filter(([first, end]) => first <= end);
      }),
    [...ranges],
  );
}
