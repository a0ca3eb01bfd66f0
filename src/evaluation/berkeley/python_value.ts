// Values as Python's json.loads gives them. The published scores are counted in Python, where 5 and 5.0 are of
import { setOwn } from "../../json_object.js";
// different types but equal, and True equals 1: JavaScript's numbers cannot tell these apart.

/** Integers are bigint, floats number. */
export type PythonValue = null | boolean | bigint | number | string | readonly PythonValue[] | PythonTuple | PythonDict;
export type PythonDict = ReadonlyMap<string, PythonValue>;

/** Written with parentheses in Python; never equal to a list. */
export class PythonTuple {
  readonly items: readonly PythonValue[];

  constructor(items: readonly PythonValue[]) {
    this.items = items;
  }
}

export type PythonType = "NoneType" | "bool" | "int" | "float" | "str" | "list" | "tuple" | "dict";

/** The result of `type(value).__name__`. */
export function pythonType(value: PythonValue): PythonType {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float";
  if (typeof value === "string") return "str";
  if (value instanceof PythonTuple) return "tuple";
  return isList(value) ? "list" : "dict";
}

export const isList = (value: PythonValue): value is readonly PythonValue[] => Array.isArray(value);
export const isDict = (value: PythonValue): value is PythonDict => value instanceof Map;

/** `left == right` in Python: True == 1 == 1.0, whatever they are nested in. */
export function pythonEquals(left: PythonValue, right: PythonValue): boolean {
  // JavaScript compares bigint and number by value, exactly.
  if (isNumeric(left) && isNumeric(right)) return asNumber(left) == asNumber(right);
  return equalContainers(left, right, pythonEquals);
}

/** Equality of JSON: 1 and 1.0 are the same number, true is none. */
export function jsonEquals(left: PythonValue, right: PythonValue): boolean {
  if (typeof left === "boolean" || typeof right === "boolean") return left === right;
  if (isNumeric(left) && isNumeric(right)) return asNumber(left) == asNumber(right);
  return equalContainers(left, right, jsonEquals);
}

function equalContainers(left: PythonValue, right: PythonValue, equals: typeof pythonEquals): boolean {
  if (left instanceof PythonTuple && right instanceof PythonTuple)
    return equalContainers(left.items, right.items, equals);
  if (isList(left) && isList(right))
    return left.length === right.length && left.every((item, index) => equals(item, right[index]!));
  if (isDict(left) && isDict(right)) {
    return (
      left.size === right.size && [...left].every(([key, value]) => right.has(key) && equals(value, right.get(key)!))
    );
  }
  return left === right;
}

const isNumeric = (value: PythonValue): value is boolean | bigint | number =>
  typeof value === "boolean" || typeof value === "bigint" || typeof value === "number";
const asNumber = (value: boolean | bigint | number) => (typeof value === "boolean" ? Number(value) : value);

/** `value in list` in Python. */
export const isAmong = (value: PythonValue, list: readonly PythonValue[]) =>
  list.some((item) => pythonEquals(value, item));

/** The plain JavaScript value, for a JSON Schema validator. Integers beyond 2^53 lose digits. */
export function toJson(value: PythonValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof PythonTuple) return value.items.map(toJson);
  if (isList(value)) return value.map(toJson);
  if (!isDict(value)) return value;
  const object = {};
  for (const [key, member] of value) setOwn(object, key, toJson(member));
  return object;
}

/** JSON for a report, cut if it is long. */
export function show(value: PythonValue | undefined): string {
  if (value === undefined) return "nothing";
  const text = write(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

function write(value: PythonValue): string {
  if (typeof value === "bigint") return String(value);
  // Python writes a float this way.
  if (typeof value === "number") return Number.isInteger(value) ? value.toFixed(1) : String(value);
  if (value instanceof PythonTuple) return `(${value.items.map(write).join(", ")})`;
  if (isList(value)) return `[${value.map(write).join(", ")}]`;
  if (isDict(value))
    return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}: ${write(member)}`).join(", ")}}`;
  return JSON.stringify(value);
}
