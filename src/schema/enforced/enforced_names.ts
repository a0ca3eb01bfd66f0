// The names of all properties that an object can have: the constraint needs them to close the object.
import type { SchemaReferences } from "../check/schema_references.js";
import type { WorkBudget } from "../work_budget.js";
import { isObject, setOwn } from "../../json_object.js";

type Node = Readonly<Record<string, unknown>>;

/** Keywords about names that are not in `properties`. */
const openers: readonly string[] = [
  "additionalProperties",
  "patternProperties",
  "unevaluatedProperties",
  "propertyNames",
  "not",
  "if",
  "then",
  "else",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "$dynamicRef",
  "const",
  "enum",
];

/** Keywords that declare properties. */
const declarers: readonly string[] = ["properties", "$ref", "allOf", "anyOf", "oneOf"];

/** Maximum number of references followed; objects beyond it stay open. */
const deepest = 16;

/**
 * The names of all properties that the schemas of one place declare, alternatives included. Undefined if the object
 * has to stay open: no schema has `properties`, one has keywords about other names, or a required name is undeclared.
 */
export function propertiesInPlace(
  schema: Node,
  references: SchemaReferences,
  budget: WorkBudget,
): ReadonlySet<string> | undefined {
  if (!declarers.some((keyword) => keyword in schema)) return undefined;
  const names = new Set<string>();
  const required = new Set<string>();
  let least = 0;
  const known = new Map<unknown, boolean | undefined>();
  /** Whether the schema declares properties; undefined if the object has to stay open. */
  const declares = (value: unknown, depth: number): boolean | undefined => {
    if (!isObject(value)) return value === false;
    // References may double at each level.
    if (!known.has(value)) known.set(value, declaresItself(value, depth));
    return known.get(value);
  };
  const declaresItself = (value: Node, depth: number): boolean | undefined => {
    budget.spend(4);
    if (depth > deepest || openers.some((keyword) => Object.hasOwn(value, keyword))) return undefined;
    const { properties, type, minProperties, $ref } = value;
    const list = (keyword: string) => (Array.isArray(value[keyword]) ? (value[keyword] as unknown[]) : []);
    const declared = isObject(properties) ? Object.keys(properties) : [];
    // The same problems are found again through each reference to this schema.
    budget.spend(2 * declared.length);
    for (const name of declared) names.add(name);
    for (const name of list("required")) required.add(String(name));
    if (typeof minProperties === "number") least = Math.max(least, minProperties);
    const target = typeof $ref === "string" ? [references.resolve($ref)?.schema] : [];
    const all = [...target, ...list("allOf")].map((inner) => declares(inner, depth + 1));
    const any = ["anyOf", "oneOf"]
      .filter((keyword) => list(keyword).length > 0)
      .map((keyword) => {
        const branches = list(keyword).map((inner) => declares(inner, depth + 1));
        return branches.includes(undefined) ? undefined : branches.every(Boolean);
      });
    if ([...all, ...any].includes(undefined)) return undefined;
    return (
      isObject(properties) ||
      (type !== undefined && ![type].flat().includes("object")) ||
      [...all, ...any].includes(true)
    );
  };
  const isDeclared =
    declares(schema, 0) === true && names.size >= least && [...required].every((name) => names.has(name));
  return isDeclared && (names.size > 0 || isObject(schema["properties"])) ? names : undefined;
}

/**
 * The names that `propertyNames` lists, as in zod's records with an enumerated key; undefined if it lists none.
 */
export function enumeratedNames({ propertyNames, patternProperties }: Node): readonly string[] | undefined {
  if (!isObject(propertyNames) || (isObject(patternProperties) && Object.keys(patternProperties).length > 0))
    return undefined;
  const { type, enum: listed, const: only, ...others } = propertyNames;
  if (Object.keys(others).length > 0 || (type !== undefined && type !== "string")) return undefined;
  const names = Array.isArray(listed) ? (listed as unknown[]) : only === undefined ? undefined : [only];
  return names?.filter((name): name is string => typeof name === "string");
}

/** An object with the same value for each name. */
export function withEach(names: Iterable<string>, value: unknown): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const name of names) setOwn(result, name, value);
  return result;
}
