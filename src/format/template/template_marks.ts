// Separates a template's markup from callers' text, after both went through the same template.
//
// Before rendering, the characters in callers' strings that markers are made of (printable ASCII, and the two that
// DeepSeek's use) are replaced one by one by private-use characters; afterwards whatever is still ASCII came from the
// template. White space, quotes and backslashes stay, so that trimming and `tojson` do what they should, and lengths
// stay the same. What a template reads inside a message it no longer finds, with these exceptions: the tags of thinking
// in an assistant's own messages, and the words that switch thinking.
import type { PromptPart } from "../../engine/engine.js";
import { CaduceusError } from "../../errors.js";
import { isObject } from "../../json_object.js";

const beyondAscii = ["｜", "▁"].map((character) => character.charCodeAt(0));
const quote = 0x22;
const backslash = 0x5c;
const blockSize = 0x80;
/** Room for the stand-ins in Unicode's private-use area; the first block that occurs in no caller's string is taken. */
const blocks = Array.from({ length: (0xf900 - 0xe000) / blockSize }, (_, index) => 0xe000 + index * blockSize);

/** No marker of a template holds these: stand-ins, and everything that is not ASCII. */
const isBeyondMarkers = (unit: number) => unit >= 0x80 && !beyondAscii.includes(unit);

const switches = /\/(?:no_?)?think\b/;
const thinking = /<\/?think>|\/(?:no_?)?think\b/;
/** A marker somewhere in a stretch of the template: `<|im_end|>`, `</s>`, `[INST]`, and MiniMax's `]~b]` and `[e~[`. */
const marker = /<[^<>\s]+>|\[\/?[A-Za-z][^[\]\s"]*\]|\]~|\[e~\[/;

/** Every marker has one of these, and callers' own are hidden. */
const inMarkers = /[<[\]]/g;

/**
 * Keywords of JSON Schema, none of which is the name of a token. Of what stands under another key the key is hidden
 * too.
 */
const keywords = new Set([
  "$schema",
  "$id",
  "$anchor",
  "$ref",
  "$comment",
  "$vocabulary",
  "$dynamicRef",
  "$dynamicAnchor",
  "title",
  "description",
  "deprecated",
  "readOnly",
  "writeOnly",
  "nullable",
  "allOf",
  "anyOf",
  "oneOf",
  "not",
  "if",
  "then",
  "else",
  "items",
  "prefixItems",
  "additionalItems",
  "unevaluatedItems",
  "contains",
  "minContains",
  "maxContains",
  "minItems",
  "maxItems",
  "uniqueItems",
  "required",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "minProperties",
  "maxProperties",
  "minLength",
  "maxLength",
  "pattern",
  "contentEncoding",
  "contentMediaType",
  "contentSchema",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
]);
const keywordsOfNames = new Set([
  "properties",
  "patternProperties",
  "$defs",
  "definitions",
  "dependentSchemas",
  "dependentRequired",
  "dependencies",
]);
const keywordsOfValues = new Set(["default", "examples", "enum", "const", "example"]);
const words = new Set([
  "string",
  "number",
  "integer",
  "boolean",
  "object",
  "array",
  "null",
  "date-time",
  "date",
  "time",
  "duration",
  "email",
  "idn-email",
  "hostname",
  "idn-hostname",
  "ipv4",
  "ipv6",
  "uri",
  "uri-reference",
  "iri",
  "iri-reference",
  "uuid",
  "uri-template",
  "json-pointer",
  "relative-json-pointer",
  "regex",
  "int32",
  "int64",
  "float",
  "double",
  "byte",
  "binary",
  "password",
]);

export class Marks {
  readonly #block: number;

  /** `strings` are all that callers wrote; none of them may use the block that is chosen. */
  constructor(strings: Iterable<string>) {
    const used = new Set<number>();
    for (const text of strings) {
      for (const [character] of text.matchAll(/[\ue000-\uf8ff]/g))
        used.add(Math.floor((character.charCodeAt(0) - 0xe000) / blockSize));
    }
    const block = blocks.find((_, index) => !used.has(index));
    if (block === undefined)
      throw new CaduceusError(
        "INVALID_MESSAGES",
        "The messages use all of Unicode's private-use characters. The template needs some of them.",
        { param: "messages" },
      );
    this.#block = block;
  }

  /** Replaces what markers are made of. `keep: "thinking"` is for assistants' messages. */
  hide(text: string, keep: "nothing" | "switches" | "thinking" = "nothing"): string {
    if (keep === "nothing") return mapUnits(text, (unit) => this.#standIn(unit));
    const kept = keep === "thinking" ? thinking : switches;
    return text
      .split(new RegExp(`(${kept.source})`))
      .map((piece, index) => (index % 2 === 1 ? piece : this.hide(piece)))
      .join("");
  }

  /** Hides every string in a JSON value, keys included. */
  hideValue(value: unknown): unknown {
    if (typeof value === "string") return this.hide(value);
    if (Array.isArray(value)) return value.map((item) => this.hideValue(item));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [this.hide(key), this.hideValue(member)]));
  }

  /**
   * Hides what is the caller's in a JSON Schema: everything but the keywords and the words for types and formats, which
   * templates look up.
   */
  hideSchema(schema: unknown): unknown {
    if (typeof schema === "string") return this.hide(schema);
    if (Array.isArray(schema)) return schema.map((item) => this.hideSchema(item));
    if (typeof schema !== "object" || schema === null) return schema;
    return Object.fromEntries(
      Object.entries(schema).map(([key, member]: [string, unknown]) => {
        if (key === "type" || key === "format") return [key, this.#hideWord(member)];
        if (keywordsOfNames.has(key) && isObject(member)) {
          return [
            key,
            Object.fromEntries(
              Object.entries(member).map(([name, inner]) => [this.hide(name), this.hideSchema(inner)]),
            ),
          ];
        }
        if (keywordsOfValues.has(key)) return [key, this.hideValue(member)];
        return [keywords.has(key) ? key : this.hide(key), this.hideSchema(member)];
      }),
    );
  }

  #hideWord(word: unknown): unknown {
    if (Array.isArray(word)) return word.map((item) => this.#hideWord(item));
    return typeof word === "string" && words.has(word) ? word : this.hideValue(word);
  }

  /** Callers' characters as they were. */
  show(text: string): string {
    return mapUnits(text, (unit) => {
      const offset = unit - this.#block;
      return offset < 0 || offset >= blockSize ? unit : (beyondAscii[offset - 1] ?? offset);
    });
  }

  /**
   * The parts of a rendered prompt: control from the first marker of a template's stretch to its last, text everything
   * else, so that a role's name and the content after it tokenize as one.
   */
  parts(rendered: string): PromptPart[] {
    const parts: PromptPart[] = [];
    let text = "";
    const flush = () => {
      if (text !== "") parts.push({ text: this.show(text) });
      text = "";
    };
    const control = (markup: string) => {
      flush();
      parts.push({ control: markup });
    };
    // A `tojson` that escapes what is not ASCII has escaped stand-ins, which without it would have been ASCII.
    const unescaped = rendered.replace(/\\u([ef][\da-f]{3})/gi, (escape, digits: string) => {
      const code = Number.parseInt(digits, 16);
      return code >= this.#block && code < this.#block + blockSize ? String.fromCharCode(code) : escape;
    });
    let at = 0;
    inMarkers.lastIndex = 0;
    for (let found = inMarkers.exec(unescaped); found !== null; found = inMarkers.exec(unescaped)) {
      let from = found.index;
      let to = found.index + 1;
      while (from > at && !isBeyondMarkers(unescaped.charCodeAt(from - 1))) from--;
      while (to < unescaped.length && !isBeyondMarkers(unescaped.charCodeAt(to))) to++;
      inMarkers.lastIndex = to;
      const piece = unescaped.slice(from, to);
      const first = piece.search(marker);
      if (first === -1) continue;
      const last = Math.max(piece.lastIndexOf(">"), piece.lastIndexOf("]"), piece.lastIndexOf("["));
      text += unescaped.slice(at, from + first);
      control(piece.slice(first, last + 1));
      at = from + last + 1;
    }
    text += unescaped.slice(at);
    flush();
    return parts;
  }

  #standIn(unit: number): number {
    if (unit > 0x20 && unit < 0x7f) return unit === quote || unit === backslash ? unit : this.#block + unit;
    const beyond = beyondAscii.indexOf(unit);
    return beyond === -1 ? unit : this.#block + beyond + 1;
  }
}

/** Unit by unit, in memory: a function for each match costs seconds in 10 MB. */
function mapUnits(text: string, map: (unit: number) => number): string {
  const bytes = Buffer.from(text, "utf16le");
  for (let at = 0; at < bytes.length; at += 2) {
    const unit = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    const mapped = map(unit);
    bytes[at] = mapped & 0xff;
    bytes[at + 1] = mapped >> 8;
  }
  return bytes.toString("utf16le");
}
