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
    if (typeof $ref === "string") keep(this.read(referenced($ref, this.#root)));
    return types;
  }
}

const accepts = (limit: Set<string>, type: string) => limit.has(type) || (type === "integer" && limit.has("number"));

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

/** The schema that a `$ref` points to; undefined: none. */
export function referenced(reference: string, root: unknown): unknown {
  if (!reference.startsWith("#/")) return reference === "#" ? root : undefined;
  return reference
    .slice(2)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((at, step) => (isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined), root);
}

/** Whether a text without quotes is written with that minimum or maximum length: each character is a state. */
export const isEnforcedLength = (length: unknown): boolean => typeof length === "number" && length <= 2_000;

/** Whether a list in a notation that is not JSON is written with that number of elements: each is a rule. */
export const isEnforcedCount = (count: unknown): count is number => typeof count === "number" && count <= 64;

/** The schema of one argument; undefined where none is declared. */
export function parameterSchema(parameters: unknown, name: string): unknown {
  const properties = isObject(parameters) ? parameters["properties"] : undefined;
  return isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** A schema that is nothing but one other is that one. */
export function onlySchema(schema: unknown): unknown {
  const { allOf } = isObject(schema) && Object.keys(schema).length === 1 ? schema : {};
  return Array.isArray(allOf) && allOf.length === 1 ? allOf[0] : schema;
}

/** Keywords of numbers, which are JSON in every notation. */
export const numberKeywords: readonly string[] = [
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
];

const notationKeywords = new Set([
  ...["type", "enum", "const", "anyOf", "oneOf", "$ref", "$defs"],
  ...["properties", "required", "additionalProperties", "items", ...numberKeywords],
]);

/** The keywords of a value's schema that are not enforced where strings stand between markers, and where they are. */
export function unenforcedInNotation(whole: unknown, path: string): { path: string; keyword: string }[] {
  const schema = onlySchema(whole);
  if (schema !== whole) return unenforcedInNotation(schema, `${path}.allOf.0`);
  if (!isObject(schema)) return [];
  const isChoice = ["enum", "const", "anyOf", "oneOf", "$ref"].some((keyword) => keyword in schema);
  const own = Object.entries(schema).filter(([keyword, value]) => {
    if (keyword === "minLength" || keyword === "maxLength") return isChoice || !isEnforcedLength(value);
    if (keyword === "minItems" || keyword === "maxItems") return isChoice || !isEnforcedCount(value);
    return !notationKeywords.has(keyword) || (isChoice && ["properties", "items"].includes(keyword));
  });
  const { properties, $defs, anyOf, oneOf, items, additionalProperties } = schema;
  const named = [...Object.entries({ properties, $defs }), ...Object.entries({ anyOf, oneOf })].flatMap(
    ([at, inner]) =>
      isObject(inner) || Array.isArray(inner)
        ? Object.entries(inner).flatMap(([name, one]) => unenforcedInNotation(one, `${path}.${at}.${name}`))
        : [],
  );
  return [
    ...own.map(([keyword]) => ({ path, keyword })),
    ...named,
    ...Object.entries({ items, additionalProperties }).flatMap(([at, inner]) =>
      unenforcedInNotation(inner, `${path}.${at}`),
    ),
  ];
}
