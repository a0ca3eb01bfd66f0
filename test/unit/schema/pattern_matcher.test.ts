// Patterns are found where JavaScript finds them, and in bounded steps.
import fc from "fast-check";
import { expect, test } from "vitest";
import { patternTest } from "../../../src/schema/pattern/pattern_matcher.js";
import { BudgetSpent, WorkBudget } from "../../../src/schema/work_budget.js";

const find = (expression: RegExp, text: string, steps = 10_000_000) => {
  const budget = new WorkBudget(steps);
  return patternTest(expression, budget)(text, budget);
};

const pieces = [
  "a",
  "b",
  "[ab]",
  "[^a]",
  ".",
  "\\w",
  "\\d",
  "\\b",
  "\\B",
  "^",
  "$",
  "\\u0061",
  "😀",
  "[😀b]",
  "\\s",
  "-",
  "(?=a)",
  "(?!b)",
  "(?<=a)",
  "(?<!b)",
  "(?=.*b$)",
  "(?<=^a.)",
  "\\p{L}",
  "\\.",
  "\\x41",
  "[]",
  "[^]",
  "\\]",
  "[\\]]",
  "\\0",
  "\\u{1F600}",
  "\\ud83d\\ude00",
  "\\1",
  "\\1",
  "\\k<n>",
  "\\2",
];
const quantifiers = ["", "*", "+", "?", "{2}", "{1,3}", "{0,}", "*?", "{2,}?"];
const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  part: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...pieces),
    fc.array(tie("pattern"), { maxLength: 4 }).map((parts) => parts.join("")),
    fc.tuple(tie("part"), tie("part")).map(([one, other]) => `(?:${one}|${other})`),
    ...["(", "(", "(?=", "(?<=", "(?<!", "(?<n>"].map((opening) => tie("part").map((part) => `${opening}${part})`)),
  ),
  pattern: fc
    .tuple(tie("part"), fc.constantFrom(...quantifiers))
    .map(([part, quantifier]) => `(?:${part})${quantifier}`),
}));
const texts = fc
  .array(fc.constantFrom("a", "b", "A", "1", " ", "-", "😀", "_", "é", "\n", "]"), { maxLength: 12 })
  .map((parts) => parts.join(""));

test("whatever the pattern and the text, the answer is JavaScript's", () => {
  fc.assert(
    fc.property(pattern, texts, fc.constantFrom("", "u", "i", "iu"), (source, text, flags) => {
      let expression: RegExp;
      try {
        expression = new RegExp(source, flags);
      } catch {
        return;
      }
      // V8 looks behind, and for no boundary of words, in the middle of a character of two halves too.
      if (/\(\?<[=!]|\\B/.test(source) && text.includes("😀")) return;
      // In any case it is not looked for.
      if (flags.includes("i") && /\\[12k]/.test(source)) return;
      expect(find(expression, text), `${String(expression)} in ${JSON.stringify(text)}`).toBe(expression.test(text));
    }),
    { numRuns: 1_500 },
  );
});

test.each([
  [/^(a+)+$/, `${"a".repeat(2_000)}!`],
  [/^(?=a)(a+)+$/, `${"a".repeat(2_000)}!`],
  [/^(a|a)*$/, `${"a".repeat(2_000)}!`],
  [/(a*)*(a*)*(a*)*b/, "a".repeat(2_000)],
  [/^(?:(?:(?:(?:a?){10}){10}){10})b/, "a".repeat(50)],
  [/\s+$/, `${" ".repeat(20_000)}x`],
])("%s ends within steps in proportion to the text", (expression, text) => {
  expect(find(expression, text, 200 * text.length + 1_000_000)).toBe(false);
});

test("what no engine finds in bounded time is given up: a reference back to a group", () => {
  expect(find(/^(['"]).*\1$/, "'quoted'")).toBe(true);
  expect(() => find(/^(a+)+\1!$/, "a".repeat(60))).toThrow(BudgetSpent);
});

test("repetitions that fill the memory when they are written out are given up", () => {
  expect(() => find(/^(?:a{1000}){1000}$/, "a", 1_000)).toThrow(BudgetSpent);
});
