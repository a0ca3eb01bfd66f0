// Fear: a fleet over a bad network that loses, repeats, hangs or leaks. CADUCEUS_CHAOS_SECONDS says for how long.
import { expect, test } from "vitest";
import { run } from "../../process/run_program.js";
import { hermesModel } from "../../support/models.js";

const seconds = Number(process.env["CADUCEUS_CHAOS_SECONDS"] ?? 600);

test(`three servers of which one at a time is killed, stalled or garbled for ${seconds} s: nothing is lost before it began, nothing done twice, nothing held`, async () => {
  const program = new URL("chaos.mjs", import.meta.url).pathname;
  const { code, stdout, stderr } = await run(
    "unshare",
    ["--net", process.execPath, program, String(seconds), await hermesModel()],
    { timeoutMs: (seconds + 300) * 1000 },
  );
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  console.log(stdout);
  const seen = JSON.parse(stdout) as Record<string, never> & {
    readonly killed: { readonly begun: number; readonly whole: number; readonly failed: number };
    readonly codes: Readonly<Record<string, number>>;
    readonly heldBytes: { readonly before: number; readonly after: number };
  };
  expect(seen).toMatchObject({ hung: 0, lostBeforeItBegan: [], sentAfterItBegan: [], unhandled: [] });
  for (const code of Object.keys(seen.codes)) expect(code).toMatch(/^UPSTREAM_(FAILED|TIMEOUT|INVALID|UNREACHABLE)$/);
  // It was killed in the middle of streams, and the other two did the rest.
  expect(seen.killed.failed).toBeGreaterThan(0);
  expect(seen.killed.whole).toBeGreaterThan(100);
  // A short run is still warming up.
  if (seconds >= 300) expect(seen.heldBytes.after / seen.heldBytes.before).toBeLessThan(1.02);
});
