// Fear: a worker that leaves something behind, in whatever way and whenever it ends.
import { expect, test } from "vitest";
import { growth, measureMemory } from "../process/measure_memory.js";

test("native memory stays within 2 % while 90 workers load, generate and end in six ways at random moments", async () => {
  const report = await measureMemory("worker_churn.mjs", [90], 3_600_000);
  console.log(JSON.stringify(report, undefined, 1));
  expect(Object.values(report.counts)).toEqual(Array(6).fill(15));
  const { native, external, heapUsed } = growth(report);
  expect(native).toBeLessThan(1.02);
  expect(external).toBeLessThan(1.02);
  expect(heapUsed).toBeLessThan(1.05);
});
