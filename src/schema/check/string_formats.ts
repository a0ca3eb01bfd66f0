// Whether a value has a format. What each means is ajv-formats' table; its expressions are run as patterns are, so that
// none of them can go back without end in what a model wrote.
import { fullFormats } from "ajv-formats/dist/formats.js";
import { patternTest, type PatternTest } from "../pattern/pattern_matcher.js";
import { WorkBudget } from "../work_budget.js";

const patterns = new Map<RegExp, PatternTest>();

/** Unknown formats and other types of values are nobody's to refuse. */
export function hasFormat(value: unknown, name: string, budget: WorkBudget): boolean {
  const format: unknown = Object.hasOwn(fullFormats, name) ? fullFormats[name as keyof typeof fullFormats] : undefined;
  if (format instanceof RegExp) return typeof value !== "string" || testOf(format)(value, budget);
  const { type = "string", validate = format } =
    (format as { readonly type?: string; readonly validate?: unknown }) ?? {};
  if (typeof validate !== "function" || typeof value !== type) return true;
  // These look at each character a few times, and never back.
  budget.spend(typeof value === "string" ? value.length : 1);
  return (validate as (value: unknown) => boolean)(value);
}

/** There are some twenty, and none of them a stranger's. */
function testOf(expression: RegExp): PatternTest {
  let test = patterns.get(expression);
  if (test === undefined) patterns.set(expression, (test = patternTest(expression, new WorkBudget(Infinity))));
  return test;
}
