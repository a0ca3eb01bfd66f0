// Checking schemas and values with ajv: which dialect, what is wrong with a schema, and a function that checks values.
import type { Ajv, ErrorObject, ValidateFunction } from "ajv";
import { newAjv } from "../ajv.js";
import { describe } from "../errors.js";
import { invalidSchema, isObject, put, step, visitSchemas, type JsonSchema } from "./json_schema.js";
import { findReferenceLoop } from "./reference_loop.js";

export type Dialect = "2020-12" | "draft-07";

/** One thing that is wrong with a value: where, and what, in words that the model and the programmer both understand. */
export interface SchemaIssue {
  readonly path: string;
  readonly message: string;
}

type Check = (value: unknown) => SchemaIssue[];

const metaSchemas = new Map<Dialect, Ajv>();

/** The dialect that `$schema` names. Without one: draft-07 where only its keywords occur, else 2020-12. */
export function dialectOf(schema: JsonSchema, name: string): Dialect {
  const named = schema["$schema"];
  if (named !== undefined) {
    const match = typeof named === "string" ? /^https?:\/\/json-schema\.org\/(draft\/2020-12|draft-0[67])\/schema#?$/.exec(named) : null;
    if (match === null) throw invalidSchema("JSON Schema draft 2020-12 or draft-07", `${name}.$schema`, describe(named));
    return match[1] === "draft/2020-12" ? "2020-12" : "draft-07";
  }
  let old = false;
  let recent = false;
  visitSchemas(schema, "", (inner) => {
    old ||= Array.isArray(inner["items"]) || "additionalItems" in inner || "dependencies" in inner;
    recent ||= "prefixItems" in inner || "$defs" in inner || "dependentRequired" in inner || "dependentSchemas" in inner || "$dynamicRef" in inner;
  });
  return old && !recent ? "draft-07" : "2020-12";
}

/**
 * A function that lists what is wrong with a value, nothing when it is right. Throws `INVALID_SCHEMA`, naming the place in
 * the schema, for schemas that their dialect's own schema refuses, remote or dangling `$ref`, patterns that do not compile,
 * and references that lead back to themselves without going deeper.
 *
 * ajv compiles a schema to JavaScript (it needs `eval` to be allowed) and runs the schema's own patterns as JavaScript's
 * regular expressions: a pattern that backtracks without end blocks the process, so take schemas from people you trust.
 */
export function compileSchema(schema: JsonSchema, dialect: Dialect, name: string): Check {
  const { $schema: _, ...own } = schema;
  checkAgainstMetaSchema(own, dialect, name);
  visitSchemas(own, name, refuseUnusable);
  let validate: ValidateFunction;
  try {
    // One ajv a schema: identifiers inside different schemas then never meet.
    const ajv = newAjv(dialect, { allErrors: true, verbose: true, ownProperties: true, meta: false, validateSchema: false, multipleOfPrecision: 10, code: { regExp } });
    validate = ajv.compile(withoutProto(own) as JsonSchema);
  } catch (error) {
    throw compileError(error, own, name);
  }
  const check: Check = (value) => (validate(value) ? [] : describeErrors(validate.errors ?? []));
  try {
    // Whatever refers to itself in place does so for every value, so six small ones find it before generation.
    for (const probe of [{}, [], "", 0, true, null]) check(probe);
  } catch (error) {
    throw endlessReference(own, name, error) ?? invalidSchema("references that end", name, "a $ref that leads back to itself without going deeper", { cause: error });
  }
  return check;
}

function checkAgainstMetaSchema(schema: JsonSchema, dialect: Dialect, name: string): void {
  const meta = metaSchemas.get(dialect) ?? newAjv(dialect, { verbose: true });
  metaSchemas.set(dialect, meta);
  if (meta.validateSchema(schema) === true) return;
  const [error] = meta.errors ?? [];
  if (error === undefined) throw invalidSchema("a valid JSON Schema", name, "an invalid one");
  throw invalidSchema(expectation(error), name + pointerPath(error.instancePath), describe(error.data));
}

function refuseUnusable(schema: Record<string, unknown>, path: string): void {
  const { $ref, $async, pattern, patternProperties } = schema;
  // ajv's own extension; validation would then give a promise.
  if ($async !== undefined) throw invalidSchema("a standard keyword", `${path}.$async`, describe($async));
  if (typeof $ref === "string" && /^https?:/.test($ref)) {
    throw invalidSchema("a reference inside the schema (nothing is fetched)", `${path}.$ref`, describe($ref));
  }
  const patterns: [string, string][] = [];
  if (typeof pattern === "string") patterns.push([pattern, `${path}.pattern`]);
  if (isObject(patternProperties)) for (const key of Object.keys(patternProperties)) patterns.push([key, `${path}.patternProperties`]);
  for (const [source, where] of patterns) {
    try {
      regExp(source, "u");
    } catch {
      throw invalidSchema("a regular expression", where, describe(source));
    }
  }
}

/** Patterns are Unicode expressions, as the standard says; those that are only valid without that flag are taken as well. */
function regExp(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch {
    return new RegExp(source, flags.replace("u", ""));
  }
}
regExp.code = "new RegExp";

function endlessReference(schema: JsonSchema, name: string, cause: unknown): Error | undefined {
  const loop = findReferenceLoop(schema, name);
  return loop && invalidSchema("a reference that ends", loop.path, `${describe(loop.ref)}, which leads back to itself without going deeper`, { cause });
}

function compileError(error: unknown, schema: JsonSchema, name: string): Error {
  const { missingRef, message } = error as { missingRef?: unknown; message?: string };
  if (typeof missingRef === "string") {
    let place = name;
    let found = missingRef;
    visitSchemas(schema, name, ({ $ref }, path) => {
      if (typeof $ref === "string" && (missingRef === $ref || missingRef.endsWith($ref))) [place, found] = [`${path}.$ref`, $ref];
    });
    return invalidSchema("a reference to a part of the schema", place, describe(found), { cause: error });
  }
  if (error instanceof RangeError) return endlessReference(schema, name, error) ?? invalidSchema("a schema that can be compiled", name, "one that recurs or nests too deeply", { cause: error });
  return invalidSchema("a schema that can be compiled", name, `one that cannot (${message ?? String(error)})`, { cause: error });
}

/** ajv passes over properties called `__proto__`; as a pattern it checks them. */
function withoutProto(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProto);
  if (!isObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) put(result, key, withoutProto(member));
  const properties = result["properties"];
  if (isObject(properties) && Object.hasOwn(properties, "__proto__")) {
    const { ["__proto__"]: proto, ...others } = properties;
    result["properties"] = others;
    result["patternProperties"] = { ...(isObject(result["patternProperties"]) ? result["patternProperties"] : {}), "^__proto__$": proto };
  }
  return result;
}

function describeErrors(errors: readonly ErrorObject[]): SchemaIssue[] {
  const issues = errors.map((error): SchemaIssue => {
    const path = pointerPath(error.instancePath);
    const params = error.params as Record<string, unknown>;
    if (error.keyword === "required") return { path: path + step(String(params["missingProperty"])), message: "is required" };
    if (error.keyword === "additionalProperties") return { path: path + step(String(params["additionalProperty"])), message: "is not a known property" };
    if (error.keyword === "unevaluatedProperties") return { path: path + step(String(params["unevaluatedProperty"])), message: "is not a known property" };
    return { path, message: `must be ${expectation(error)}, not ${describe(error.data)}` };
  });
  return issues.filter((issue, index) => issues.findIndex(({ path, message }) => path === issue.path && message === issue.message) === index);
}

/** What an error of ajv wanted, as it may stand after "must be" and "Expected". */
function expectation({ keyword, params, message }: ErrorObject): string {
  const values = params as Record<string, unknown>;
  const list = (items: unknown) => (items as unknown[]).map((item) => JSON.stringify(item)).join(", ");
  switch (keyword) {
    case "type": return withArticle(String(values["type"]).split(",").join(" or "));
    case "enum": return `one of ${list(values["allowedValues"])}`;
    case "const": return JSON.stringify(values["allowedValue"]);
    case "minimum": case "maximum": case "exclusiveMinimum": case "exclusiveMaximum": return `${String(values["comparison"])} ${String(values["limit"])}`;
    case "multipleOf": return `a multiple of ${String(values["multipleOf"])}`;
    case "pattern": return `text that matches ${String(values["pattern"])}`;
    case "format": return `text of the format ${String(values["format"])}`;
    case "false schema": return "absent";
    default: return `a value that ${(message ?? "is valid").replace(/^must /, "must ")}`;
  }
}

function withArticle(noun: string): string {
  return noun === "null" || noun === "" ? noun : `${/^[aeio]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** `/properties/a~1b/0` as `.properties["a/b"][0]`. */
function pointerPath(pointer: string): string {
  return pointer.split("/").slice(1).map((part) => {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    return /^\d+$/.test(key) ? step(Number(key)) : step(key);
  }).join("");
}
