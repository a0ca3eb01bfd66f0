// Whether a value has a format, by the table of ajv-formats. Its expressions are run like patterns, in linear time,
// since the values come from a model.
import { fullFormats } from "ajv-formats/dist/formats.js";
import { patternTest, type PatternTest } from "../pattern/pattern_matcher.js";
import { WorkBudget } from "../work_budget.js";

const patterns = new Map<RegExp, PatternTest>();

/** Unknown formats and values of other types are accepted. */
export function hasFormat(value: unknown, name: string, budget: WorkBudget): boolean {
  const format: unknown = Object.hasOwn(fullFormats, name) ? fullFormats[name as keyof typeof fullFormats] : undefined;
  if (format instanceof RegExp) return typeof value !== "string" || testOf(format)(value, budget);
  const { type = "string", validate = format } =
    (format as { readonly type?: string; readonly validate?: unknown }) ?? {};
  if (typeof validate !== "function" || typeof value !== type) return true;
  // These read each character a few times and do not backtrack.
  budget.spend(typeof value === "string" ? value.length : 1);
  return (validate as (value: unknown) => boolean)(value);
}

/** Not bounded: there are some twenty formats. */
function testOf(expression: RegExp): PatternTest {
  let test = patterns.get(expression);
  if (test === undefined) patterns.set(expression, (test = patternTest(expression, new WorkBudget(Infinity))));
  return test;
}
