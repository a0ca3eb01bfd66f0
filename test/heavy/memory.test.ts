// Fear: memory that grows with every request.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { growth, measureMemory } from "../process/measure_memory.js";

test("native memory stays within 2 % after the first 500 of 10,000 requests, 1,000 more being aborted", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-memory-"));
  const report = await measureMemory("memory.mjs", [10_000, 1000, 500, folder], 3_600_000);
  await rm(folder, { recursive: true });
  console.log(JSON.stringify(report, undefined, 1));
  expect(report.counts["requests"]).toBeGreaterThanOrEqual(10_000);
  for (const place of ["in the queue", "while it reads", "while it writes"])
    expect(report.counts[place]).toBeGreaterThan(250);
  const { native, external, heapUsed } = growth(report);
  expect(native).toBeLessThan(1.02);
  expect(external).toBeLessThan(1.02);
  expect(heapUsed).toBeLessThan(1.05);
});
