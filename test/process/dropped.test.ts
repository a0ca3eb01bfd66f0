// Fear: what nobody can read any more goes on being generated, and is kept until the model is closed.
import { expect, test } from "vitest";
import { program, run } from "./run_program.js";

test("a reply that was dropped is cancelled and released once it is collected, and holds nobody up", async () => {
  const { code, stdout, stderr } = await run(process.execPath, ["--expose-gc", program("dropped.mjs")]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { kinds, generated, next } = JSON.parse(stdout) as {
    kinds: Record<string, { before: number; after: number; ended: number }>;
    generated: number;
    next: string;
  };
  expect(Object.keys(kinds).length).toBeGreaterThan(5);
  for (const [kind, counts] of Object.entries(kinds)) {
    expect(counts.before, kind).toBeGreaterThan(0);
    expect({ kind, ...counts, before: 0 }).toEqual({ kind, before: 0, after: 0, ended: 4 });
  }
  expect(generated).toBe(60);
  expect(["stop", "length"]).toContain(next);
});
