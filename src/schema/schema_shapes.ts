// Small predicates of one schema, for writing its enforced part.
import type { EnforcedSchema } from "../engine/engine.js";
import { keywords } from "./enforced/enforced_keywords.js";
import type { Node } from "./check/schema_index.js";
import { isObject, setOwn } from "../json_object.js";

/** Keywords whose schemas hold in the place of the one they stand in. */
export const inPlace: readonly string[] = ["$ref", "allOf", "anyOf", "oneOf"];

/** One more schema that holds in the place of another. */
export function appendTo(result: Node, inner: EnforcedSchema): void {
  if (Array.isArray(result["allOf"])) result["allOf"].push(inner);
  else setOwn(result, "allOf", [inner]);
}

/** Whether it, or one of its alternatives, has a reference in its own place. */
export function refersInPlace(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  return (
    "$ref" in schema ||
    [schema["allOf"], schema["anyOf"], schema["oneOf"]].some((list) => Array.isArray(list) && list.some(refersInPlace))
  );
}

export const valuesIn = (schema: Node): number =>
  Array.isArray(schema["enum"]) ? Math.max(1, schema["enum"].length) : 1;

/**
 * OpenAPI's `nullable`, which the checker supports, adds the type null. Multiples of an integer are integers: with
 * type `number` the engine finds none between bounds.
 */
export function typesWith({ type, nullable, multipleOf }: Node): unknown {
  const isWhole = Number.isInteger(multipleOf);
  if (type === undefined || (nullable !== true && !isWhole)) return type;
  const types = [
    ...new Set(
      [type, nullable === true ? "null" : []].flat().map((one) => (isWhole && one === "number" ? "integer" : one)),
    ),
  ];
  return types.length === 1 ? types[0] : types;
}

export function hasOwnKeywords(schema: Node): boolean {
  return Object.keys(schema).some(
    (keyword) =>
      !inPlace.includes(keyword) && (keywords["2020-12"][keyword] === "enforced" || keyword === "additionalItems"),
  );
}

/** Without other schemas in the same place, `unevaluated…` means the same as `additional…`. */
export function unevaluatedAsPlain(schema: Node): Node {
  if (!("unevaluatedProperties" in schema || "unevaluatedItems" in schema)) return schema;
  if (
    ["$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "$dynamicRef", "not"].some(
      (keyword) => keyword in schema,
    )
  )
    return schema;
  const { unevaluatedProperties, unevaluatedItems, ...plain } = schema;
  if (unevaluatedProperties !== undefined && !("additionalProperties" in plain))
    plain["additionalProperties"] = unevaluatedProperties;
  else if (unevaluatedProperties !== undefined) plain["unevaluatedProperties"] = unevaluatedProperties;
  if (unevaluatedItems !== undefined && !("items" in plain) && !("contains" in plain))
    plain["items"] = unevaluatedItems;
  else if (unevaluatedItems !== undefined) plain["unevaluatedItems"] = unevaluatedItems;
  return plain;
}
