// Whether no value satisfies both of two schemas. Then "exactly one of them" is the same as "one of them", which an engine can
// enforce. False where it cannot be told.
import { isObject } from "./json_schema.js";
import type { SchemaReferences } from "./schema_references.js";

const everyType = ["null", "boolean", "number", "string", "array", "object"];
const deepest = 8;

export function areDisjoint(a: unknown, b: unknown, references: SchemaReferences, depth = 0): boolean {
  if (a === false || b === false) return true;
  if (!isObject(a) || !isObject(b) || depth > deepest) return false;
  for (const [one, another] of [[a, b], [b, a]] as const) {
    const target = typeof one["$ref"] === "string" ? references.resolve(one["$ref"])?.schema : undefined;
    // What stands beside a reference narrows it further: disjoint either way is disjoint.
    if (target !== undefined && areDisjoint(target, another, references, depth + 1)) return true;
  }
  const [typesOfA, typesOfB] = [typesOf(a), typesOf(b)];
  const shared = typesOfA.filter((type) => typesOfB.includes(type));
  if (shared.length === 0) return true;
  const [valuesOfA, valuesOfB] = [valuesOf(a), valuesOf(b)];
  if (valuesOfA !== undefined && valuesOfB !== undefined) return !valuesOfA.some((value) => valuesOfB.includes(value));
  return shared.length === 1 && shared[0] === "object" && areDisjointObjects(a, b, references, depth);
}

/** A property that one of them requires, and that the two read differently. */
function areDisjointObjects(a: Record<string, unknown>, b: Record<string, unknown>, references: SchemaReferences, depth: number): boolean {
  const required = [a, b].flatMap(({ required: names }) => (Array.isArray(names) ? names as unknown[] : []));
  return required.some((name) => typeof name === "string" && areDisjoint(property(a, name), property(b, name), references, depth + 1));
}

function property(schema: Record<string, unknown>, name: string): unknown {
  const { properties, patternProperties, additionalProperties } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  return additionalProperties === false && patternProperties === undefined ? false : true;
}

/** A whole number is a number. */
function typesOf({ type, nullable, ...schema }: Record<string, unknown>): string[] {
  const values = valuesOf(schema);
  if (values !== undefined) return [...new Set(values.map((value) => typeOf(JSON.parse(value))))];
  if (type === undefined) return everyType;
  const named = [type].flat().map((one) => (one === "integer" ? "number" : String(one)));
  return nullable === true ? [...named, "null"] : named;
}

function valuesOf(schema: Record<string, unknown>): string[] | undefined {
  if ("const" in schema) return [canonical(schema["const"])];
  return Array.isArray(schema["enum"]) ? schema["enum"].map(canonical) : undefined;
}

const canonical = (value: unknown): string => JSON.stringify(value, (_, member: unknown) => (isObject(member)
  ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  : Object.is(member, -0) ? 0 : member));

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
