// Fear: memory that grows with every request. `npm run test:heavy` does the same ten times over.
import { expect, test } from "vitest";
import { growth, measureMemory } from "./measure_memory.js";

test("setting the log 20,000 times keeps nothing of it", async () => {
  const report = await measureMemory("log_calls.mjs", [20_000], 60_000);
  expect(report.counts["set"]).toBe(20_000);
  const { native, heapUsed } = growth(report);
  expect(native).toBeLessThan(1.03);
  expect(heapUsed).toBeLessThan(1.05);
});

test("native memory is flat while 1,000 requests end and 100 are aborted: in the queue, in prefill and in decode", async () => {
  const report = await measureMemory("memory.mjs", [1500, 150, 500], 120_000);
  for (const place of ["in the queue", "while it reads", "while it writes"])
    expect(report.counts[place]).toBeGreaterThan(20);
  // 3 % are some 4 KB a request: fewer requests than in the heavy test stand out less from what the allocator does.
  const { native, external, heapUsed } = growth(report);
  expect(native).toBeLessThan(1.03);
  expect(external).toBeLessThan(1.02);
  expect(heapUsed).toBeLessThan(1.05);
});
