// Rules of a grammar in llama.cpp's GBNF.

/** llama.cpp writes repetitions out, and takes no more than 2,000. */
export const mostRepeats = 2_000;

export class GbnfRules {
  readonly #lines = new Map<string, string>();
  readonly #names = new Map<string, string>();
  #next = 0;

  /** The name of a rule with this body; the same body is one rule. */
  add(body: string): string {
    const known = this.#names.get(body);
    if (known !== undefined) return known;
    const name = this.reserve();
    this.set(name, body);
    this.#names.set(body, name);
    return name;
  }

  /** A name whose body is set later: it may lead back to itself. */
  reserve(): string {
    return `r${this.#next++}`;
  }

  set(name: string, body: string): void {
    this.#lines.set(name, body);
  }

  toString(): string {
    return [...this.#lines].map(([name, body]) => `${name} ::= ${body}\n`).join("");
  }
}

/** A text as it stands. */
export function literal(text: string): string {
  return `"${[...text].map((one) => (/["\\]/.test(one) ? `\\${one}` : isPlain(one) ? one : coded(one.codePointAt(0)!))).join("")}"`;
}

/** One of the characters, given as ranges of code points. */
export function characters(ranges: readonly (readonly [from: number, to: number])[]): string {
  const inClass = (code: number) => {
    const character = String.fromCodePoint(code);
    return /[A-Za-z0-9]/.test(character) ? character : coded(code);
  };
  return `[${ranges.map(([from, to]) => (from === to ? inClass(from) : `${inClass(from)}-${inClass(to)}`)).join("")}]`;
}

/** `most` undefined: without end. More than llama.cpp takes is without end, too. */
export function repeated(item: string, least: number, most: number | undefined): string {
  if (least > mostRepeats) return `${item}{${mostRepeats},}`;
  if (most === undefined || most > mostRepeats)
    return least === 0 ? `${item}*` : least === 1 ? `${item}+` : `${item}{${least},}`;
  return most === 0 ? '""' : `${item}{${least},${most}}`;
}

const isPlain = (character: string) => /[ -~]/.test(character);

function coded(code: number): string {
  const hex = code.toString(16);
  return code <= 0xff
    ? `\\x${hex.padStart(2, "0")}`
    : code <= 0xffff
      ? `\\u${hex.padStart(4, "0")}`
      : `\\U${hex.padStart(8, "0")}`;
}
