// Schemas of every keyword that is enforced, from a seed: bounds and steps of all sizes, every format, patterns of
// every construct, objects, arrays, and several of them in one place.
import type { JsonSchema } from "../../../src/schema/read_schema.js";
import type { Random } from "./random_tools.js";

export const formats = [
  "date",
  "time",
  "date-time",
  "iso-time",
  "iso-date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uuid",
  "byte",
  "json-pointer",
  "relative-json-pointer",
  "uri",
  "uri-reference",
  "uri-template",
  "url",
  "iri",
  "iri-reference",
  "idn-email",
  "idn-hostname",
  "regex",
  "json-pointer-uri-fragment",
  "int32",
  "int64",
  "float",
  "double",
  "password",
  "binary",
];

const numbers = [
  0,
  1,
  -1,
  2,
  3,
  7,
  10,
  99,
  100,
  255,
  1000,
  -1000,
  0.1,
  0.5,
  -0.5,
  0.25,
  1.5,
  0.01,
  0.001,
  1e-7,
  3.14159,
  99.99,
  123456.789,
  1e6,
  1e9,
  1e15,
  2 ** 31,
  -(2 ** 31),
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  1e20,
  -1e300,
  1e-300,
  0.3,
  1 / 3,
  100.000001,
];
const steps = [
  1,
  2,
  3,
  5,
  7,
  10,
  12,
  100,
  1000,
  9999,
  10_000,
  65_536,
  0.1,
  0.2,
  0.3,
  0.5,
  0.25,
  0.01,
  0.05,
  0.07,
  0.001,
  0.125,
  1e-5,
  1e-6,
  1e-7,
  1e-10,
  1e-300,
  1.1,
  2.5,
  33.3,
  1e15,
  123.456,
  1 / 3,
];
const lengths = [0, 1, 2, 3, 5, 8, 40, 300];
const atoms = [
  "a",
  "b",
  "[a-c]",
  "[^a]",
  ".",
  "\\d",
  "\\D",
  "\\w",
  "\\W",
  "\\s",
  "\\S",
  "é",
  "日",
  "👍",
  "[👍a]",
  "\\u00e9",
  "\\u{1F44D}",
  "\\x41",
  "\\t",
  "\\/",
  "\\.",
  "-",
  '"',
  "\\\\",
  "[\\]x]",
  "[\\d-x]",
  "[ -~]",
  "\\cA",
  "\\0",
  "[^\\W\\d]",
  "[\\s\\S]",
  "\\n",
  "\\$",
  "\\p{L}",
  "\\-",
  "#",
  "&",
  "~",
  "<",
  "/",
  "%",
  "_",
  "[&&]",
  "[a--b]",
  "[~~]",
  "{",
  "}",
  "x{2",
  "[{]",
  "\\u2028",
  "\\ud83d\\udc4d",
];
const quantifiers = ["", "", "", "?", "{3}", "{0,2}", "??", "{1,4}"];
/** One of them in a pattern, or a checker that goes back and forth would never end. */
const endless = ["*", "+", "{2,}", "*?", "+?", "{1,40}"];
const names = [
  "a",
  "b",
  "city",
  "größe",
  "a b",
  "x-1",
  'q"d',
  "back\\slash",
  "👍",
  "",
  "__proto__",
  "constructor",
  "toString",
  "tab\t",
  "1",
  "10",
  "\u007f",
];

export class RandomSchemas {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  schema(): JsonSchema {
    const made = this.#any(0);
    return this.#random(6) === 0 && !("$defs" in made)
      ? { ...made, $schema: "http://json-schema.org/draft-07/schema#" }
      : made;
  }

  number(): JsonSchema {
    const random = this.#random;
    const schema: Record<string, unknown> = { type: this.#pick(["number", "number", "integer"]) };
    for (const keyword of ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])
      if (random(4) === 0) schema[keyword] = this.#number();
    if (random(3) === 0)
      schema["multipleOf"] = random(3) > 0 ? this.#pick(steps) : (1 + random(200)) / this.#pick([1, 1, 10, 100, 1000]);
    return schema;
  }

  string(): JsonSchema {
    const random = this.#random;
    const schema: Record<string, unknown> = { type: "string" };
    if (random(3) === 0) schema["minLength"] = this.#pick(lengths);
    if (random(2) === 0) schema["maxLength"] = this.#pick(lengths);
    if (random(2) === 0) [schema["pattern"], schema["maxLength"]] = [this.pattern(), 1 + random(60)];
    if (random(3) === 0) schema["format"] = this.#pick(formats);
    return schema;
  }

  pattern(depth = 0): string {
    const random = this.#random;
    const branch = () =>
      Array.from(
        { length: 1 + random(4) },
        () => (depth < 3 && random(5) === 0 ? this.#group(depth) : this.#pick(atoms)) + this.#pick(quantifiers),
      ).join("");
    const more = depth === 0 ? this.#pick(atoms) + this.#pick(endless) : "";
    const start = depth === 0 && random(2) === 0 ? "^" : "";
    const end = depth === 0 && random(2) === 0 ? "$" : "";
    return `${start}${Array.from({ length: random(4) === 0 ? 2 : 1 }, branch).join("|")}${more}${end}`;
  }

  #group(depth: number): string {
    return `${this.#pick(["(", "(?:", "(?<n>"])}${this.pattern(depth + 1)})`;
  }

  #any(depth: number): JsonSchema {
    const random = this.#random;
    switch (random(depth > 2 ? 6 : 14)) {
      case 0:
      case 1:
        return this.number();
      case 2:
      case 3:
        return this.string();
      case 4:
        return this.#pick<JsonSchema>([
          { type: "boolean" },
          { type: "null" },
          { type: ["integer", "null"], nullable: true },
          {},
          { type: "string", nullable: true },
          { type: "object" },
          { type: "array" },
        ]);
      case 5:
        return random(2) === 0
          ? { enum: Array.from({ length: 1 + random(5) }, () => this.#value(0)) }
          : { const: this.#value(0) };
      case 6:
      case 7:
      case 8:
        return this.#object(depth + 1);
      case 9:
        return this.#array(depth + 1);
      case 10:
        return { [this.#pick(["anyOf", "oneOf"])]: Array.from({ length: 1 + random(3) }, () => this.#any(depth + 1)) };
      case 11:
        return this.#together(depth + 1);
      case 12:
        return {
          ...this.number(),
          ...this.string(),
          type: this.#pick<unknown>([["string", "number"], ["string", "integer", "null"], undefined]) ?? [
            "string",
            "number",
          ],
        };
      default:
        return depth > 0
          ? this.#object(depth + 1)
          : {
              properties: { next: { $ref: "#/$defs/node" } },
              required: ["next"],
              $defs: {
                node: { anyOf: [{ type: "null" }, this.#object(2), { $ref: "#/$defs/leaf" }] },
                leaf: this.#any(2),
              },
            };
    }
  }

  /** Several schemas in one place, of one type, so that they have something in common. */
  #together(depth: number): JsonSchema {
    const make = this.#pick([
      () => this.number(),
      () => this.string(),
      () => this.#object(depth),
      () => this.#array(depth),
    ]);
    return this.#random(2) === 0
      ? { allOf: [make(), make()] }
      : { ...make(), [this.#pick(["allOf", "anyOf", "oneOf"])]: [make(), make()] };
  }

  #object(depth: number): JsonSchema {
    const random = this.#random;
    const properties: Record<string, unknown> = {};
    for (let n = random(5); n > 0; n--)
      Object.defineProperty(properties, this.#pick(names), {
        value: this.#any(depth + 1),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    const schema: Record<string, unknown> = { type: "object" };
    if (random(8) > 0) schema["properties"] = properties;
    if (random(3) > 0)
      schema["required"] = Object.keys(properties)
        .filter(() => random(2) === 0)
        .concat(random(8) === 0 ? ["missing"] : []);
    if (random(2) === 0)
      schema["additionalProperties"] = random(3) > 0 ? false : random(4) === 0 ? true : this.#any(depth + 1);
    if (random(6) === 0)
      schema["patternProperties"] = {
        [this.#pick(["^x", "^[a-f]{2,5}$", "\\d", "^x-|^y-", "é", this.pattern()])]: this.#any(depth + 1),
        ...(random(3) === 0 ? { "^q_": this.#any(depth + 1) } : {}),
      };
    if (random(8) === 0) schema["minProperties"] = random(4);
    if (random(8) === 0) schema["maxProperties"] = random(4);
    return schema;
  }

  #array(depth: number): JsonSchema {
    const random = this.#random;
    const schema: Record<string, unknown> = { type: "array" };
    if (random(4) > 0) schema["items"] = random(6) === 0 ? false : this.#any(depth + 1);
    if (random(3) === 0) schema["prefixItems"] = Array.from({ length: 1 + random(3) }, () => this.#any(depth + 1));
    if (random(3) === 0) schema["minItems"] = random(4);
    if (random(3) === 0) schema["maxItems"] = random(5);
    return schema;
  }

  #value(depth: number): unknown {
    const random = this.#random;
    switch (random(depth > 1 ? 4 : 6)) {
      case 0:
        return this.#number();
      case 1:
        return this.#pick(names);
      case 2:
        return this.#pick(["x", "\u0000", "\ud83d", "</tool_call>", "a\nb", "\u2028", "\\u0041", "é"]);
      case 3:
        return this.#pick([null, true, false]);
      case 4:
        return Array.from({ length: random(3) }, () => this.#value(depth + 1));
      default:
        return Object.fromEntries(Array.from({ length: random(3) }, () => [this.#pick(names), this.#value(depth + 1)]));
    }
  }

  #number(): number {
    const random = this.#random;
    return random(3) > 0 ? this.#pick(numbers) : (random(20_001) - 10_000) / this.#pick([1, 10, 1000, 1_000_000]);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random(list.length)] as T;
  }
}
