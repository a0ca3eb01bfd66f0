// Where a schema leads back to itself without going deeper into the value, so that checking would never end.
import { isObject, step, visitSchemas, type JsonSchema } from "./json_schema.js";

/** Longer chains of references are nobody's schema. */
const longestChain = 1_000;

/** A `$ref` that closes such a circle, with the path to it; undefined where none is found. Only references by path are followed. */
export function findReferenceLoop(schema: JsonSchema, name: string): { readonly path: string; readonly ref: string } | undefined {
  const over = new Set<object>();
  const open = new Set<object>();
  let found: { path: string; ref: string } | undefined;
  const follow = (inner: unknown, path: string): void => {
    if (!isObject(inner) || over.has(inner) || found !== undefined || open.size > longestChain) return;
    open.add(inner);
    const { $ref } = inner;
    if (typeof $ref === "string") {
      const target = resolve(schema, $ref);
      if (target !== undefined && open.has(target.schema)) found = { path: `${path}.$ref`, ref: $ref };
      else if (target !== undefined) follow(target.schema, name + target.path);
    }
    for (const [member, where] of sameValue(inner, path)) follow(member, where);
    open.delete(inner);
    over.add(inner);
  };
  visitSchemas(schema, name, follow);
  return found;
}

/** The schemas inside one that judge the same value as it does. */
function* sameValue(schema: Record<string, unknown>, path: string): Generator<[unknown, string]> {
  for (const key of ["not", "if", "then", "else"]) yield [schema[key], path + step(key)];
  for (const key of ["allOf", "anyOf", "oneOf", "dependentSchemas"]) {
    const members = schema[key];
    if (Array.isArray(members)) for (const [index, member] of members.entries()) yield [member, path + step(key) + step(index)];
    else if (isObject(members)) for (const [property, member] of Object.entries(members)) yield [member, path + step(key) + step(property)];
  }
}

/** What `#/$defs/a` names. */
function resolve(root: JsonSchema, ref: string): { readonly schema: object; readonly path: string } | undefined {
  if (ref !== "#" && !ref.startsWith("#/")) return undefined;
  let place: unknown = root;
  let path = "";
  for (const part of ref.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof place !== "object" || place === null || !Object.hasOwn(place, key)) return undefined;
    path += step(Array.isArray(place) ? Number(key) : key);
    place = (place as Record<string, unknown>)[key];
  }
  return isObject(place) ? { schema: place, path } : undefined;
}
