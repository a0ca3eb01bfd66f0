// The form that the value of each keyword must have, in both dialects, and a walk over a schema that refuses others. It
// replaces the dialects' meta-schemas, with which checking 5,000 properties took a second.
import { describe } from "../../errors.js";
import { invalidSchema, step, type Dialect } from "../json_schema.js";
import type { CooperativeWork } from "../cooperative_work.js";
import { isObject } from "../../json_object.js";

type Form =
  | "schema"
  | "schemas"
  | "schema or schemas"
  | "map of schemas"
  | "map of schemas or names"
  | "map of names"
  | "number"
  | "positive number"
  | "count"
  | "string"
  | "boolean"
  | "array"
  | "names"
  | "types"
  | "pattern"
  | "map of patterns"
  | "reference"
  | "refused";

const both: Readonly<Record<string, Form>> = {
  $id: "string",
  $ref: "reference",
  $comment: "string",
  $async: "refused",
  definitions: "map of schemas",
  $defs: "map of schemas",
  allOf: "schemas",
  anyOf: "schemas",
  oneOf: "schemas",
  not: "schema",
  if: "schema",
  then: "schema",
  else: "schema",
  type: "types",
  enum: "array",
  multipleOf: "positive number",
  maximum: "number",
  exclusiveMaximum: "number",
  minimum: "number",
  exclusiveMinimum: "number",
  maxLength: "count",
  minLength: "count",
  pattern: "pattern",
  format: "string",
  contains: "schema",
  maxItems: "count",
  minItems: "count",
  uniqueItems: "boolean",
  properties: "map of schemas",
  patternProperties: "map of patterns",
  additionalProperties: "schema",
  propertyNames: "schema",
  maxProperties: "count",
  minProperties: "count",
  required: "names",
  dependencies: "map of schemas or names",
  title: "string",
  description: "string",
  readOnly: "boolean",
  writeOnly: "boolean",
  examples: "array",
  contentMediaType: "string",
  contentEncoding: "string",
};

const forms: Readonly<Record<Dialect, Readonly<Record<string, Form>>>> = {
  "draft-07": { ...both, items: "schema or schemas", additionalItems: "schema" },
  "2020-12": {
    ...both,
    items: "schema",
    prefixItems: "schemas",
    minContains: "count",
    maxContains: "count",
    dependentRequired: "map of names",
    dependentSchemas: "map of schemas",
    unevaluatedItems: "schema",
    unevaluatedProperties: "schema",
    $anchor: "string",
    $dynamicAnchor: "string",
    $dynamicRef: "string",
    deprecated: "boolean",
    contentSchema: "schema",
  },
};

const types: readonly unknown[] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/**
 * Patterns are Unicode expressions, as the standard says. Those that are only valid without that flag are accepted
 * too.
 */
export function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch {
    return new RegExp(source);
  }
}

type Visit = (schema: Record<string, unknown>, parent: Record<string, unknown> | undefined) => void;

/** Number of keywords, and of characters in names of `patternProperties`, that are checked in one time slice. */
const slice = 5_000;

const holdsSchemas: ReadonlySet<Form> = new Set<Form>([
  "schema",
  "schemas",
  "schema or schemas",
  "map of schemas",
  "map of schemas or names",
  "map of names",
  "map of patterns",
]);

/**
 * Calls `visit` for a schema and every one inside it, each before those inside.
 * @throws CaduceusError INVALID_SCHEMA, naming the place
 */
export function* checkForms(
  root: Readonly<Record<string, unknown>>,
  name: string,
  dialect: Dialect,
  visit: Visit,
): CooperativeWork<void> {
  // The path to the current schema, written out only for errors.
  const keys: (string | number)[] = [];
  let untilTurn = slice;
  try {
    yield* walk(root, undefined);
  } catch (error) {
    if (error instanceof WrongForm) throw invalidSchema(error.expected, name + keys.map(step).join(""), error.received);
    throw error;
  }

  function* walk(schema: unknown, parent: Record<string, unknown> | undefined): CooperativeWork<void> {
    if (typeof schema === "boolean") return;
    if (!isObject(schema)) throw new WrongForm("an object or boolean", schema);
    visit(schema, parent);
    // After an error the path keeps its keys, for the message.
    for (const keyword of Object.keys(schema)) {
      const form = Object.hasOwn(forms[dialect], keyword) ? forms[dialect][keyword] : undefined;
      if (form === undefined) continue;
      if (isTurn(1)) yield;
      keys.push(keyword);
      if (holdsSchemas.has(form)) yield* inside(form, schema[keyword], schema);
      else checkValue(form, schema[keyword]);
      keys.pop();
    }
  }

  /** The schemas or names inside the value of a keyword. */
  function* inside(form: Form, value: unknown, schema: Record<string, unknown>): CooperativeWork<void> {
    if (form === "schema" || (form === "schema or schemas" && !Array.isArray(value))) return yield* walk(value, schema);
    const isList = form === "schemas" || form === "schema or schemas";
    if (isList && !Array.isArray(value)) throw new WrongForm("an array", value);
    if (form === "schemas" && (value as unknown[]).length === 0)
      throw new WrongForm("an array with at least one schema", value);
    if (!isList && !isObject(value)) throw new WrongForm("an object", value);
    if (form === "map of patterns") yield* checkPatterns(Object.keys(value as object));
    for (const [key, member] of isList ? (value as unknown[]).entries() : Object.entries(value as object)) {
      keys.push(key);
      if (form === "map of names" || (form === "map of schemas or names" && Array.isArray(member))) checkNames(member);
      else yield* walk(member, schema);
      keys.pop();
    }
  }

  function* checkPatterns(sources: readonly string[]): CooperativeWork<void> {
    for (const source of sources) {
      if (isTurn(source.length)) yield;
      checkPattern(source);
    }
  }

  function isTurn(steps: number): boolean {
    untilTurn -= steps;
    if (untilTurn > 0) return false;
    untilTurn = slice;
    return true;
  }
}

class WrongForm extends Error {
  readonly expected: string;
  readonly received: string;

  constructor(expected: string, value: unknown, received = describe(value)) {
    super();
    this.expected = expected;
    this.received = received;
  }
}

function checkValue(form: Form, value: unknown): void {
  switch (form) {
    case "number":
      if (typeof value !== "number") throw new WrongForm("a number", value);
      return;
    case "positive number":
      if (typeof value !== "number" || value <= 0) throw new WrongForm("a number above 0", value);
      return;
    case "count":
      if (!Number.isInteger(value) || (value as number) < 0) throw new WrongForm("a whole number of at least 0", value);
      return;
    case "string":
      if (typeof value !== "string") throw new WrongForm("a string", value);
      return;
    case "boolean":
      if (typeof value !== "boolean") throw new WrongForm("a boolean", value);
      return;
    case "array":
      if (!Array.isArray(value)) throw new WrongForm("an array", value);
      return;
    case "names":
      return checkNames(value);
    case "types":
      return checkTypes(value);
    case "pattern":
      return checkPattern(value);
    case "reference":
      if (typeof value !== "string") throw new WrongForm("a string", value);
      if (/^https?:/.test(value)) throw new WrongForm("a reference inside the schema (nothing is fetched)", value);
      return;
    // ajv's own keyword, under which its checks return a promise.
    case "refused":
      throw new WrongForm("a standard keyword", value);
  }
}

function checkNames(value: unknown): void {
  if (!Array.isArray(value)) throw new WrongForm("an array", value);
  const names = new Set<unknown>();
  for (const name of value as unknown[]) {
    if (typeof name !== "string") throw new WrongForm("an array of strings", name, `an array with ${describe(name)}`);
    if (names.has(name)) throw new WrongForm("names that differ", name, `${describe(name)} twice`);
    names.add(name);
  }
}

function checkTypes(value: unknown): void {
  const given = Array.isArray(value) ? (value as unknown[]) : [value];
  if (given.length === 0) throw new WrongForm("an array with at least one type", value);
  given.forEach((type, index) => {
    if (!types.includes(type))
      throw new WrongForm(`one of ${types.map((one) => JSON.stringify(one)).join(", ")}`, type);
    if (given.indexOf(type) !== index) throw new WrongForm("types that differ", type, `${describe(type)} twice`);
  });
}

/** Maximum nesting of groups: engines cannot read deeper ones. */
const deepestGroup = 250;

function checkPattern(source: unknown): void {
  if (typeof source !== "string") throw new WrongForm("a string", source);
  const depth = groupDepth(source);
  if (depth > deepestGroup)
    throw new WrongForm(
      `a regular expression with at most ${deepestGroup} groups within each other`,
      source,
      `a pattern with ${depth}`,
    );
  try {
    patternOf(source);
  } catch {
    throw new WrongForm("a regular expression", source);
  }
}

function groupDepth(source: string): number {
  let [depth, deepest, inClass] = [0, 0, false];
  for (let at = 0; at < source.length; at++) {
    const sign = source[at];
    if (sign === "\\") at++;
    else if (inClass) inClass = sign !== "]";
    else if (sign === "[") inClass = true;
    else if (sign === "(") deepest = Math.max(deepest, ++depth);
    else if (sign === ")") depth--;
  }
  return deepest;
}
