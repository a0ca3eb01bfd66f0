// Rewrites JavaScript's regular expressions so that a grammar engine reads them as JavaScript does: of the whole text,
// without anchors, with JavaScript's character classes written out. A pattern without such a form (lookaround,
// backreferences) is refused with the reason.

export type EnforcedPattern =
  | {
      /** Matches the whole text, and has no anchors. */
      readonly pattern: string;
      /** Why JavaScript still refuses some text that this pattern accepts. */
      readonly partly?: string | undefined;
    }
  | { readonly problem: string };

/** One piece of a branch. `anchored` says that an anchor stands somewhere inside it. */
interface Item {
  readonly text: string;
  readonly kind: "start" | "end" | "group" | "other";
  readonly branches?: readonly Item[][];
  readonly anchored: boolean;
}

class Unsupported extends Error {}

const any = "(?s:.)*";
const classes: Readonly<Record<string, string>> = {
  d: "0-9",
  w: "0-9A-Za-z_",
  s: "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}",
};
const controls: Readonly<Record<string, string>> = { t: "\t", n: "\n", v: "\v", f: "\f", r: "\r", 0: "\0" };

/** Engines write repetitions out: above this the expression itself becomes enormous. */
const mostRepeats = 100_000;

/** As for the keyword `pattern`, which may match anywhere in the text. */
export const anchored = (pattern: string) => `^(?:${pattern})$`;

/**
 * `search`: text that has the pattern somewhere, as JSON Schema means it. `whole`: text that is nothing but the
 * pattern.
 */
export function enforcedPattern(source: string, match: "search" | "whole"): EnforcedPattern {
  const isUnicode = compiles(source, "u");
  if (!isUnicode && !compiles(source, "")) return { problem: "it is no regular expression" };
  const reader = new PatternReader(source, isUnicode);
  try {
    const branches = reader.read();
    const edge = match === "search" ? any : "";
    return {
      pattern: whole(branches, edge),
      ...(reader.usesProperties ? { partly: "Unicode's properties differ between versions" } : {}),
    };
  } catch (error) {
    if (error instanceof Unsupported) return { problem: error.message };
    throw error;
  }
}

function compiles(source: string, flags: string): boolean {
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}

/** Every branch without its anchors, with `edge` in the place of missing ones. */
function whole(branches: readonly Item[][], edge: string): string {
  return branches
    .map((branch) => {
      const items = [...branch];
      let [before, after] = [edge, edge];
      while (items[0]?.kind === "start") items.shift(), (before = "");
      while (items.at(-1)?.kind === "end") items.pop(), (after = "");
      const [only] = items;
      if (items.length === 1 && only?.kind === "group" && only.anchored && before === edge && after === edge)
        return whole(only.branches ?? [], edge);
      if (items.some(({ anchored }) => anchored))
        throw new Unsupported("its anchors stand where they have no equivalent");
      return `${before}${items.map(({ text }) => text).join("")}${after}`;
    })
    .join("|");
}

class PatternReader {
  usesProperties = false;
  readonly #source: string;
  readonly #isUnicode: boolean;
  #at = 0;

  constructor(source: string, isUnicode: boolean) {
    this.#source = source;
    this.#isUnicode = isUnicode;
  }

  read(): Item[][] {
    return this.#branches();
  }

  #branches(): Item[][] {
    const branches: Item[][] = [[]];
    for (;;) {
      const next = this.#source[this.#at];
      if (next === undefined || next === ")") return branches;
      if (next === "|") {
        this.#at++;
        branches.push([]);
        continue;
      }
      branches.at(-1)!.push(this.#quantified(this.#item()));
    }
  }

  #item(): Item {
    const character = this.#take();
    switch (character) {
      case "^":
        return { text: "", kind: "start", anchored: true };
      case "$":
        return { text: "", kind: "end", anchored: true };
      case ".":
        this.#refuseUnits();
        return other("[^\\x{a}\\x{d}\\x{2028}\\x{2029}]");
      case "(":
        return this.#group();
      case "[":
        return other(this.#class());
      case "\\":
        return other(this.#escape(false));
      default:
        return other(literal(character));
    }
  }

  #group(): Item {
    const opening = /^\?(?::|<[^=!>][^>]*>)/.exec(this.#source.slice(this.#at));
    if (opening !== null) this.#at += opening[0].length;
    else if (this.#source[this.#at] === "?") throw new Unsupported("it looks ahead or behind");
    const branches = this.#branches();
    this.#at++;
    const anchored = branches.some((branch) => branch.some((item) => item.anchored));
    const text = `(?:${branches.map((branch) => branch.map((item) => item.text).join("")).join("|")})`;
    return { text, kind: "group", branches, anchored };
  }

  #quantified(item: Item): Item {
    const quantifier = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/.exec(this.#source.slice(this.#at));
    if (quantifier === null) return item;
    this.#at += quantifier[0].length;
    // A lazy quantifier matches the same texts.
    if (this.#source[this.#at] === "?") this.#at++;
    if (item.anchored) throw new Unsupported("it repeats an anchor");
    if (Number(quantifier[1] ?? 0) > mostRepeats || Number(quantifier[3] ?? 0) > mostRepeats)
      throw new Unsupported(`it repeats something more than ${mostRepeats} times`);
    const whole = item.kind === "group" || item.text.startsWith("[") ? item.text : `(?:${item.text})`;
    return { text: `${whole}${quantifier[0]}`, kind: "other", anchored: false };
  }

  #class(): string {
    const isNegated = this.#source[this.#at] === "^";
    if (isNegated) {
      this.#at++;
      this.#refuseUnits();
    }
    let members = "";
    for (let next = this.#take(); next !== "]"; next = this.#take()) {
      const from = next === "\\" ? this.#escape(true) : literal(next);
      const rest = this.#source.slice(this.#at);
      const isRange = rest.startsWith("-") && !rest.startsWith("-]");
      if (
        !isRange ||
        from.startsWith("[") ||
        from.startsWith("\\p") ||
        from.startsWith("\\P") ||
        this.#isClassAhead()
      ) {
        members += from;
        continue;
      }
      this.#at++;
      const end = this.#take();
      members += `${from}-${end === "\\" ? this.#escape(true) : literal(end)}`;
    }
    if (members === "") {
      if (isNegated) return "(?s:.)";
      throw new Unsupported("it has a class that nothing belongs to");
    }
    return `[${isNegated ? "^" : ""}${members}]`;
  }

  /** Without the flag u, `[a-\d]` is three members. */
  #isClassAhead(): boolean {
    return /^-\\[dwsDWSpP]/.test(this.#source.slice(this.#at));
  }

  #escape(inClass: boolean): string {
    const character = this.#take();
    const named = classes[character.toLowerCase()];
    if (named !== undefined) {
      if (character !== character.toLowerCase()) {
        this.#refuseUnits();
        return `[^${named}]`;
      }
      return `[${named}]`;
    }
    if (inClass && character === "b") return literal("\b");
    if (/[bBk1-9]/.test(character))
      throw new Unsupported(
        /[bB]/.test(character) ? "it asks for the boundary of a word" : "it refers back to a group",
      );
    if (/[pP]/.test(character) && this.#isUnicode) {
      const property = /^\{[^}]*\}/.exec(this.#source.slice(this.#at))?.[0] ?? "";
      if (!/^\{[A-Z][a-z]?\}$/.test(property)) throw new Unsupported(`it uses the property ${property}`);
      this.#at += property.length;
      this.usesProperties = true;
      return `\\${character}${property}`;
    }
    const control = controls[character];
    if (control !== undefined) return literal(control);
    const rest = this.#source.slice(this.#at);
    const coded =
      character === "x"
        ? /^[\da-fA-F]{2}/.exec(rest)?.[0]
        : character === "u"
          ? (this.#isUnicode ? /^(?:[\da-fA-F]{4}|\{[\da-fA-F]+\})/ : /^[\da-fA-F]{4}/).exec(rest)?.[0]
          : undefined;
    if (coded !== undefined) {
      this.#at += coded.length;
      return this.#unit(Number.parseInt(coded.replace(/[{}]/g, ""), 16));
    }
    if (character === "c" && /^[A-Za-z]/.test(rest)) {
      this.#at++;
      return literal(String.fromCharCode(rest.charCodeAt(0) % 32));
    }
    return literal(character);
  }

  /** Two escaped surrogates are one character. */
  #unit(code: number): string {
    if (code < 0xd800 || code > 0xdfff) return literal(String.fromCodePoint(code));
    const second = /^\\u(d[c-f][\da-f]{2})/i.exec(this.#source.slice(this.#at));
    if (code > 0xdbff || second === null || !this.#isUnicode) throw new Unsupported("it has half a character");
    this.#at += second[0].length;
    return literal(String.fromCharCode(code, Number.parseInt(second[1] as string, 16)));
  }

  #take(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined) throw new Unsupported("it ends too early");
    if (code > 0xffff) this.#refuseUnits();
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    return character;
  }

  /** Without the flag u, JavaScript counts two units where an engine counts one character. */
  #refuseUnits(): void {
    if (!this.#isUnicode)
      throw new Unsupported("it is only valid without the flag u, and then counts in half characters");
  }
}

const other = (text: string): Item => ({ text, kind: "other", anchored: false });

/** A character that means only itself. */
function literal(character: string): string {
  return /^[A-Za-z0-9]$/.test(character) ? character : `\\x{${character.codePointAt(0)!.toString(16)}}`;
}
