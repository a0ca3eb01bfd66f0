// What an engine does not enforce of a schema's enforced part, as keywords of the schema that it was made of.
import type { WidenedKeyword } from "../../engine/engine.js";
import { isObject } from "../../json_object.js";
import { step, type JsonSchema } from "../json_schema.js";
import { inPlace } from "../schema_shapes.js";
import type { EnforcedReading, UnenforcedKeyword } from "./enforced_schema.js";

/** `name`: of the whole schema. */
export function widenedPlaces(
  schema: JsonSchema,
  { definitions }: Pick<EnforcedReading, "definitions">,
  widened: readonly WidenedKeyword[],
  name: string,
): UnenforcedKeyword[] {
  return widened.flatMap(({ path, keyword, reason }) => {
    const target = path[0] === "$defs" ? definitions?.get(String(path[1])) : undefined;
    const start = target ?? { schema, path: "" };
    const place = follow(start.schema, target === undefined ? path : path.slice(2));
    const original = ownKeyword(place.schema, keyword);
    return original === undefined ? [] : [{ path: name + start.path + place.path, keyword: original, reason }];
  });
}

function follow(from: unknown, steps: WidenedKeyword["path"]): { readonly schema: unknown; readonly path: string } {
  let schema = from;
  let path = "";
  let holder: string | number | undefined;
  for (const given of steps) {
    const node: Readonly<Record<string | number, unknown>> = Array.isArray(schema)
      ? (schema as unknown as Record<number, unknown>)
      : isObject(schema)
        ? schema
        : {};
    const key =
      holder === "patternProperties" && typeof given === "number"
        ? (Object.keys(node)[given] ?? given)
        : named(node, given);
    path += step(key);
    schema = node[key];
    holder = key;
  }
  return { schema, path };
}

/** As the original calls it: the enforced part has other words for some. */
function named(node: Readonly<Record<string | number, unknown>>, key: string | number): string | number {
  if (key in node) return key === "items" && Array.isArray(node["items"]) ? "additionalItems" : key;
  if (key === "anyOf" && "oneOf" in node) return "oneOf";
  return key === "prefixItems" && Array.isArray(node["items"]) ? "items" : key;
}

/** Undefined: the enforced part alone has it, for the sake of another. */
function ownKeyword(schema: unknown, keyword: string): string | undefined {
  if (!isObject(schema) || keyword in schema || keyword === "*") return keyword;
  if (["pattern", "minimum", "maximum"].includes(keyword) && "format" in schema) return "format";
  return keyword === "multipleOf" && !inPlace.some((one) => one in schema) ? undefined : keyword;
}
