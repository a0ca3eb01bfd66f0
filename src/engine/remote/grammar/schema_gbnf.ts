// A schema in GBNF, with Python's spacing and the properties in their order. What GBNF cannot say makes the grammar
// wider, never narrower: all of it is checked again when the answer is there.
import { CaduceusError } from "../../../errors.js";
import { isObject } from "../../../json_object.js";
import type { EnforcedSchema } from "../../engine.js";
import { type GbnfRules, literal, repeated } from "./gbnf_rules.js";
import { boundedInteger } from "./integer_gbnf.js";
import { patternGbnf } from "./pattern_gbnf.js";

type Node = Readonly<Record<string, unknown>>;

const types = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
type Type = (typeof types)[number];

const integer = '"-"? ("0" | [1-9] [0-9]{0,15})';
const number = `${integer} ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?`;
const character = '([^"\\\\\\x00-\\x1f\\x7f] | "\\\\" (["\\\\bfnrt] | "u00" [01] [0-9a-f]))';
/** Digits of numbers that may be more than double precision holds. */
const deepest = 200;

export class SchemaGbnf {
  readonly #rules: GbnfRules;
  readonly #root: unknown;
  readonly #definitions = new Map<string, string | undefined>();
  #any: string | undefined;
  #depth = 0;

  /** @param root the schema whose `$defs` its references name */
  constructor(rules: GbnfRules, root: EnforcedSchema) {
    this.#rules = rules;
    this.#root = root;
  }

  /** The name of a rule for values of the schema. `isObjects`: only for those that are objects. */
  write(schema: EnforcedSchema, isObjects = false): string {
    const name = this.#schema(
      isObjects && isObject(schema) && !("type" in schema) ? { ...schema, type: "object" } : schema,
    );
    if (name !== undefined) return name;
    throw new CaduceusError("CONSTRAINT_INVALID", "The constraint cannot be enforced: the schema allows nothing.");
  }

  /** Undefined: no value fits. */
  #schema(schema: unknown): string | undefined {
    if (schema === false) return undefined;
    if (!isObject(schema)) return this.#value();
    if (++this.#depth > deepest) {
      this.#depth--;
      return this.#value();
    }
    try {
      return this.#place(schema);
    } finally {
      this.#depth--;
    }
  }

  /** All that holds in one place: references and alternatives are put together with what stands beside them. */
  #place(schema: Node): string | undefined {
    const { $ref, allOf, anyOf, ...own } = schema;
    const beside = Object.keys(own).some((key) => key !== "$defs");
    if (typeof $ref === "string" && !beside && allOf === undefined && anyOf === undefined) return this.#reference($ref);
    const all = [
      ...(typeof $ref === "string" ? [this.#target($ref)] : []),
      ...(Array.isArray(allOf) ? (allOf as unknown[]) : []),
    ];
    if (all.length > 0)
      return this.#schema(all.reduce<unknown>(merged, { ...own, ...(anyOf === undefined ? {} : { anyOf }) }));
    if (Array.isArray(anyOf))
      return this.#oneOf((anyOf as unknown[]).map((branch) => this.#schema(beside ? merged(own, branch) : branch)));
    if ("const" in own) return this.#rules.add(literal(spacedJson(own["const"])));
    if (Array.isArray(own["enum"])) {
      const wanted = typesOf(own);
      const values = (own["enum"] as unknown[]).filter((value) => wanted.some((type) => isOf(value, type)));
      return this.#oneOf(values.map((value) => this.#rules.add(literal(spacedJson(value)))));
    }
    return this.#oneOf(typesOf(own).map((type) => this.#typed(own, type)));
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
    if (this.#definitions.has(reference)) return this.#definitions.get(reference);
    const name = this.#rules.reserve();
    this.#definitions.set(reference, name);
    const body = this.#schema(this.#target(reference));
    if (body === undefined) {
      this.#definitions.set(reference, undefined);
      return undefined;
    }
    this.#rules.set(name, body);
    return name;
  }

  #typed(schema: Node, type: Type): string | undefined {
    switch (type) {
      case "object":
        return this.#object(schema);
      case "array":
        return this.#array(schema);
      case "string":
        return this.#string(schema);
      case "integer":
        return this.#rules.add(boundedInteger(schema) ?? integer);
      case "number":
        return this.#rules.add(
          Number(schema["minimum"] ?? schema["exclusiveMinimum"] ?? -1) >= 0 ? number.replace('"-"? ', "") : number,
        );
      case "boolean":
        return this.#rules.add('"true" | "false"');
      case "null":
        return this.#rules.add('"null"');
    }
  }

  #string(schema: Node): string {
    const { pattern, minLength, maxLength } = schema;
    const body = typeof pattern === "string" ? patternGbnf(pattern, true) : undefined;
    if (body !== undefined) return this.#rules.add(`"\\"" (${body}) "\\""`);
    const one = this.#rules.add(character);
    const count = (value: unknown) =>
      typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
    return this.#rules.add(`"\\"" ${repeated(one, count(minLength) ?? 0, count(maxLength))} "\\""`);
  }

  #array({ prefixItems, items, minItems, maxItems }: Node): string | undefined {
    const first = (Array.isArray(prefixItems) ? (prefixItems as unknown[]) : []).map((item) => this.#schema(item));
    const rest = items === false ? undefined : this.#schema(items ?? true);
    const least = typeof minItems === "number" ? minItems : 0;
    const most = typeof maxItems === "number" ? maxItems : undefined;
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

  #object({ properties, required, additionalProperties, patternProperties }: Node): string | undefined {
    const needed = new Set(Array.isArray(required) ? (required as unknown[]) : []);
    const named = isObject(properties) ? Object.entries(properties) : [];
    const others = [...needed].filter(
      (name) => typeof name === "string" && !named.some(([one]) => one === name),
    ) as string[];
    const rest = additionalProperties ?? true;
    const all = [...named, ...others.map((name) => [name, rest] as const)];
    const extra = this.#extra(rest, patternProperties);
    // What follows the property before, and the same where none was written yet: from the last to the first.
    let tail = extra === undefined ? '""' : `(", " ${extra})*`;
    let start = extra === undefined ? '""' : `(${extra} (", " ${extra})*)?`;
    for (const [name, inner] of all.reverse()) {
      const value = this.#schema(inner);
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
  #extra(rest: unknown, patterns: unknown): string | undefined {
    const named = (isObject(patterns) ? Object.entries(patterns) : []).map(([pattern, inner]) => {
      const value = this.#schema(inner);
      const name = patternGbnf(pattern, true);
      return (
        value &&
        this.#rules.add(`"\\"" ${name === undefined ? `${this.#rules.add(character)}*` : `(${name})`} "\\": " ${value}`)
      );
    });
    const value = this.#schema(rest);
    const other = value && this.#rules.add(`"\\"" ${this.#rules.add(character)}* "\\": " ${value}`);
    return this.#oneOf([...named, other]);
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

/** Both schemas in one place, as far as that can be written: what the second says of the same goes before. */
function merged(first: unknown, second: unknown): unknown {
  if (first === false || second === false) return false;
  if (!isObject(second)) return first;
  if (!isObject(first)) return second;
  const properties =
    isObject(first["properties"]) && isObject(second["properties"])
      ? { properties: { ...first["properties"], ...mergedEach(first["properties"], second["properties"]) } }
      : {};
  const required = [first["required"], second["required"]].filter(Array.isArray).flat();
  const closed = first["additionalProperties"] === false || second["additionalProperties"] === false;
  const allOf = [first["allOf"], second["allOf"]].filter(Array.isArray).flat();
  const both = Array.isArray(first["anyOf"]) && Array.isArray(second["anyOf"]) ? { anyOf: first["anyOf"] } : {};
  return {
    ...first,
    ...second,
    ...properties,
    ...both,
    ...(required.length === 0 ? {} : { required: [...new Set(required)] }),
    ...(closed ? { additionalProperties: false } : {}),
    ...(allOf.length === 0 ? {} : { allOf }),
  };
}

const mergedEach = (first: Node, second: Node) =>
  Object.fromEntries(
    Object.entries(second).map(([name, inner]) => [
      name,
      Object.hasOwn(first, name) ? merged(first[name], inner) : inner,
    ]),
  );

/** JSON with Python's spacing. */
export function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, inner]) => `${JSON.stringify(name)}: ${spacedJson(inner)}`)
    .join(", ")}}`;
}
