// Checks one value by the keywords for types, numbers and strings. `wrong` is called with what was expected.
import { counted } from "./check/issue_words.js";
import { isMultiple } from "./check/multiple_of.js";
import type { PatternTest } from "./pattern/pattern_matcher.js";
import type { Node } from "./check/schema_index.js";
import type { WorkBudget } from "./work_budget.js";
import { isObject } from "../json_object.js";

type Wrong = (expected: () => string) => void;

export function checkNumber(
  value: number,
  { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: Node,
  wrong: Wrong,
): void {
  if (typeof minimum === "number" && !(value >= minimum)) wrong(() => `>= ${minimum}`);
  if (typeof maximum === "number" && !(value <= maximum)) wrong(() => `<= ${maximum}`);
  if (typeof exclusiveMinimum === "number" && !(value > exclusiveMinimum)) wrong(() => `> ${exclusiveMinimum}`);
  if (typeof exclusiveMaximum === "number" && !(value < exclusiveMaximum)) wrong(() => `< ${exclusiveMaximum}`);
  if (typeof multipleOf === "number" && !isMultiple(value, multipleOf)) wrong(() => `a multiple of ${multipleOf}`);
}

export function checkString(
  value: string,
  { minLength, maxLength, pattern }: Node,
  testOf: (source: string) => PatternTest,
  budget: WorkBudget,
  wrong: Wrong,
): void {
  if (typeof minLength === "number" || typeof maxLength === "number") {
    budget.spend(value.length >> 3);
    const length = lengthOf(value);
    if (typeof minLength === "number" && length < minLength)
      wrong(() => `text of at least ${counted(minLength, "character")}`);
    if (typeof maxLength === "number" && length > maxLength)
      wrong(() => `text of at most ${counted(maxLength, "character")}`);
  }
  if (typeof pattern === "string" && !testOf(pattern)(value, budget)) wrong(() => `text that matches ${pattern}`);
}

export function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "integer":
      return typeof value === "number" && Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

/** Length in code points, as JSON Schema counts. */
function lengthOf(text: string): number {
  let length = text.length;
  for (let at = 1; at < text.length; at++) {
    const isPair = (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
    if (isPair) length--;
  }
  return length;
}
