// Fear: an object that is collected while the engine, or a promise, still needs it.
import { expect, test } from "vitest";
import { program, run } from "../process/run_program.js";

test("200 models, with collection between any two steps and everything dropped in every state, break nothing", async () => {
  const { code, signal, stdout, stderr } = await run(
    process.execPath,
    ["--expose-gc", program("collection.mjs"), "200"],
    { timeoutMs: 3_600_000 },
  );
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
  console.log(stdout);
  const { collections, counts } = JSON.parse(stdout) as { collections: number; counts: Record<string, number> };
  expect(collections).toBeGreaterThan(1000);
  expect(Object.keys(counts)).toHaveLength(8);
});
