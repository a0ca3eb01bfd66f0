// Prepares schemas for checking values: their dialect, and a function that lists what is wrong with a value.
import { describe } from "../../errors.js";
import { invalidSchema, visitSchemas, type Dialect, type JsonSchema, type SchemaIssue } from "../json_schema.js";
import { checkValue } from "./schema_checker.js";
import { SchemaIndex } from "./schema_index.js";
import type { CooperativeWork } from "../cooperative_work.js";
import { withoutBigInts } from "../without_big_ints.js";
import { BudgetSpent, checkingSteps, WorkBudget } from "../work_budget.js";

/** Lists what is wrong with a value. */
export type Check = (value: unknown) => CooperativeWork<readonly SchemaIssue[]>;

/** The dialect that `$schema` names. Without one: draft-07 where only its keywords occur, else 2020-12. */
export function dialectOf(schema: JsonSchema, name: string): Dialect {
  const named = schema["$schema"];
  if (named !== undefined) {
    const match =
      typeof named === "string"
        ? /^https?:\/\/json-schema\.org\/(draft\/2020-12|draft-0[67])\/schema#?$/.exec(named)
        : null;
    if (match === null)
      throw invalidSchema("JSON Schema draft 2020-12 or draft-07", `${name}.$schema`, describe(named));
    return match[1] === "draft/2020-12" ? "2020-12" : "draft-07";
  }
  let old = false;
  let recent = false;
  visitSchemas(schema, "", (inner) => {
    old ||= Array.isArray(inner["items"]) || "additionalItems" in inner || "dependencies" in inner;
    recent ||=
      "prefixItems" in inner ||
      "$defs" in inner ||
      "dependentRequired" in inner ||
      "dependentSchemas" in inner ||
      "$dynamicRef" in inner;
  });
  return old && !recent ? "draft-07" : "2020-12";
}

/**
 * A function that lists what is wrong with a value, nothing when it is right (BigInts are judged as the numbers next to
 * them); a value whose check would take too much work is wrong for that reason. Throws `INVALID_SCHEMA`, naming the
 * place in the schema, for keywords whose value has the wrong form, remote or dangling `$ref`, patterns that do not
 * compile, and references that lead back to themselves without going deeper.
 */
export function* compileSchema(schema: JsonSchema, dialect: Dialect, name: string): CooperativeWork<Check> {
  const { $schema: _, ...own } = schema;
  const index = yield* SchemaIndex.read(own, dialect, name);
  return function* (value) {
    try {
      return withoutRepetition(yield* checkValue(index, withoutBigInts(value), new WorkBudget(checkingSteps)));
    } catch (error) {
      if (error instanceof BudgetSpent)
        return [{ path: "", message: "could not be checked in time: its schema takes too much work for this value" }];
      if (error instanceof RangeError) return [{ path: "", message: "is nested too deeply to be checked" }];
      throw error;
    }
  };
}

/** Several keywords may report the same issue for the same place. */
function withoutRepetition(issues: readonly SchemaIssue[]): SchemaIssue[] {
  return [...new Map(issues.map((issue) => [`${issue.path} ${issue.message}`, issue])).values()];
}
