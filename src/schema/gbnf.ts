// llama.cpp's grammars (GBNF) as llguidance's dialect of Lark, character by character: each character is a lexeme of
// its own, so that no lexer decides which of two alternatives a text belongs to.

/** Whether a grammar is GBNF: it has a rule with `::=`. */
export const isGbnf = (text: string): boolean => /^[ \t]*[\w-]+[ \t]*::=/m.test(text);

/** An error with its position in the grammar. */
export class GbnfError extends Error {}

const deepestNesting = 200;
const mostRepetitions = 2_000;

/** @throws GbnfError */
export function gbnfToLark(text: string): string {
  return new Reader(text).grammar();
}

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** Names of rules and of character classes, in order of first use. */
  readonly #rules = new Map<string, string>();
  readonly #classes = new Map<string, string>();
  readonly #bodies = new Map<string, string>();

  constructor(text: string) {
    this.#text = text;
  }

  grammar(): string {
    this.#space(true);
    while (this.#at < this.#text.length) this.#rule();
    const missing = [...this.#rules.keys()].find((name) => !this.#bodies.has(name));
    if (missing !== undefined) throw new GbnfError(`there is no rule ${missing}`);
    if (!this.#bodies.has("root")) throw new GbnfError("there is no rule root");
    return (
      [
        `start: ${this.#ruleName("root")}`,
        ...[...this.#bodies].map(([name, body]) => `${this.#ruleName(name)}: ${body}`),
        ...[...this.#classes].map(([set, name]) => `${name}: /${set}/`),
      ].join("\n") + "\n"
    );
  }

  #rule(): void {
    const name = this.#name();
    this.#space(false);
    if (!this.#take("::=")) this.#fail("::=");
    this.#space(true);
    this.#bodies.set(name, this.#alternatives(false));
    if (this.#at < this.#text.length && !this.#take("\r\n") && !this.#take("\n") && !this.#take("\r"))
      this.#fail("the end of the rule");
    this.#space(true);
  }

  #alternatives(isNested: boolean): string {
    const alternatives = [this.#sequence(isNested)];
    while (this.#take("|")) {
      this.#space(true);
      alternatives.push(this.#sequence(isNested));
    }
    return alternatives.join(" | ");
  }

  #sequence(isNested: boolean): string {
    const items: string[] = [];
    for (;;) {
      const item = this.#item();
      if (item === undefined) return items.length === 0 ? '""' : items.join(" ");
      this.#space(isNested);
      items.push(this.#repeated(item, isNested));
    }
  }

  #item(): string | undefined {
    const next = this.#text[this.#at] ?? "";
    if (next === '"') return this.#literal();
    if (next === "[") return this.#class();
    if (next === "(") return this.#group();
    if (this.#take(".")) return this.#className("(?s:.)");
    if (next === "<" || next === "!")
      throw new GbnfError(
        `tokens (${JSON.stringify(this.#text.slice(this.#at, this.#at + 20))}) cannot be enforced: write their text`,
      );
    return /[\w-]/.test(next) ? this.#ruleName(this.#name()) : undefined;
  }

  #group(): string {
    if (++this.#depth > deepestNesting) throw new GbnfError(`it is nested deeper than ${deepestNesting} levels`);
    this.#at++;
    this.#space(true);
    const inner = this.#alternatives(true);
    if (!this.#take(")")) this.#fail(")");
    this.#depth--;
    return `(${inner})`;
  }

  #literal(): string {
    this.#at++;
    const characters: string[] = [];
    while (!this.#take('"')) characters.push(this.#className(escaped(this.#character())));
    return characters.length === 0 ? '""' : characters.length === 1 ? characters[0]! : `(${characters.join(" ")})`;
  }

  #class(): string {
    this.#at++;
    const isNegated = this.#take("^");
    let set = "";
    while (!this.#take("]")) {
      const first = this.#character();
      set += escaped(first);
      if (this.#text[this.#at] !== "-" || this.#text[this.#at + 1] === "]") continue;
      this.#at++;
      const last = this.#character();
      if (last < first) throw new GbnfError(`a range of characters goes backwards, before ${this.#here()}`);
      set += `-${escaped(last)}`;
    }
    if (set === "" && !isNegated) throw new GbnfError(`[] allows no character, before ${this.#here()}`);
    return this.#className(set === "" ? "(?s:.)" : `[${isNegated ? "^" : ""}${set}]`);
  }

  /** A code point, as literals and classes write it. */
  #character(): number {
    const point = this.#text.codePointAt(this.#at);
    if (point === undefined) throw new GbnfError("it ends inside a literal or a class");
    this.#at += point > 0xffff ? 2 : 1;
    if (point !== 0x5c) return this.#valid(point);
    const kind = this.#text[this.#at++] ?? "";
    const digits = { x: 2, u: 4, U: 8 }[kind];
    if (digits === undefined) {
      const simple = { n: 10, r: 13, t: 9 }[kind];
      if (simple !== undefined) return simple;
      if ('"[]\\'.includes(kind) && kind !== "") return kind.codePointAt(0)!;
      throw new GbnfError(`there is no escape \\${kind}`);
    }
    const hex = this.#text.slice(this.#at, this.#at + digits);
    this.#at += digits;
    if (!new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(hex))
      throw new GbnfError(
        `\\${kind} is followed by ${JSON.stringify(hex)}, which are not ${digits} hexadecimal digits`,
      );
    return this.#valid(Number.parseInt(hex, 16));
  }

  #valid(point: number): number {
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
      throw new GbnfError(`${point.toString(16)} is the code of no character`);
    return point;
  }

  #repeated(item: string, isNested: boolean): string {
    let result = item;
    for (;;) {
      const sign = /[*+?]/.exec(this.#text[this.#at] ?? "")?.[0] ?? this.#bounds();
      if (sign === undefined) return result;
      if (sign.length === 1) this.#at++;
      this.#space(isNested);
      result = `${result === item ? item : `(${result})`}${sign}`;
    }
  }

  #bounds(): string | undefined {
    const [text, least, comma, most] =
      /^\{\s*(\d{1,9})\s*(,)?\s*(\d{1,9})?\s*\}/.exec(this.#text.slice(this.#at, this.#at + 60)) ?? [];
    if (text === undefined || least === undefined) return undefined;
    if (Math.max(Number(least), Number(most ?? 0)) > mostRepetitions)
      throw new GbnfError(`${text} repeats more than ${mostRepetitions} times`);
    if (most !== undefined && Number(most) < Number(least))
      throw new GbnfError(`${text} has its bounds the wrong way round`);
    this.#at += text.length;
    return `{${Number(least)}${comma === undefined ? "" : `,${most === undefined ? "" : Number(most)}`}}`;
  }

  #ruleName(name: string): string {
    return named(this.#rules, name, "rule_");
  }

  #className(set: string): string {
    return named(this.#classes, set, "CHARACTER_");
  }

  #name(): string {
    const name = /^[\w-]+/.exec(this.#text.slice(this.#at, this.#at + 300))?.[0];
    if (name === undefined) return this.#fail("the name of a rule");
    this.#at += name.length;
    return name;
  }

  #take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** White space and comments. */
  #space(withNewlines: boolean): void {
    for (;;) {
      const next = this.#text[this.#at];
      if (next === "#") {
        while (this.#at < this.#text.length && !/[\r\n]/.test(this.#text[this.#at]!)) this.#at++;
      } else if (next === " " || next === "\t" || (withNewlines && (next === "\n" || next === "\r"))) {
        this.#at++;
      } else {
        return;
      }
    }
  }

  #fail(expected: string): never {
    throw new GbnfError(`expected ${expected} at ${this.#here()}`);
  }

  #here(): string {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return rest === "" ? "its end" : `line ${line}, ${JSON.stringify(rest)}`;
  }
}

function named(names: Map<string, string>, key: string, prefix: string): string {
  const name = names.get(key) ?? `${prefix}${names.size}`;
  names.set(key, name);
  return name;
}

const escaped = (point: number): string => `\\u{${point.toString(16)}}`;
