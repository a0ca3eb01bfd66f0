// JSON Schema as data: a checked copy of what the caller gave, and a walk over the schemas inside one.
import { describe, mismatch, type CaduceusError } from "../errors.js";
import type { WorkBudget } from "./work_budget.js";
import { isObject, setOwn } from "../json_object.js";

export type Dialect = "2020-12" | "draft-07";

/**
 * One thing that is wrong with a value: where, and what, in words that the model and the programmer both understand.
 */
export interface SchemaIssue {
  readonly path: string;
  readonly message: string;
}

/** A JSON Schema, draft 2020-12 or draft-07. At the top it must be an object, not `true` or `false`. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** Maximum nesting of objects and arrays in a schema; some 128 nested properties. */
export const maxSchemaDepth = 256;
/**
 * Maximum number of values in a schema, all levels together: reading so many takes some tens of milliseconds. 5,000
 * properties with descriptions have 25,000.
 */
export const maxSchemaValues = 30_000;
/** Maximum number of characters in the strings and keys of a schema. */
export const maxSchemaCharacters = 1_000_000;

export function invalidSchema(
  expected: string,
  where: string,
  received: string,
  options?: ErrorOptions,
): CaduceusError {
  return mismatch("INVALID_SCHEMA", { expected, place: shorten(where), received }, { ...options, param: where });
}

/** `.name` where that reads well, `["odd name"]` or `[3]` elsewhere. */
export function step(key: PropertyKey): string {
  if (typeof key === "number") return `[${key}]`;
  return /^[\w$-]+$/.test(String(key)) ? `.${String(key)}` : `[${JSON.stringify(String(key))}]`;
}

export function shorten(path: string): string {
  return path.length <= 160 ? path : `${path.slice(0, 80)} … ${path.slice(-79)}`;
}

/**
 * Copies a schema into plain objects, so that what the caller changes later changes nothing. Throws `INVALID_SCHEMA`,
 * naming the place, for anything that is not JSON, for cycles of objects (`$ref` is how schemas recur) and too many
 * levels, and `CONSTRAINT_TOO_COMPLEX` for what is too large. `budget` is charged for each value.
 */
export function copySchema(schema: unknown, name: string, budget?: WorkBudget): JsonSchema {
  if (!isObject(schema)) throw invalidSchema("a JSON Schema object", name, describe(schema));
  let values = 0;
  let characters = 0;
  const parents = new Set<object>();
  // The path to the current value, written out only for errors.
  const keys: PropertyKey[] = [];
  const here = () => name + keys.map(step).join("");
  const tooLarge = (most: string, received: string) =>
    mismatch("CONSTRAINT_TOO_COMPLEX", { expected: `a schema of at most ${most}`, place: name, received });
  const count = (text: string) => {
    characters += text.length;
    if (characters > maxSchemaCharacters)
      throw tooLarge(
        `${maxSchemaCharacters} characters`,
        `a larger schema; the limit is reached at ${shorten(here())}`,
      );
  };
  const copy = (value: unknown): unknown => {
    values++;
    budget?.spend();
    if (values > maxSchemaValues) throw tooLarge(`${maxSchemaValues} values`, "a larger schema");
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") {
      count(value);
      return value;
    }
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (typeof value !== "object") throw invalidSchema("a JSON value", here(), describe(value));
    if (parents.has(value))
      throw invalidSchema("a schema without cycles (use $ref)", here(), "an object that contains itself");
    if (parents.size >= maxSchemaDepth)
      throw invalidSchema(`at most ${maxSchemaDepth} levels of nesting (use $ref)`, here(), "more levels");
    parents.add(value);
    const result = Array.isArray(value) ? Array.from(value, (item, index) => copyAt(index, item)) : copyMembers(value);
    parents.delete(value);
    return result;
  };
  const copyAt = (key: PropertyKey, value: unknown): unknown => {
    keys.push(key);
    const result = copy(value);
    keys.pop();
    return result;
  };
  const copyMembers = (value: object): object => {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
      throw invalidSchema("a plain object", here(), describe(value));
    const result: Record<string, unknown> = {};
    const names = Object.keys(value);
    if (values + names.length > maxSchemaValues) throw tooLarge(`${maxSchemaValues} values`, "a larger schema");
    for (const key of names) {
      const member = (value as Readonly<Record<string, unknown>>)[key];
      if (member === undefined) continue;
      count(key);
      setOwn(result, key, copyAt(key, member));
    }
    return result;
  };
  const whole = copy(schema) as JsonSchema;
  plainJson.add(whole);
  return whole;
}

/** Objects known to be plain JSON that nobody changes: they are serialized without checking each value. */
export const plainJson = new WeakSet<object>();

const oneSchema = [
  "items",
  "additionalItems",
  "additionalProperties",
  "contains",
  "not",
  "if",
  "then",
  "else",
  "propertyNames",
  "unevaluatedItems",
  "unevaluatedProperties",
  "contentSchema",
];
const listsOfSchemas = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const mapsOfSchemas = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/**
 * Calls `visit` for a schema and every schema inside it, with the path to it; what stands under `const` or `enum` is
 * none.
 */
export function visitSchemas(
  schema: unknown,
  path: string,
  visit: (schema: Record<string, unknown>, path: string) => void,
): void {
  if (!isObject(schema)) return;
  visit(schema, path);
  eachInside(schema, (inner, keyword, key) =>
    visitSchemas(inner, path + step(keyword) + (key === undefined ? "" : step(key)), visit),
  );
}

const holders: ReadonlyMap<string, "one" | "list" | "map"> = new Map([
  ...listsOfSchemas.map((key) => [key, "list"] as const),
  ...oneSchema.map((key) => [key, "one"] as const),
  ...mapsOfSchemas.map((key) => [key, "map"] as const),
]);

/** Calls `visit` for each value in which a keyword of this schema holds schemas, with its path. */
export function eachInside(
  schema: Readonly<Record<string, unknown>>,
  visit: (inner: unknown, keyword: string, key?: string | number) => void,
): void {
  for (const keyword of Object.keys(schema)) {
    const kind = holders.get(keyword);
    const value = kind === undefined ? undefined : schema[keyword];
    if (Array.isArray(value) && (kind === "list" || keyword === "items"))
      value.forEach((item, index) => visit(item, keyword, index));
    else if (isObject(value) && kind === "map") for (const key of Object.keys(value)) visit(value[key], keyword, key);
    else if (kind === "one") visit(value, keyword);
  }
}
