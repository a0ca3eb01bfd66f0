// Two schemas that hold in one place, as one.
import { isObject, setOwn } from "../../../json_object.js";

const largest = new Set(["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"]);
const smallest = new Set(["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"]);

/** Alternatives of both, multiplied. */
const mostBranches = 1_024;

/** @param lose is told of each keyword of which the second alone is kept, since the two cannot be put together */
export function mergedSchemas(first: unknown, second: unknown, lose: (keyword: string) => void): unknown {
  if (first === false || second === false) return false;
  if (!isObject(second)) return first;
  if (!isObject(first)) return second;
  const merge = (a: unknown, b: unknown) => mergedSchemas(a, b, lose);
  const result: Record<string, unknown> = { ...first };
  for (const [keyword, value] of Object.entries(second))
    setOwn(result, keyword, Object.hasOwn(first, keyword) ? both(keyword, first[keyword], value, lose) : value);
  if (isObject(first["properties"]) && isObject(second["properties"])) {
    const properties: Record<string, unknown> = { ...first["properties"] };
    for (const [name, inner] of Object.entries(second["properties"]))
      setOwn(properties, name, Object.hasOwn(properties, name) ? merge(properties[name], inner) : inner);
    result["properties"] = properties;
  }
  // What one says of further properties holds for those that the other alone declares.
  for (const [one, other] of [
    [first, second],
    [second, first],
  ]) {
    const names = Object.keys(isObject(one!["properties"]) ? one!["properties"] : {});
    const isOpen = [undefined, true].includes(other!["additionalProperties"] as boolean | undefined);
    const declared = isObject(other!["properties"]) ? other!["properties"] : {};
    if (!isOpen && names.some((name) => !Object.hasOwn(declared, name))) lose("additionalProperties");
  }
  return result;
}

function both(keyword: string, a: unknown, b: unknown, lose: (keyword: string) => void): unknown {
  if (largest.has(keyword)) return Math.max(Number(a), Number(b));
  if (smallest.has(keyword)) return Math.min(Number(a), Number(b));
  switch (keyword) {
    case "type":
      return bothTypes([a].flat(), [b].flat());
    case "required":
      return [...new Set([a, b].flat())];
    case "allOf":
      return [a, b].flat();
    case "enum":
      return [b].flat().filter((value) => [a].flat().some((one) => JSON.stringify(one) === JSON.stringify(value)));
    case "items":
    case "additionalProperties":
      return mergedSchemas(a, b, lose);
    case "anyOf": {
      const [some, others] = [[a].flat(), [b].flat()];
      if (some.length * others.length > mostBranches) break;
      return some.flatMap((one) => others.map((other) => mergedSchemas(one, other, lose)));
    }
    // They are put together by whoever asks for this.
    case "properties":
      return b;
  }
  if (JSON.stringify(a) !== JSON.stringify(b)) lose(keyword);
  return b;
}

/** Integers are numbers. */
function bothTypes(a: readonly unknown[], b: readonly unknown[]): unknown[] {
  const takes = (list: readonly unknown[], type: unknown) =>
    list.includes(type) || (type === "integer" && list.includes("number"));
  return [...new Set([...a, ...b])].filter((type) => takes(a, type) && takes(b, type));
}
