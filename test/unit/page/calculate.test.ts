// `calculate`, the page's own tool for the model: arithmetic as people write it.
import fc from "fast-check";
import { expect, test } from "vitest";
import { calculate } from "../../../page/tools/calculate.js";

test.each([
  ["1 + 2 * 3", 7],
  ["(1 + 2) * 3", 9],
  ["2 ^ 3 ^ 2", 512],
  ["-2 ^ 2", -4],
  ["2 ** 3", 8],
  ["17.5 / 100 * 2340", 409.5],
  ["10 % 4", 2],
  ["sqrt(16) + abs(-1)", 5],
  ["2 × 3 ÷ 6", 1],
  ["1e3 + .5", 1000.5],
  ["--2", 2],
  ["round(2.5 * pi)", 8],
  ["8 - 3 - 2", 3],
])("%s is %d", (expression, value) => expect(calculate(expression)).toBeCloseTo(value, 12));

test.each([
  ["", "ends too early"],
  ["1 +", "ends too early"],
  ["(1", "not closed"],
  ["1 2", "unexpected 2"],
  ["alert(1)", "alert is not a number"],
  ["constructor", "not a number"],
  ["1 / 0", "not a finite number"],
  ["x".repeat(2000), "longer than"],
])("%j is refused", (expression, words) => expect(() => calculate(expression)).toThrow(words));

test("whatever the text, there is a finite number or an error", () => {
  const piece = fc.constantFrom("1", "2.5", "+", "-", "*", "/", "^", "%", "(", ")", "sqrt", "pi", " ", "e", ".");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      try {
        expect(calculate(pieces.join(""))).toSatisfy(Number.isFinite);
      } catch (error) {
        expect((error as Error).message).toMatch(/\.$/);
      }
    }),
  );
});
