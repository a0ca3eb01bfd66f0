// How each keyword of both dialects is treated when a schema is enforced during generation: a table, and the few
// keywords for which the value decides. The gaps are those of llguidance 1.9.1, found in its source and by the JSON
// Schema Test Suite.
import type { Dialect } from "../json_schema.js";
import { isObject } from "../../json_object.js";

/**
 * `enforced`: goes into the constraint (where its value allows it). `annotation`: refuses no value, so nothing is lost.
 * `location`: only tells where a schema is found. `checked`: left out of the constraint, listed, and checked
 * afterwards.
 */
export type Treatment = "enforced" | "annotation" | "location" | "checked";

const both: Readonly<Record<string, Treatment>> = {
  $ref: "enforced",
  allOf: "enforced",
  anyOf: "enforced",
  oneOf: "enforced",
  not: "checked",
  type: "enforced",
  const: "enforced",
  enum: "enforced",
  minimum: "enforced",
  maximum: "enforced",
  exclusiveMinimum: "enforced",
  exclusiveMaximum: "enforced",
  multipleOf: "enforced",
  minLength: "enforced",
  maxLength: "enforced",
  pattern: "enforced",
  format: "enforced",
  items: "enforced",
  minItems: "enforced",
  maxItems: "enforced",
  uniqueItems: "checked",
  contains: "checked",
  properties: "enforced",
  patternProperties: "enforced",
  additionalProperties: "enforced",
  required: "enforced",
  minProperties: "enforced",
  maxProperties: "enforced",
  propertyNames: "checked",
  if: "checked",
  then: "location",
  else: "location",
  // The checker knows both from OpenAPI.
  nullable: "enforced",
  discriminator: "annotation",
  $id: "location",
  $schema: "location",
  definitions: "location",
  $defs: "location",
  title: "annotation",
  description: "annotation",
  default: "annotation",
  examples: "annotation",
  example: "annotation",
  $comment: "annotation",
  readOnly: "annotation",
  writeOnly: "annotation",
  deprecated: "annotation",
  contentEncoding: "annotation",
  contentMediaType: "annotation",
};

/**
 * Every keyword of a dialect. Unknown keywords are listed as unenforced too, since a misspelt keyword looks like one.
 */
export const keywords: Readonly<Record<Dialect, Readonly<Record<string, Treatment>>>> = {
  "draft-07": { ...both, additionalItems: "enforced", dependencies: "checked" },
  "2020-12": {
    ...both,
    prefixItems: "enforced",
    minContains: "location",
    maxContains: "location",
    dependentRequired: "checked",
    dependentSchemas: "checked",
    dependencies: "checked",
    unevaluatedItems: "checked",
    unevaluatedProperties: "checked",
    $dynamicRef: "checked",
    $anchor: "location",
    $dynamicAnchor: "location",
    $vocabulary: "location",
    contentSchema: "annotation",
  },
};

/** Whether a keyword that is only checked can refuse any value at all. */
export function refusesSomething(keyword: string, schema: Readonly<Record<string, unknown>>): boolean {
  const value = schema[keyword];
  const isTrue = value === true || (isObject(value) && Object.keys(value).length === 0);
  switch (keyword) {
    case "not":
      return value !== false;
    case "uniqueItems":
      return value === true;
    case "if":
      return "then" in schema || "else" in schema;
    case "contains":
      return schema["minContains"] !== 0 || "maxContains" in schema;
    // What zod writes for records: names are strings.
    case "propertyNames":
      return !isTrue && !(isObject(value) && value["type"] === "string" && Object.keys(value).length === 1);
    case "dependencies":
    case "dependentRequired":
    case "dependentSchemas":
      return !isTrue;
    case "unevaluatedItems":
      return !isTrue && !isObject(schema["items"]) && typeof schema["items"] !== "boolean";
    case "unevaluatedProperties":
      return !isTrue && !("additionalProperties" in schema);
    default:
      return true;
  }
}
