// What is kept of schemas is bounded, however many and however large they are, and changes no answer.
import v8 from "node:v8";
import vm from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BoundedCache } from "../../../src/schema/bounded_cache.js";
import { keptPattern, patternTest } from "../../../src/schema/pattern/pattern_matcher.js";
import { readSchema } from "../../../src/schema/read_schema.js";
import { WorkBudget } from "../../../src/schema/work_budget.js";

v8.setFlagsFromString("--expose-gc");
const collectGarbage = vm.runInNewContext("gc") as () => void;

test("a cache keeps the sizes together below its bound, and those used last", () => {
  const uses = fc.array(fc.tuple(fc.constantFrom(..."abcdefgh"), fc.integer({ min: 0, max: 60 })), { maxLength: 60 });
  fc.assert(
    fc.property(uses, (all) => {
      const cache = new BoundedCache<number>({ most: 100, largest: 50 });
      let model: [string, number][] = [];
      for (const [key, size] of all) {
        model = model.filter(([known]) => known !== key);
        if (size <= 50) model.push([key, size]);
        while (model.reduce((sum, [, one]) => sum + one, 0) > 100) model.shift();
        cache.set(key, size, size);
        for (const [known, one] of model) expect(cache.get(known)).toBe(one);
        for (const absent of "abcdefgh")
          if (!model.some(([known]) => known === absent)) expect(cache.get(absent)).toBeUndefined();
      }
    }),
  );
});

test("a pattern costs the same steps whether it is kept or not", () => {
  const spent = () => {
    const budget = new WorkBudget(1e6);
    keptPattern("^(?:a?b?[c-f]){200}$", budget);
    return 1e6 - budget.left;
  };
  expect(spent()).toBeGreaterThan(3_000);
  expect(spent()).toBe(spent());
});

test("hundreds of schemas with enormous patterns do not fill the memory", () => {
  const patterns = (seed: number) =>
    Array.from({ length: 4 }, (_, index) => ({
      type: "string" as const,
      pattern: `^(?:x${seed}y${index})?(?:a?b?[c-f]?){1900}$`,
    }));
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  // Each took 2.5 MB.
  for (let seed = 0; seed < 40; seed++)
    expect(
      readSchema({ type: "array", prefixItems: patterns(seed) }, "schema").check(["ab", "ab", "ab", "ab"]).ok,
    ).toBe(true);
  collectGarbage();
  expect((process.memoryUsage().heapUsed - before) / 2 ** 20).toBeLessThan(40);
});

test("what is captured is counted where it is copied", () => {
  const [groups, turns] = [100, 60];
  const budget = new WorkBudget(1e7);
  const expression = new RegExp(`^${"(a)".repeat(groups)}(?:(b))*\\1$`, "u");
  expect(patternTest(expression, budget)(`${"a".repeat(groups)}${"b".repeat(turns)}a`, budget)).toBe(true);
  expect(1e7 - budget.left).toBeGreaterThan(2 * groups * turns);
});
