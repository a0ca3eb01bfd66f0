// Whether no value satisfies two of several schemas. Then `oneOf` means the same as `anyOf`, which an engine can
// enforce. False if that cannot be determined, or not within the budget; `oneOf` is then only checked afterwards.
import { canonicalJson } from "../canonical_json.js";
import type { SchemaReferences } from "../check/schema_references.js";
import type { CooperativeWork } from "../cooperative_work.js";
import { BudgetSpent, WorkBudget } from "../work_budget.js";
import { isObject } from "../../json_object.js";

const everyType = ["null", "boolean", "number", "string", "array", "object"];
const anyType: ReadonlySet<string> = new Set(everyType);
const onlyType: ReadonlyMap<string, ReadonlySet<string>> = new Map(everyType.map((type) => [type, new Set([type])]));
/** Maximum nesting of properties that are compared. */
const deepest = 8;
/** Maximum number of schemas and values that are read for all comparisons in one schema. */
const mostSteps = 60_000;

/** Facts about the values that satisfy several schemas at once. */
interface Facts {
  readonly types: ReadonlySet<string>;
  /** The only values that can satisfy them, if they are listed. */
  readonly values: readonly unknown[] | undefined;
  readonly schemas: readonly Record<string, unknown>[];
}

export class DisjointSchemas {
  readonly #references: SchemaReferences;
  readonly #budget = new WorkBudget(mostSteps);

  constructor(references: SchemaReferences) {
    this.#references = references;
  }

  *areDisjoint(schemas: readonly unknown[]): CooperativeWork<boolean> {
    try {
      return yield* this.#areDisjoint(yield* this.#factsOfEach(schemas.map((schema) => [schema])), 0);
    } catch (error) {
      if (error instanceof BudgetSpent) return false;
      throw error;
    }
  }

  /** Compares by type, then by value, so that not every pair has to be compared. */
  *#areDisjoint(all: readonly Facts[], depth: number): CooperativeWork<boolean> {
    for (const type of everyType) {
      const same = all.filter(({ types }) => types.has(type));
      this.#budget.spend(all.length);
      if (same.length < 2) continue;
      if (same.every(({ values }) => values !== undefined)) {
        if (!(yield* this.#haveOwnValues(same, type))) return false;
      } else if (
        type !== "object" ||
        same.some(({ values }) => values !== undefined) ||
        !(yield* this.#areDisjointObjects(same, depth))
      ) {
        return false;
      }
    }
    return true;
  }

  *#haveOwnValues(all: readonly Facts[], type: string): CooperativeWork<boolean> {
    const seen = new Set<string>();
    for (const { values } of all) {
      if (this.#budget.isTurn()) yield;
      // One schema may name a value twice.
      const own = new Set(values!.filter((value) => typeOf(value) === type).map(keyOf));
      this.#budget.spend(values!.length);
      for (const key of own) if (seen.has(key)) return false;
      for (const key of own) seen.add(key);
    }
    return true;
  }

  /**
   * By a property that all but one require and whose schemas are disjoint; or by such a property for each pair.
   */
  *#areDisjointObjects(all: readonly Facts[], depth: number): CooperativeWork<boolean> {
    if (depth >= deepest) return false;
    const counts = new Map<string, number>();
    for (const { schemas } of all)
      for (const name of new Set(schemas.flatMap(requiredOf))) counts.set(name, (counts.get(name) ?? 0) + 1);
    this.#budget.spend(counts.size);
    for (const [name, count] of counts) {
      if (count < all.length - 1) continue;
      const parts = yield* this.#factsOfEach(all.map(({ schemas }) => schemas.map((schema) => property(schema, name))));
      if (!haveSame(parts) && (yield* this.#areDisjoint(parts, depth + 1))) return true;
    }
    if (all.length <= 2) return false;
    for (const [index, one] of all.entries())
      for (let other = index + 1; other < all.length; other++)
        if (!(yield* this.#areDisjointObjects([one, all[other]!], depth))) return false;
    return true;
  }

  *#factsOfEach(places: readonly (readonly unknown[])[]): CooperativeWork<Facts[]> {
    const facts: Facts[] = [];
    for (const schemas of places) {
      if (this.#budget.isTurn()) yield;
      facts.push(this.#facts(schemas));
    }
    return facts;
  }

  #facts(given: readonly unknown[]): Facts {
    let types = anyType;
    let values: readonly unknown[] | undefined;
    const seen = new Set<unknown>();
    const schemas: Record<string, unknown>[] = [];
    const waiting = [...given];
    while (waiting.length > 0) {
      const schema = waiting.pop();
      this.#budget.spend();
      if (schema === false) types = new Set();
      if (!isObject(schema) || seen.has(schema)) continue;
      seen.add(schema);
      // Keywords beside a reference narrow it further.
      if (typeof schema["$ref"] === "string") waiting.push(this.#references.resolve(schema["$ref"])?.schema);
      if (Array.isArray(schema["allOf"])) waiting.push(...(schema["allOf"] as unknown[]));
      if (Object.keys(schema).length === 1 && "$ref" in schema) continue;
      schemas.push(schema);
      const listed = valuesOf(schema);
      values ??= listed;
      const own = listed === undefined ? typesOf(schema) : new Set(listed.map(typeOf));
      this.#budget.spend(listed?.length ?? 0);
      types = types === anyType ? own : new Set([...types].filter((type) => own.has(type)));
    }
    return { types, values, schemas };
  }
}

/** The same schema accepts the same values. */
function haveSame(all: readonly Facts[]): boolean {
  const seen = new Set<unknown>();
  for (const { schemas, types } of all) {
    if (types.size === 0 || schemas.length > 1) continue;
    const only = schemas[0] ?? "anything";
    if (seen.has(only)) return true;
    seen.add(only);
  }
  return false;
}

const requiredOf = ({ required }: Record<string, unknown>): string[] =>
  Array.isArray(required) ? (required as string[]) : [];

function property(schema: Record<string, unknown>, name: string): unknown {
  const { properties, patternProperties, additionalProperties } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return properties[name];
  return !(additionalProperties === false && patternProperties === undefined);
}

/** A whole number is a number. */
function typesOf({ type, nullable }: Record<string, unknown>): ReadonlySet<string> {
  if (type === undefined) return anyType;
  const only =
    typeof type === "string" && nullable !== true ? onlyType.get(type === "integer" ? "number" : type) : undefined;
  if (only !== undefined) return only;
  const named = [type].flat().map((one) => (one === "integer" ? "number" : String(one)));
  return new Set(nullable === true ? [...named, "null"] : named);
}

function valuesOf(schema: Record<string, unknown>): readonly unknown[] | undefined {
  if ("const" in schema) return [schema["const"]];
  return Array.isArray(schema["enum"]) ? schema["enum"] : undefined;
}

/** Among values of one type. */
function keyOf(value: unknown): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
