// Fear: a worker thread that is torn down while the engine's thread still wants to call into it, for one reply or for
// sixteen.
import { describe, expect, test } from "vitest";
import { program, runNode } from "./run_program.js";

const ended = { code: 0, signal: null, stderr: "" };

test("worker.terminate() while loading, three times, leaves a process that still loads and answers", async () => {
  expect(await runNode(program("workers.mjs"), ["load"])).toMatchObject({ ...ended, stdout: "true\n" });
});

describe.each([1, 16])("with replies at work: %i", (replies) => {
  test.each(["prefill", "decode"])(
    "worker.terminate() during %s, three times, leaves a process that still loads and answers",
    async (phase) => {
      expect(await runNode(program("workers.mjs"), [phase, String(replies)])).toMatchObject({
        ...ended,
        stdout: "true\n",
      });
    },
  );

  test("two models in two workers answer alike, and the main thread after them", async () => {
    expect(await runNode(program("workers.mjs"), ["two at once", String(replies)])).toMatchObject({
      ...ended,
      stdout: "true\ntrue\n",
    });
  });
});
