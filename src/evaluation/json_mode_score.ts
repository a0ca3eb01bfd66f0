// Both scores of JSON mode: the reply parses, satisfies the schema, and equals the reference.
import { failed, passed, type Outcome } from "./outcome.js";
import { PythonSyntaxError, readJson, readJsonOrLiteral } from "./berkeley/python_reader.js";
import { copySchema, visitSchemas } from "../schema/json_schema.js";
import { compileSchema } from "../schema/check/schema_compiler.js";
import { atOnce } from "../schema/cooperative_work.js";
import { isDict, isList, jsonEquals, pythonEquals, show, toJson, type PythonValue } from "./berkeley/python_value.js";

/** Says what is wrong with a value; undefined if it satisfies the schema. */
export type SchemaCheck = (value: unknown) => string | undefined;

/** An invalid schema refuses every value, as in the official evaluator. */
export function schemaCheck(schema: Readonly<Record<string, unknown>>): SchemaCheck {
  try {
    const copy = copySchema(schema, "schema");
    visitSchemas(copy, "", withoutFormat);
    // Python's jsonschema uses the newest dialect if it does not know `$schema`.
    const dialect = /draft-0[67]/.test(String(copy["$schema"])) ? "draft-07" : "2020-12";
    const check = atOnce(compileSchema(copy, dialect, "schema"));
    return (value) =>
      atOnce(check(value))
        .map(({ path, message }) => `reply${path} ${message}`)
        .join(", ") || undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return () => `the schema itself cannot be used: ${why}`;
  }
}

/** Python's jsonschema, with which the official evaluator checks, leaves formats alone by default. */
function withoutFormat(schema: Record<string, unknown>): void {
  delete schema["format"];
}

/**
 * As the published scores are counted: a Python literal counts as JSON, True, 1 and 1.0 are equal, and only an object
 * can pass; of a list each entry is checked against the schema before it fails all the same.
 */
export function officialJsonScore(reply: string, check: SchemaCheck, reference: PythonValue): Outcome {
  const value = read(reply.trim(), readJsonOrLiteral);
  if (typeof value === "string") return failed(value);
  const problem = (isList(value.read) ? value.read : [value.read])
    .map((item) => check(toJson(item)))
    .find((found) => found !== undefined);
  if (problem !== undefined) return failed(`The schema is not satisfied: ${problem}.`);
  if (!isDict(value.read) || !isDict(reference)) return failed(`Expected an object but received ${show(value.read)}.`);
  return compare(value.read, reference, pythonEquals);
}

/** Corrected: only JSON counts, the reference may be of any type, and true is not 1. */
export function correctedJsonScore(reply: string, check: SchemaCheck, reference: PythonValue): Outcome {
  const value = read(reply.trim(), readJson);
  if (typeof value === "string") return failed(value);
  const problem = check(toJson(value.read));
  if (problem !== undefined) return failed(`The schema is not satisfied: ${problem}.`);
  if (isDict(value.read) && isDict(reference)) return compare(value.read, reference, jsonEquals);
  return jsonEquals(value.read, reference)
    ? passed
    : failed(`Expected ${show(reference)} but received ${show(value.read)}.`);
}

function read(text: string, reader: (text: string) => PythonValue): string | { readonly read: PythonValue } {
  try {
    return { read: reader(text) };
  } catch (error) {
    if (!(error instanceof PythonSyntaxError)) throw error;
    return `The reply is not JSON: ${error.message}.`;
  }
}

function compare(
  value: ReadonlyMap<string, PythonValue>,
  reference: ReadonlyMap<string, PythonValue>,
  equals: typeof pythonEquals,
): Outcome {
  for (const key of value.keys()) if (!reference.has(key)) return failed(`${key} is not in the reference.`);
  for (const [key, expected] of reference) {
    const received = value.get(key);
    if (received === undefined) return failed(`${key} is missing.`);
    if (!equals(received, expected)) return failed(`${key} is ${show(received)}, expected ${show(expected)}.`);
  }
  return passed;
}
