// The programs that the API exists for, run unchanged.
import { expect, test } from "vitest";
import { example, program, runNode } from "./run_program.js";

test("hello streams an answer", async () => {
  const { code, stdout, stderr } = await runNode(example("hello.mjs"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.length).toBeGreaterThan(20);
});

test("chat answers three questions and its second turn has most of its prompt cached", async () => {
  const { code, stdout, stderr } = await runNode(example("chat.mjs"));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [, cached, prompt] = /(\d+) of (\d+) prompt tokens were cached; 5 messages/.exec(stdout) ?? [];
  expect(Number(cached)).toBeGreaterThanOrEqual(Number(prompt) / 2);
});

test("cancel gives up in time, stops where it is left, and says what is closed", async () => {
  expect(await runNode(example("cancel.mjs"))).toMatchObject({ code: 0, stdout: "TimeoutError\n5 0\ntrue MODEL_CLOSED\n", stderr: "" });
});

test("CommonJS can require the package without a warning", async () => {
  expect(await runNode(program("require.cjs"))).toMatchObject({ code: 0, stdout: "function true MODEL_NOT_FOUND\n", stderr: "" });
});
