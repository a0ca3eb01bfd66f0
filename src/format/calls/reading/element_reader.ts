// Reads arguments that are written as elements (`<a>1</a><b><item>x</item></b>`), and gives them as the JSON that they
// mean.
import type { ElementForm } from "../../../engine/call_format.js";
import { onlySchema, parameterTypes, referenced } from "../../../engine/parameter_kind.js";
import { isObject } from "../../../json_object.js";
import { heldBack } from "../common_text.js";
import { inString, leafValue } from "./leaf_value.js";
import { behindLiteral } from "./opening_matcher.js";
import { readSteps } from "./read_steps.js";

const longestName = 256;
const deepestLevel = 512;
const mostReferences = 16;

/** An object or a list that is being read. */
interface Level {
  readonly isList: boolean;
  readonly schema: unknown;
  count: number;
}

export class ElementReader {
  /** `done`: stopped before what follows the arguments. `failed`: stopped before what is no element. */
  status: "reading" | "done" | "failed" = "reading";
  readonly #form: ElementForm;
  readonly #behind: string;
  readonly #root: unknown;
  readonly #emit: (json: string) => void;
  readonly #levels: Level[];
  #state: "between" | "value" | "text" | "raw" | "closing" = "between";
  /** Of the element that is being read. */
  #schema: unknown;
  #types: ReadonlySet<string> = new Set();
  #raw = "";

  /** `behind` follows the arguments. `schema` is that of all of them. */
  constructor(form: ElementForm, behind: string, schema: unknown, emit: (json: string) => void) {
    this.#form = form;
    this.#behind = behind;
    this.#root = schema;
    this.#emit = emit;
    this.#levels = [{ isList: false, schema, count: 0 }];
    emit("{");
  }

  /** Reads from `at` on, and returns where what is left begins, which is to be given again with more. */
  read(text: string, at: number, isEnd: boolean): number {
    return readSteps(
      at,
      (from) => this.#step(text, from, isEnd),
      () => this.status === "reading",
    );
  }

  /** Undefined where more of the text has to come. */
  #step(text: string, at: number, isEnd: boolean): number | undefined {
    switch (this.#state) {
      case "between":
        return this.#between(text, at, isEnd);
      case "value":
        return this.#value(text, at, isEnd);
      case "text":
        return this.#text(text, at, (piece) => this.#emit(inString(piece)));
      case "raw":
        return this.#text(text, at, (piece) => (this.#raw += piece));
      case "closing":
        return this.#close(text, at);
    }
  }

  #finish(status: "done" | "failed", at: number): number {
    this.status = status;
    if (status === "done") this.#emit("}");
    return at;
  }

  /** Before an element of the innermost object or list, or its end. */
  #between(text: string, at: number, isEnd: boolean): number | undefined {
    if (this.#levels.length === 1) {
      const end = behindLiteral(text, at, this.#behind, isEnd);
      if (end === undefined) return undefined;
      if (end >= 0) return this.#finish("done", at);
    }
    const tag = behindLiteral(text, at, `${this.#form.prefix}<`, isEnd);
    if (tag === undefined || (tag === text.length && !isEnd)) return undefined;
    if (tag < 0) return this.#finish("failed", at);
    if (text[tag] === "/") {
      if (this.#levels.length === 1) return this.#finish("failed", at);
      this.#emit(this.#levels.pop()!.isList ? "]" : "}");
      this.#state = "closing";
      return tag + 1;
    }
    const name = this.#tagAt(text, tag);
    if (name === undefined) return isEnd || text.length - tag > longestName ? this.#finish("failed", at) : undefined;
    this.#begin(name);
    return tag + name.length + 1;
  }

  /** The name of a tag that is there whole. */
  #tagAt(text: string, at: number): string | undefined {
    return /^[^<>\n]{1,256}(?=>)/.exec(text.slice(at, at + longestName + 1))?.[0];
  }

  #begin(name: string): void {
    const level = this.#levels.at(-1)!;
    const comma = level.count++ > 0 ? ", " : "";
    this.#emit(level.isList ? comma : `${comma}${JSON.stringify(name)}: `);
    this.#schema = innerSchema(level, name);
    this.#types = parameterTypes(this.#schema, this.#root);
    this.#state = "value";
    if (this.#types.size !== 1 || !this.#types.has("string")) return;
    this.#emit('"');
    this.#state = "text";
  }

  #value(text: string, at: number, isEnd: boolean): number | undefined {
    const tag = behindLiteral(text, at, `${this.#form.prefix}<`, isEnd);
    if (tag === undefined || (tag === text.length && !isEnd)) return undefined;
    this.#raw = "";
    if (tag < 0 || text[tag] === "/") {
      this.#state = "raw";
      return at;
    }
    const name = this.#tagAt(text, tag);
    if (name === undefined) return isEnd || text.length - tag > longestName ? this.#finish("failed", at) : undefined;
    if (this.#levels.length >= deepestLevel) return this.#finish("failed", at);
    const isEither = this.#types.has("array") === this.#types.has("object");
    const isList = isEither ? name === this.#form.item : this.#types.has("array");
    const schema = this.#alternative(this.#schema, isList ? "array" : "object");
    this.#levels.push({ isList, schema, count: 0 });
    this.#emit(isList ? "[" : "{");
    this.#state = "between";
    return at;
  }

  /** Up to the tag that ends it. */
  #text(text: string, at: number, take: (piece: string) => void): number | undefined {
    const end = `${this.#form.prefix}</`;
    const found = text.indexOf(end, at);
    const to = found < 0 ? text.length - heldBack(text, end) : found;
    if (found < 0 && to <= at) return undefined;
    take(text.slice(at, to));
    if (found < 0) return to;
    if (this.#state === "text") this.#emit('"');
    else this.#emit(this.#raw.trim() === "" ? emptyValue(this.#types) : leafValue(this.#raw, this.#types));
    this.#state = "closing";
    return found + end.length;
  }

  /** Whatever name it has: nothing else can end here. */
  #close(text: string, at: number): number | undefined {
    const end = text.indexOf(">", at);
    if (end < 0) return text.length - at > longestName ? this.#finish("failed", at) : undefined;
    this.#state = "between";
    return end + 1;
  }

  /** The schema, or the one of its alternatives, that has this type. */
  #alternative(schema: unknown, type: string): unknown {
    let one = schema;
    for (let count = 0; count < mostReferences; count++) {
      one = onlySchema(one);
      if (!isObject(one)) return one;
      const { $ref, anyOf, oneOf } = one;
      const choices = Array.isArray(anyOf) ? anyOf : oneOf;
      if (typeof $ref === "string") one = referenced($ref, this.#root);
      else if (Array.isArray(choices)) one = choices.find((each) => parameterTypes(each, this.#root).has(type));
      else return one;
    }
    return undefined;
  }
}

function innerSchema({ isList, schema }: Level, name: string): unknown {
  if (!isObject(schema)) return undefined;
  const { properties, additionalProperties, items } = schema;
  if (isList) return items;
  return isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
}

/** What an element without a content is. */
function emptyValue(types: ReadonlySet<string>): string {
  if (types.has("string")) return '""';
  if (types.has("array")) return "[]";
  if (types.has("object")) return "{}";
  return "null";
}
