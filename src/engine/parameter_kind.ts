// How a parameter's value is written where a format has strings without quotes.
import { isObject } from "../json_object.js";

/** `"text"`: only strings are allowed. `"json"`: no string is. `"either"`: both may be. */
export type ParameterKind = "text" | "json" | "either";

const allTypes = ["string", "number", "integer", "boolean", "null", "object", "array"];
/** Schemas that are looked at for one value: references can multiply them. */
const mostSchemas = 256;

/** `root` is the schema of all arguments, into which references point. */
export function parameterKind(schema: unknown, root: unknown): ParameterKind {
  const types = parameterTypes(schema, root);
  if (!types.has("string")) return "json";
  return types.size === 1 ? "text" : "either";
}

/** The types that values of a schema may have; more of them where the schema cannot be followed. */
export function parameterTypes(schema: unknown, root: unknown): Set<string> {
  return new TypeReader(root).read(schema);
}

class TypeReader {
  readonly #root: unknown;
  #seen = 0;

  constructor(root: unknown) {
    this.#root = root;
  }

  read(schema: unknown): Set<string> {
    const types = new Set(allTypes);
    if (!isObject(schema) || ++this.#seen > mostSchemas) return types;
    const { type, enum: values, anyOf, oneOf, allOf, $ref } = schema;
    const keep = (limit: Set<string>) => {
      for (const one of types) if (!accepts(limit, one)) types.delete(one);
    };
    if (typeof type === "string") keep(new Set([type]));
    if (Array.isArray(type)) keep(new Set(type as string[]));
    if ("const" in schema) keep(new Set([typeOf(schema["const"])]));
    if (Array.isArray(values)) keep(new Set(values.map(typeOf)));
    for (const choice of [anyOf, oneOf])
      if (Array.isArray(choice)) keep(new Set(choice.flatMap((one) => [...this.read(one)])));
    if (Array.isArray(allOf)) for (const one of allOf) keep(this.read(one));
    if (typeof $ref === "string") keep(this.read(target($ref, this.#root)));
    return types;
  }
}

const accepts = (limit: Set<string>, type: string) => limit.has(type) || (type === "integer" && limit.has("number"));

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function target(reference: string, root: unknown): unknown {
  if (!reference.startsWith("#/")) return reference === "#" ? root : undefined;
  return reference
    .slice(2)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined), root);
}

/** Whether a text without quotes is written with that minimum or maximum length: each character is a state. */
export const isEnforcedLength = (length: unknown): boolean => typeof length === "number" && length <= 2_000;

/** The schema of one argument; undefined where none is declared. */
export function parameterSchema(parameters: unknown, name: string): unknown {
  const properties = isObject(parameters) ? parameters["properties"] : undefined;
  return isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
}
