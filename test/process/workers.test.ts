// Fear: a worker thread that is torn down while the engine's thread still wants to call into it.
import { expect, test } from "vitest";
import { program, runNode } from "./run_program.js";

test.each(["load", "prefill", "decode"])("worker.terminate() during %s, three times, leaves a process that still loads and answers", async (phase) => {
  expect(await runNode(program("workers.mjs"), [phase])).toMatchObject({ code: 0, signal: null, stdout: "true\n", stderr: "" });
});

test("two models in two workers answer alike, and the main thread after them", async () => {
  expect(await runNode(program("workers.mjs"), ["two at once"])).toMatchObject({ code: 0, signal: null, stdout: "true\ntrue\n", stderr: "" });
});
