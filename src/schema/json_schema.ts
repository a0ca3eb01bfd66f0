// JSON Schema as data: a checked copy of what the caller gave, and a walk over the schemas inside one.
import { CaduceusError, describe } from "../errors.js";

/** A JSON Schema, draft 2020-12 or draft-07. Only objects are taken, not the schemas `true` and `false`, at the top. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** Levels of objects and arrays in a schema; some 128 nested properties. The checker's generated code grows faster than that. */
export const maxSchemaDepth = 256;
/** Values in a schema, all levels together. */
export const maxSchemaValues = 50_000;
/** Characters in the strings and keys of a schema. */
export const maxSchemaCharacters = 1_000_000;

export function invalidSchema(expected: string, where: string, received: string, options?: ErrorOptions): CaduceusError {
  return new CaduceusError("INVALID_SCHEMA", `Expected ${expected} for ${shorten(where)} but received ${received}.`, options);
}

/** `.name` where that reads well, `["odd name"]` or `[3]` elsewhere. */
export function step(key: PropertyKey): string {
  if (typeof key === "number") return `[${key}]`;
  return /^[\w$-]+$/.test(String(key)) ? `.${String(key)}` : `[${JSON.stringify(String(key))}]`;
}

function shorten(path: string): string {
  return path.length <= 160 ? path : `${path.slice(0, 80)} … ${path.slice(-79)}`;
}

/**
 * Copies a schema into plain objects, so that what the caller changes later changes nothing. Throws `INVALID_SCHEMA`, naming
 * the place, for anything that is not JSON, for cycles of objects (`$ref` is how schemas recur) and past the three limits.
 */
export function copySchema(schema: unknown, name: string): JsonSchema {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) throw invalidSchema("a JSON Schema object", name, describe(schema));
  let values = 0;
  let characters = 0;
  const parents: object[] = [];
  const count = (text: string, where: string) => {
    characters += text.length;
    if (characters > maxSchemaCharacters) throw invalidSchema(`a schema of at most ${maxSchemaCharacters} characters`, name, `more, beginning with ${shorten(where)}`);
  };
  const copy = (value: unknown, where: string): unknown => {
    values++;
    if (values > maxSchemaValues) throw invalidSchema(`a schema of at most ${maxSchemaValues} values`, name, "more");
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") {
      count(value, where);
      return value;
    }
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (typeof value !== "object") throw invalidSchema("a JSON value", where, describe(value));
    if (parents.includes(value)) throw invalidSchema("a schema without cycles (use $ref)", where, "an object that contains itself");
    if (parents.length >= maxSchemaDepth) throw invalidSchema(`at most ${maxSchemaDepth} levels of nesting (use $ref)`, where, "more");
    parents.push(value);
    const result = Array.isArray(value) ? value.map((item, index) => copy(item, where + step(index))) : copyMembers(value, where);
    parents.pop();
    return result;
  };
  const copyMembers = (value: object, where: string): object => {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) throw invalidSchema("a plain object", where, describe(value));
    const result = {};
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      count(key, where);
      put(result, key, copy(member, where + step(key)));
    }
    return result;
  };
  return copy(schema, name) as JsonSchema;
}

/** Sets an own property, also one called `__proto__`. */
export function put(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

const oneSchema = ["items", "additionalItems", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "contentSchema"];
const listsOfSchemas = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const mapsOfSchemas = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/** Calls `visit` for a schema and every schema inside it, with the path to it; what stands under `const` or `enum` is none. */
export function visitSchemas(schema: unknown, path: string, visit: (schema: Record<string, unknown>, path: string) => void): void {
  if (!isObject(schema)) return;
  visit(schema, path);
  const inside = (value: unknown, where: string) => visitSchemas(value, where, visit);
  for (const key of oneSchema) if (Object.hasOwn(schema, key)) inside(schema[key], path + step(key));
  for (const key of listsOfSchemas) {
    const list = Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (Array.isArray(list)) list.forEach((item, index) => inside(item, path + step(key) + step(index)));
  }
  for (const key of mapsOfSchemas) {
    const map = Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (isObject(map)) for (const [name, item] of Object.entries(map)) inside(item, path + step(key) + step(name));
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
