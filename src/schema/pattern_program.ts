// A regular expression of JavaScript as a program that can be run in all its states at once (pattern_matcher.ts), which takes
// time in proportion to the text. Only the structure is read here: what a single character may be (a class, an escape, a
// property of Unicode) stays JavaScript's own to say. No captures are kept, and so no back-references.

/** Why a pattern has no program. */
export class UnsupportedPattern extends Error {}

type Tree =
  | { readonly kind: "characters"; readonly source: string }
  | { readonly kind: "sequence"; readonly items: readonly Tree[] }
  | { readonly kind: "choice"; readonly branches: readonly Tree[] }
  | { readonly kind: "repeat"; readonly item: Tree; readonly least: number; readonly most: number }
  | { readonly kind: "edge"; readonly edge: "start" | "end" | "word" | "notWord" }
  | { readonly kind: "look"; readonly inner: Tree; readonly behind: boolean; readonly negative: boolean };

export type Instruction =
  | { readonly op: "character"; readonly matches: (code: number) => boolean }
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "edge"; readonly edge: "start" | "end" | "word" | "notWord" }
  | { readonly op: "look"; readonly program: Program; readonly behind: boolean; readonly negative: boolean }
  | { readonly op: "match" };

export interface Program {
  readonly code: readonly Instruction[];
  /** Characters are code points, not halves of them. */
  readonly isUnicode: boolean;
}

/** Instructions of a program: repetitions that are counted are written out. */
const longestProgram = 50_000;
/** Groups within groups. */
const deepestGroup = 250;

/** @throws UnsupportedPattern */
export function patternProgram({ source, flags, unicode }: RegExp): Program {
  if (/[^giu]/.test(flags)) throw new UnsupportedPattern(`has the flags ${flags}`);
  const tree = new TreeReader(source, unicode).read();
  return { code: new Compiler(unicode, flags.replace("g", "")).program(tree, false), isUnicode: unicode };
}

/** Reads an expression that JavaScript has compiled already, so that nothing here needs to be refused for its form. */
class TreeReader {
  readonly #source: string;
  readonly #isUnicode: boolean;
  readonly #groups: number;
  readonly #hasNames: boolean;
  #at = 0;
  #depth = 0;

  constructor(source: string, isUnicode: boolean) {
    this.#source = source;
    this.#isUnicode = isUnicode;
    const openings = [...source.replace(/\\[^]|\[(?:\\[^]|[^\]\\])*\]/g, "").matchAll(/\((?!\?)|\(\?<(?![=!])/g)];
    this.#groups = openings.length;
    this.#hasNames = openings.some(([opening]) => opening !== "(");
  }

  read(): Tree {
    if (++this.#depth > deepestGroup) throw new UnsupportedPattern(`has more than ${deepestGroup} groups within each other`);
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
      items.push(this.#repeated(this.#item(next)));
    }
  }

  #item(next: string): Tree {
    switch (next) {
      case "^": return this.#edge("start", 1);
      case "$": return this.#edge("end", 1);
      case "(": return this.#group();
      case "[": return this.#characters(this.#match(/\[(?:\\[^]|[^\]\\])*\]/y));
      case "\\": return this.#escape();
      default: return this.#characters(String.fromCodePoint(this.#isUnicode ? this.#source.codePointAt(this.#at)! : next.charCodeAt(0)));
    }
  }

  #group(): Tree {
    const opening = this.#match(/\((?:\?(?:[:=!]|<[=!]|<[^>]*>))?/y);
    if (opening === "(" && this.#source[this.#at + 1] === "?") throw new UnsupportedPattern("changes its flags inside");
    this.#at += opening.length;
    const inner = this.read();
    if (!/[=!]$/.test(opening)) return inner;
    return { kind: "look", inner, behind: opening.includes("<"), negative: opening.endsWith("!") };
  }

  #escape(): Tree {
    const letter = this.#source[this.#at + 1]!;
    if (letter === "b" || letter === "B") return this.#edge(letter === "b" ? "word" : "notWord", 2);
    const number = Number(this.#match(/\\([1-9]\d*)/y).slice(1));
    const refers = number > 0 ? this.#isUnicode || number <= this.#groups : letter === "k" && (this.#isUnicode || this.#hasNames);
    if (refers) throw new UnsupportedPattern("refers back to a group");
    const whole = this.#isUnicode ? this.#match(/\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u\{[\da-fA-F]+\}|[pP]\{[^}]*\})/y) : "";
    return this.#characters(whole || this.#match(/\\(?:u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[A-Za-z]|[0-3][0-7]{0,2}|[4-7][0-7]?)/y) || this.#match(this.#isUnicode ? /\\[^]/uy : /\\[^]/y));
  }

  #repeated(item: Tree): Tree {
    const written = this.#match(/(?:[*+?]|\{\d+(?:,\d*)?\})\??/y);
    if (written === "") return item;
    this.#at += written.length;
    const [, from, comma, to] = /^\{(\d+)(,?)(\d*)/.exec(written) ?? [];
    if (from === undefined) return { kind: "repeat", item, least: written[0] === "+" ? 1 : 0, most: written[0] === "?" ? 1 : Infinity };
    return { kind: "repeat", item, least: Number(from), most: comma === "" ? Number(from) : to === "" ? Infinity : Number(to) };
  }

  #edge(edge: "start" | "end" | "word" | "notWord", length: number): Tree {
    this.#at += length;
    return { kind: "edge", edge };
  }

  #characters(source: string): Tree {
    this.#at += source.length;
    return { kind: "characters", source };
  }

  /** What stands here; empty where it does not match. */
  #match(expression: RegExp): string {
    expression.lastIndex = this.#at;
    return expression.exec(this.#source)?.[0] ?? "";
  }
}

class Compiler {
  readonly #isUnicode: boolean;
  readonly #flags: string;
  readonly #tests = new Map<string, (code: number) => boolean>();
  #written = 0;

  constructor(isUnicode: boolean, flags: string) {
    this.#isUnicode = isUnicode;
    this.#flags = flags;
  }

  /** `backward`: for a text that is read from its end, as what stands behind is. */
  program(tree: Tree, backward: boolean): Instruction[] {
    const code: Instruction[] = [];
    this.#write(tree, backward, code);
    this.#push(code, { op: "match" });
    return code;
  }

  #write(tree: Tree, backward: boolean, code: Instruction[]): void {
    switch (tree.kind) {
      case "characters": return void this.#push(code, { op: "character", matches: this.#test(tree.source) });
      case "edge": return void this.#push(code, { op: "edge", edge: tree.edge });
      case "look":
        this.#push(code, { op: "look", program: { code: this.program(tree.inner, tree.behind), isUnicode: this.#isUnicode }, behind: tree.behind, negative: tree.negative });
        return;
      case "sequence":
        for (let index = 0; index < tree.items.length; index++) this.#write(tree.items[backward ? tree.items.length - 1 - index : index]!, backward, code);
        return;
      case "choice": return this.#choice(tree.branches, backward, code);
      case "repeat": return this.#repeat(tree.item, tree.least, tree.most, backward, code);
    }
  }

  #choice(branches: readonly Tree[], backward: boolean, code: Instruction[]): void {
    const ends: Extract<Instruction, { op: "jump" }>[] = [];
    branches.forEach((branch, index) => {
      const split = index < branches.length - 1 ? this.#push(code, { op: "split", first: code.length + 1, second: 0 }) : undefined;
      this.#write(branch, backward, code);
      if (split === undefined) return;
      ends.push(this.#push(code, { op: "jump", to: 0 }));
      split.second = code.length;
    });
    for (const end of ends) end.to = code.length;
  }

  #repeat(item: Tree, least: number, most: number, backward: boolean, code: Instruction[]): void {
    const copies = most === Infinity ? Math.max(0, least - 1) : least;
    for (let count = 0; count < copies; count++) this.#write(item, backward, code);
    if (most === Infinity) {
      const skip = least === 0 ? this.#push(code, { op: "split", first: code.length + 1, second: 0 }) : undefined;
      const start = code.length;
      this.#write(item, backward, code);
      this.#push(code, { op: "split", first: start, second: code.length + 1 });
      if (skip !== undefined) skip.second = code.length;
      return;
    }
    const skips: Extract<Instruction, { op: "split" }>[] = [];
    for (let count = least; count < most; count++) {
      skips.push(this.#push(code, { op: "split", first: code.length + 1, second: 0 }));
      this.#write(item, backward, code);
    }
    for (const skip of skips) skip.second = code.length;
  }

  #push<I extends Instruction>(code: Instruction[], instruction: I): I {
    if (++this.#written > longestProgram) throw new UnsupportedPattern("is too large");
    code.push(instruction);
    return instruction;
  }

  /** One character is nothing to go back in: JavaScript itself may say whether it is meant. */
  #test(source: string): (code: number) => boolean {
    const known = this.#tests.get(source);
    if (known !== undefined) return known;
    const isPlain = !this.#flags.includes("i") && !/^[\\[.]/.test(source);
    const test = isPlain ? isCode(source.codePointAt(0)!) : remembered(new RegExp(`^${source}$`, this.#flags));
    this.#tests.set(source, test);
    return test;
  }
}

const isCode = (wanted: number) => (code: number): boolean => code === wanted;

/** For the characters that come most often the answer is kept. */
function remembered(expression: RegExp): (code: number) => boolean {
  const answers = new Int8Array(128);
  return (code) => {
    if (code >= 128) return expression.test(String.fromCodePoint(code));
    if (answers[code] === 0) answers[code] = expression.test(String.fromCharCode(code)) ? 1 : -1;
    return answers[code] === 1;
  };
}
