// A schema in GBNF, with Python's spacing and the properties in their order. What GBNF cannot say makes the grammar
// wider, never narrower: all of it is checked again when the answer is there.
import { CaduceusError } from "../../../errors.js";
import { isObject } from "../../../json_object.js";
import type { EnforcedSchema, WidenedKeyword } from "../../engine.js";
import { type GbnfRules, literal, mostRepeats, repeated } from "./gbnf_rules.js";
import { boundedInteger, bounds, integerRange } from "./integer_gbnf.js";
import { mergedSchemas } from "./merged_schemas.js";
import { canExclude, otherName } from "./names_gbnf.js";
import { patternGbnf } from "./pattern_gbnf.js";
import { RecursiveRules } from "./recursive_rules.js";

type Node = Readonly<Record<string, unknown>>;

const types = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
type Type = (typeof types)[number];

const integer = '"-"? ("0" | [1-9] [0-9]{0,15})';
const number = `${integer} ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?`;
const character = '([^"\\\\\\x00-\\x1f\\x7f] | "\\\\" (["\\\\bfnrt] | "u00" [01] [0-9a-f]))';
/** Levels of a schema; beyond them any value may be. */
const deepest = 200;
/** Schemas that are looked at: those that are put together may multiply. */
const mostSchemas = 20_000;
/** Characters of those. */
const mostText = 20_000_000;

type SchemaPath = WidenedKeyword["path"];
export type OnWidened = (path: SchemaPath, keyword: string, reason: string) => void;

const reasons = {
  number: "has no form in the server's grammars for numbers that may have decimals",
  multiple: "has no form in the server's grammars",
  pattern: "has no form in the server's grammars",
  beside: "is not enforced beside a pattern on this server",
  many: `is more than the ${mostRepeats} that the server's grammars count`,
  listed: "is not enforced beside a list of values on this server",
  count: "is not counted by the server's grammars",
  names: "cannot be told from the names of further properties on this server",
  twice: "stands in one place with another, which the server's grammars do not put together",
  deep: "is too deep for the server's grammars",
} as const;

export class SchemaGbnf {
  readonly #rules: GbnfRules;
  readonly #root: unknown;
  readonly #onWidened: OnWidened;
  /** Of references, by what they name, and of schemas that were put together, by their text. */
  readonly #recursive: RecursiveRules;
  #any: string | undefined;
  #depth = 0;
  #schemas = 0;
  #text = 0;

  /**
   * @param root the schema whose `$defs` its references name
   * @param onWidened is told of each keyword that the grammar does not say
   */
  constructor(rules: GbnfRules, root: EnforcedSchema, onWidened: OnWidened = () => {}) {
    this.#rules = rules;
    this.#recursive = new RecursiveRules(rules);
    this.#root = root;
    this.#onWidened = onWidened;
  }

  /** The name of a rule for values of the schema. `isObjects`: only for those that are objects. */
  write(schema: EnforcedSchema, isObjects = false): string {
    const whole = isObjects && isObject(schema) && !("type" in schema) ? { ...schema, type: "object" } : schema;
    let name: string | undefined;
    do name = this.#schema(whole, []);
    while (this.#recursive.renew());
    if (name !== undefined) return name;
    throw new CaduceusError("CONSTRAINT_INVALID", "The constraint cannot be enforced: the schema allows nothing.");
  }

  /** Undefined: no value fits. */
  #schema(schema: unknown, path: SchemaPath): string | undefined {
    if (schema === false) return undefined;
    if (!isObject(schema)) return this.#value();
    if (++this.#schemas > mostSchemas) throw tooComplex();
    if (++this.#depth > deepest) {
      this.#depth--;
      this.#onWidened(path, "*", reasons.deep);
      return this.#value();
    }
    try {
      return this.#place(schema, path);
    } finally {
      this.#depth--;
    }
  }

  /** All that holds in one place: references and alternatives are put together with what stands beside them. */
  #place(schema: Node, path: SchemaPath): string | undefined {
    const { $ref, allOf, anyOf, $defs: _, ...own } = schema;
    const beside = Object.keys(own).length > 0;
    if (typeof $ref === "string" && !beside && allOf === undefined && anyOf === undefined) return this.#reference($ref);
    const lose = (keyword: string) => this.#onWidened(path, keyword, reasons.twice);
    const all = [
      ...(typeof $ref === "string" ? [this.#target($ref)] : []),
      ...(Array.isArray(allOf) ? (allOf as unknown[]) : []),
    ];
    if (all.length > 0) {
      const here = { ...own, ...(anyOf === undefined ? {} : { anyOf }) };
      const places = Object.keys(here).length > 0 ? [here, ...all] : all;
      return this.#together(
        places.reduce((first, second) => mergedSchemas(first, second, lose)),
        path,
      );
    }
    if (Array.isArray(anyOf))
      return this.#oneOf(
        (anyOf as unknown[]).map((branch, index) => {
          const at = [...path, "anyOf", index];
          return beside ? this.#together(mergedSchemas(own, branch, lose), at) : this.#schema(branch, at);
        }),
      );
    return "const" in own || Array.isArray(own["enum"])
      ? this.#listed(own, path)
      : this.#oneOf(typesOf(own).map((type) => this.#typed(own, type, path)));
  }

  /** A schema that was put together: it may lead back to itself. */
  #together(schema: unknown, path: SchemaPath): string | undefined {
    if (!isObject(schema)) return this.#schema(schema, path);
    const key = JSON.stringify(schema);
    return this.#recursive.once(key, () => {
      this.#text += key.length;
      if (this.#text > mostText) throw tooComplex();
      return this.#schema(schema, path);
    });
  }

  #listed(own: Node, path: SchemaPath): string | undefined {
    const listed = [
      ...("const" in own ? [[own["const"]]] : []),
      ...(Array.isArray(own["enum"]) ? [own["enum"] as unknown[]] : []),
    ];
    const wanted = typesOf(own);
    const values = listed[0]!.filter(
      (value) =>
        wanted.some((type) => isOf(value, type)) &&
        isWithin(value, own) &&
        listed.every((list) => list.some((one) => JSON.stringify(one) === JSON.stringify(value))),
    );
    for (const keyword of Object.keys(own))
      if (values.some((value) => isUnclear(value, keyword))) this.#onWidened(path, keyword, reasons.listed);
    return this.#oneOf(values.map((value) => this.#rules.add(literal(spacedJson(value)))));
  }

  #oneOf(names: readonly (string | undefined)[]): string | undefined {
    const possible = [...new Set(names.filter((name) => name !== undefined))];
    if (possible.length < 2) return possible[0];
    return this.#rules.add(possible.join(" | "));
  }

  #target(reference: string): unknown {
    const name = /^#\/\$defs\/(.+)$/.exec(reference)?.[1];
    const definitions = isObject(this.#root) ? this.#root["$defs"] : undefined;
    return name !== undefined && isObject(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : true;
  }

  #reference(reference: string): string | undefined {
    const path = reference.split("/").slice(1);
    return this.#recursive.once(reference, () => this.#schema(this.#target(reference), path));
  }

  #typed(schema: Node, type: Type, path: SchemaPath): string | undefined {
    switch (type) {
      case "object":
        return this.#object(schema, path);
      case "array":
        return this.#array(schema, path);
      case "string":
        return this.#string(schema, path);
      case "integer":
        return this.#integer(schema, path);
      case "number":
        return this.#number(schema, path);
      case "boolean":
        return this.#rules.add('"true" | "false"');
      case "null":
        return this.#rules.add('"null"');
    }
  }

  #integer(schema: Node, path: SchemaPath): string | undefined {
    if (![undefined, 1].includes(schema["multipleOf"] as number)) this.#onWidened(path, "multipleOf", reasons.multiple);
    const range = integerRange(schema);
    if (range === undefined) {
      for (const bound of bounds) if (bound in schema) this.#onWidened(path, bound, reasons.multiple);
      return this.#rules.add(integer);
    }
    const rule = boundedInteger(range);
    return rule === undefined ? undefined : this.#rules.add(rule === "" ? integer : rule);
  }

  #number(schema: Node, path: SchemaPath): string {
    const isPositive = Number(schema["minimum"] ?? schema["exclusiveMinimum"] ?? -1) >= 0;
    for (const keyword of [...bounds, "multipleOf"])
      if (keyword in schema && !(keyword === "minimum" && schema[keyword] === 0))
        this.#onWidened(path, keyword, keyword === "multipleOf" ? reasons.multiple : reasons.number);
    return this.#rules.add(isPositive ? number.replace('"-"? ', "") : number);
  }

  #string(schema: Node, path: SchemaPath): string | undefined {
    const { pattern, minLength, maxLength } = schema;
    const body = typeof pattern === "string" ? patternGbnf(pattern, true) : undefined;
    const count = (value: unknown) =>
      typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
    const lengths = { minLength: count(minLength) ?? 0, maxLength: count(maxLength) };
    if (lengths.minLength > (lengths.maxLength ?? Infinity)) return undefined;
    for (const [keyword, length] of Object.entries(lengths)) {
      if (length === undefined || (keyword === "minLength" && length === 0)) continue;
      if (body !== undefined) this.#onWidened(path, keyword, reasons.beside);
      else if (length > mostRepeats) this.#onWidened(path, keyword, reasons.many);
    }
    if (body !== undefined) return this.#rules.add(`"\\"" (${body}) "\\""`);
    if (pattern !== undefined) this.#onWidened(path, "pattern", reasons.pattern);
    const one = this.#rules.add(character);
    return this.#rules.add(`"\\"" ${repeated(one, lengths.minLength, lengths.maxLength)} "\\""`);
  }

  #array({ prefixItems, items, minItems, maxItems }: Node, path: SchemaPath): string | undefined {
    const first = (Array.isArray(prefixItems) ? (prefixItems as unknown[]) : []).map((item, index) =>
      this.#schema(item, [...path, "prefixItems", index]),
    );
    const rest = items === false ? undefined : this.#schema(items ?? true, [...path, "items"]);
    for (const [keyword, count] of Object.entries({ minItems, maxItems }))
      if (Number(count) > mostRepeats) this.#onWidened(path, keyword, reasons.many);
    const least = typeof minItems === "number" ? minItems : 0;
    const most = typeof maxItems === "number" ? maxItems : undefined;
    if (least > (most ?? Infinity)) return undefined;
    // Rules for what follows `count` items, from the last place to the first.
    const known = first.indexOf(undefined);
    const tuple = first.slice(0, known < 0 ? undefined : known);
    const after = Math.max(0, least - tuple.length);
    const left = most === undefined ? undefined : Math.max(0, most - tuple.length);
    if ((rest === undefined || known >= 0) && after > 0) return undefined;
    const comma = '", "';
    const canGoOn = rest !== undefined && known < 0 && left !== 0;
    if (tuple.length === 0) {
      if (!canGoOn) return this.#rules.add('"[]"');
      const more = `${rest} ${repeated(`(${comma} ${rest})`, Math.max(0, after - 1), left === undefined ? undefined : left - 1)}`;
      return this.#rules.add(after > 0 ? `"[" ${more} "]"` : `"[" (${more})? "]"`);
    }
    let tail = canGoOn ? repeated(`(${comma} ${rest})`, after, left) : '""';
    for (let index = tuple.length - 1; index >= 0; index--) {
      const item = `${index === 0 ? "" : `${comma} `}${tuple[index]} ${tail}`;
      tail = index < least ? item : `(${item})?`;
      if (most !== undefined && index >= most) tail = '""';
    }
    return this.#rules.add(`"[" ${tail} "]"`);
  }

  #object(schema: Node, path: SchemaPath): string | undefined {
    const { properties, required, additionalProperties, patternProperties, minProperties, maxProperties } = schema;
    const needed = new Set(Array.isArray(required) ? (required as unknown[]) : []);
    const named = isObject(properties) ? Object.entries(properties) : [];
    const others = [...needed].filter(
      (name) => typeof name === "string" && !named.some(([one]) => one === name),
    ) as string[];
    const rest = additionalProperties ?? true;
    const all = [...named, ...others.map((name) => [name, rest] as const)];
    const names = all.map(([name]) => name);
    const extra = this.#extra(rest, patternProperties, names, path);
    const hasAll = extra === undefined && names.every((name) => needed.has(name));
    for (const [keyword, count] of Object.entries({ minProperties, maxProperties }))
      if (count !== undefined && !(keyword === "minProperties" && Number(count) <= needed.size) && !hasAll)
        this.#onWidened(path, keyword, reasons.count);
    if (hasAll && (names.length < Number(minProperties ?? 0) || names.length > Number(maxProperties ?? Infinity)))
      return undefined;
    // What follows the property before, and the same where none was written yet: from the last to the first.
    let tail = extra === undefined ? '""' : `(", " ${extra})*`;
    let start = extra === undefined ? '""' : `(${extra} (", " ${extra})*)?`;
    for (const [name, inner] of all.reverse()) {
      const isDeclared = isObject(properties) && Object.hasOwn(properties, name);
      const value = this.#schema(inner, [...path, ...(isDeclared ? ["properties", name] : ["additionalProperties"])]);
      const isNeeded = needed.has(name);
      if (value === undefined && isNeeded) return undefined;
      if (value === undefined) continue;
      const property = `${literal(`${JSON.stringify(name)}: `)} ${value}`;
      const behind = this.#rules.add(tail);
      const before = isNeeded ? undefined : this.#rules.add(start);
      start = isNeeded ? `${property} ${behind}` : `${property} ${behind} | ${before}`;
      tail = isNeeded ? `", " ${property} ${behind}` : `(", " ${property})? ${behind}`;
    }
    return this.#rules.add(`"{" ${this.#rules.add(start)} "}"`);
  }

  /** A property that is not declared; undefined where there is none. */
  #extra(rest: unknown, patterns: unknown, names: readonly string[], path: SchemaPath): string | undefined {
    const given = isObject(patterns) ? Object.entries(patterns) : [];
    const one = this.#rules.add(character);
    const named = given.map(([pattern, inner], index) => {
      const value = this.#schema(inner, [...path, "patternProperties", index]);
      const name = patternGbnf(pattern, true);
      // A name that matches may be taken for a further one.
      if (name === undefined || rest !== false) this.#onWidened(path, "patternProperties", reasons.names);
      return value && this.#rules.add(`"\\"" ${name === undefined ? `${one}*` : `(${name})`} "\\": " ${value}`);
    });
    const value = this.#schema(rest, [...path, "additionalProperties"]);
    if (value === undefined) return this.#oneOf(named);
    const isApart = canExclude(names);
    if (!isApart) this.#onWidened(path, "properties", reasons.names);
    const name = isApart && names.length > 0 ? otherName(names, one, this.#rules) : `"\\"" ${one}* "\\""`;
    return this.#oneOf([...named, this.#rules.add(`${name} ": " ${value}`)]);
  }

  /** Any value. */
  #value(): string {
    if (this.#any !== undefined) return this.#any;
    this.#any = this.#rules.reserve();
    const text = this.#rules.add(`"\\"" ${this.#rules.add(character)}* "\\""`);
    const object = `"{" (${text} ": " ${this.#any} (", " ${text} ": " ${this.#any})*)? "}"`;
    const array = `"[" (${this.#any} (", " ${this.#any})*)? "]"`;
    this.#rules.set(
      this.#any,
      `${object} | ${array} | ${text} | ${this.#rules.add(number)} | "true" | "false" | "null"`,
    );
    return this.#any;
  }
}

/** Integers are numbers. */
function typesOf({ type }: Node): readonly Type[] {
  if (Array.isArray(type) && type.length === 0) return [];
  const given = types.filter((one) => one === type || (Array.isArray(type) && type.includes(one)));
  const all = given.length === 0 ? types : given;
  return all.includes("number") ? all.filter((one) => one !== "integer") : all;
}

function isOf(value: unknown, type: Type): boolean {
  if (value === null) return type === "null";
  if (Array.isArray(value)) return type === "array";
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

/** Of a value that is listed. */
function isWithin(value: unknown, schema: Node): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength } = schema;
  const isAtLeast = (one: number, least: unknown) => typeof least !== "number" || one >= least;
  const isAtMost = (one: number, most: unknown) => typeof most !== "number" || one <= most;
  if (typeof value === "number")
    return (
      isAtLeast(value, minimum) &&
      isAtMost(value, maximum) &&
      value !== exclusiveMinimum &&
      isAtLeast(value, exclusiveMinimum) &&
      value !== exclusiveMaximum &&
      isAtMost(value, exclusiveMaximum)
    );
  if (typeof value !== "string") return true;
  const { length } = [...value];
  return isAtLeast(length, minLength) && isAtMost(length, maxLength);
}

/** Whether a keyword may refuse a listed value, which is not looked at. */
function isUnclear(value: unknown, keyword: string): boolean {
  if (typeof value === "number") return keyword === "multipleOf";
  if (typeof value === "string") return keyword === "pattern";
  if (Array.isArray(value)) return ["items", "prefixItems", "minItems", "maxItems"].includes(keyword);
  return isObject(value) && objectKeywords.includes(keyword);
}

const objectKeywords = [
  ...["properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"],
];

const tooComplex = () =>
  new CaduceusError("CONSTRAINT_TOO_COMPLEX", "The schema is too large for a grammar of the server.");

/** JSON with Python's spacing. */
export function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, inner]) => `${JSON.stringify(name)}: ${spacedJson(inner)}`)
    .join(", ")}}`;
}
