// Reads a schema once, whatever library it was written with: its JSON Schema for the prompt, and the checks of values.
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { CaduceusError, describe, describeThrown, reading, withParam } from "../errors.js";
import { BoundedCache } from "./bounded_cache.js";
import type { InferSchema, Schema } from "./infer_schema.js";
import {
  copySchema,
  invalidSchema,
  plainJson,
  step,
  visitSchemas,
  type Dialect,
  type JsonSchema,
  type SchemaIssue,
} from "./json_schema.js";
import { enforcedPart, withName, type EnforcedReading, type UndeclaredProperties } from "./enforced/enforced_schema.js";
import { compileSchema, dialectOf, type Check } from "./check/schema_compiler.js";
import { isStandardSchema, jsonSchemaOf } from "./standard_schema.js";
import { atOnce, inTurns, type CooperativeWork } from "./cooperative_work.js";
import { withoutBigInts } from "./without_big_ints.js";
import type { WorkBudget } from "./work_budget.js";
import { isObject } from "../json_object.js";

export type { InferSchema, Schema } from "./infer_schema.js";
export type { EnforcedReading, UndeclaredProperties, UnenforcedKeyword } from "./enforced/enforced_schema.js";
export type { JsonSchema } from "./json_schema.js";
export type { Dialect, SchemaIssue } from "./json_schema.js";

export type SchemaCheck<Output> =
  | { readonly ok: true; readonly value: Output }
  | {
      readonly ok: false;
      /** One sentence for each of the first five things that are wrong: `arguments.age must be an integer, not "x".` */
      readonly problem: string;
      /** The path of the first problem, beginning with the name of the value. */
      readonly path: string;
      readonly issues: readonly SchemaIssue[];
    };

export interface ReadSchema<Output = unknown> {
  /**
   * The checker's copy, in the declaration's order and without `$schema`. Frozen only by convention: do not change it.
   */
  readonly jsonSchema: JsonSchema;
  readonly dialect: Dialect;
  /** What is enforced during generation, and what is left out; computed on first use. */
  enforced(undeclared: UndeclaredProperties): EnforcedReading;
  /** The same in time slices. */
  enforcedInSlices(undeclared: UndeclaredProperties): CooperativeWork<EnforcedReading>;
  /** Checks a value against the JSON Schema alone, now. `valueName` is what problems call it. */
  check(value: unknown, valueName?: string): SchemaCheck<unknown>;
  /** The same in time slices. */
  checkInSlices(value: unknown, valueName?: string): CooperativeWork<SchemaCheck<unknown>>;
  /**
   * Checks a value in time slices, between which the event loop goes on, then gives it to the Standard Schema's own
   * validation (which may wait, and may change the value). Never rejects because of the value.
   */
  parse(value: unknown, valueName?: string): Promise<SchemaCheck<Output>>;
}

// Servers define the same tools again for every request.
// Sizes are characters, which take up to 60 bytes each: some 100 MB are the most that strangers can fill.
const compiled = new BoundedCache<{
  readonly check: Check;
  readonly enforced: Map<UndeclaredProperties, EnforcedReading>;
}>({ most: 1_500_000, largest: 50_000 });

/**
 * Reads a Standard Schema (zod, valibot, arktype, …) or a plain JSON Schema. `name` is what messages call it, such as
 * `add.parameters`, and `param` the option that errors are about, such as `tools[0].parameters`. Throws
 * `INVALID_SCHEMA`, naming the place inside, for a schema that cannot be used. `budget` is what all schemas of one
 * request share.
 */
export function readSchema<const S extends Schema>(
  schema: S,
  name: string,
  budget?: WorkBudget,
  param = name,
): ReadSchema<InferSchema<S>> {
  return atOnce(readSchemaInSlices(schema, name, budget, param));
}

/** The same in time slices. Its result can be passed in place of the schema, and is not read again. */
export function* readSchemaInSlices<const S extends Schema>(
  schema: S,
  name: string,
  budget?: WorkBudget,
  param = name,
): CooperativeWork<ReadSchema<InferSchema<S>>> {
  if (made.has(schema)) return schema as unknown as ReadSchema<InferSchema<S>>;
  return yield* ofOption(name, param, readNamed(schema, name, budget));
}

const made = new WeakSet<object>();

/** Runs work on a schema. Errors name places inside it, and their `param` is the option that holds it. */
export function* ofOption<T>(name: string, param: string, work: CooperativeWork<T>): CooperativeWork<T> {
  try {
    return yield* work;
  } catch (error) {
    throw aboutOption(error, name, param);
  }
}

/** An error about a place inside a schema, with the option that holds the schema as its `param`. */
export function aboutOption(error: unknown, name: string, param: string): unknown {
  const place = error instanceof CaduceusError ? error.param : undefined;
  return place === undefined
    ? error
    : withParam(error, param, place.startsWith(name) && place !== name ? place.slice(name.length) : undefined);
}

function* readNamed<const S extends Schema>(
  schema: S,
  name: string,
  budget?: WorkBudget,
): CooperativeWork<ReadSchema<InferSchema<S>>> {
  const { standard, whole } = reading(
    name,
    () => {
      const standard = isStandardSchema(schema) ? schema : undefined;
      if (standard === undefined && (!isObject(schema) || "~standard" in schema)) {
        throw invalidSchema("a Standard Schema or a JSON Schema object", name, describe(schema));
      }
      return {
        standard,
        whole: copySchema(standard === undefined ? schema : jsonSchemaOf(standard, name), name, budget),
      };
    },
    "INVALID_SCHEMA",
  );
  const copy = standard === undefined ? whole : structuredClone(whole);
  if (standard !== undefined) visitSchemas(copy, name, dropSafeIntegerBounds);
  yield;
  const dialect = dialectOf(copy, name);
  const key = `${dialect} ${JSON.stringify(whole)}`;
  yield;
  const known = compiled.get(key) ?? { check: yield* compileSchema(copy, dialect, name), enforced: new Map() };
  compiled.set(key, known, key.length);

  yield;

  const { $schema: _, ...jsonSchema } = copy;
  plainJson.add(jsonSchema);
  const read: ReadSchema<InferSchema<S>> = {
    jsonSchema,
    dialect,
    enforced: (undeclared) => atOnce(read.enforcedInSlices(undeclared)),
    *enforcedInSlices(undeclared) {
      const reading =
        known.enforced.get(undeclared) ?? (yield* ofOption(name, name, enforcedPart(whole, dialect, undeclared, name)));
      known.enforced.set(undeclared, reading);
      return { ...reading, unenforced: withName(name, reading.unenforced) };
    },
    check: (value, valueName) => atOnce(read.checkInSlices(value, valueName)),
    *checkInSlices(value, valueName = "value") {
      return verdict(value, yield* known.check(value), valueName);
    },
    async parse(value, valueName = "value") {
      const first = await inTurns(read.checkInSlices(value, valueName));
      if (!first.ok || standard === undefined) return first as SchemaCheck<InferSchema<S>>;
      return validateStandard(standard, value, valueName) as Promise<SchemaCheck<InferSchema<S>>>;
    },
  };
  made.add(read);
  return read;
}

async function validateStandard(
  schema: StandardSchemaV1,
  value: unknown,
  valueName: string,
): Promise<SchemaCheck<unknown>> {
  const validate = async (input: unknown): Promise<SchemaCheck<unknown>> => {
    try {
      const result = await schema["~standard"].validate(input);
      if (result.issues === undefined) return { ok: true, value: result.value };
      return verdict(
        input,
        result.issues.map((issue) => ({ path: standardPath(issue), message: `is wrong: ${issue.message}` })),
        valueName,
      );
    } catch (error) {
      // Refinements are the caller's code.
      return verdict(input, [{ path: "", message: `could not be checked: ${describeThrown(error)}` }], valueName);
    }
  };
  const result = await validate(value);
  const plain = withoutBigInts(value);
  return result.ok || plain === value ? result : validate(plain);
}

function standardPath({ path = [] }: StandardSchemaV1.Issue): string {
  return path.map((segment) => step(typeof segment === "object" ? segment.key : segment)).join("");
}

function verdict<T>(value: T, issues: readonly SchemaIssue[], valueName: string): SchemaCheck<T> {
  if (issues[0] === undefined) return { ok: true, value };
  const named = issues.map(({ path, message }) => ({ path: valueName + path, message }));
  const more = named.length > 5 ? ` There are ${named.length - 5} more problems.` : "";
  const sentences = named
    .slice(0, 5)
    .map(({ path, message }) => `${path} ${message}${message.endsWith(".") ? "" : "."}`);
  return { ok: false, problem: sentences.join(" ") + more, path: valueName + issues[0].path, issues: named };
}

/**
 * zod's `int()` writes the bounds of safe integers. They say nothing about the wanted value and cost some forty tokens
 * of the prompt each, so they are left out of it. They are enforced all the same.
 */
function dropSafeIntegerBounds(schema: Record<string, unknown>): void {
  if (schema["minimum"] === Number.MIN_SAFE_INTEGER) delete schema["minimum"];
  if (schema["maximum"] === Number.MAX_SAFE_INTEGER) delete schema["maximum"];
}
