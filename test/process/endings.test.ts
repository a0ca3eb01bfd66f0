// Fear: a process that ends, crashes or hangs while the engine's thread is at work.
import { describe, expect, test } from "vitest";
import { program, runNode } from "./run_program.js";

const end = (way: string) => runNode(program("endings.mjs"), [way], { timeoutMs: 60_000 });

describe("process.exit ends at once with its own code", () => {
  test.each(["exit while loading", "exit in decode", "exit in prefill", "exit with a reader waiting"])("%s", async (way) => {
    expect(await end(way)).toMatchObject({ code: 7, signal: null, stderr: "" });
  });
});

test("an uncaught exception in decode ends as exceptions do", async () => {
  const { code, signal, stderr } = await end("throw in decode");
  expect({ code, signal }).toEqual({ code: 1, signal: null });
  expect(stderr).toContain("nobody catches this");
});

describe("what nobody waits for keeps no process alive", () => {
  test.each([
    "return in decode", "return in prefill", "return with an unread reply", "return with a parked reply", "return with an idle model", "return with a failed reply",
  ])("%s", async (way) => {
    expect(await end(way)).toMatchObject({ code: 0, signal: null, stdout: "begun\n", stderr: "" });
  });
});

test("a reply that somebody awaits keeps the process alive to its end", async () => {
  expect(await end("return with an awaited reply")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^begun\ngenerated \d+\n$/) });
});

test("a load that somebody awaits keeps the process alive to its end", async () => {
  expect(await end("return while loading")).toMatchObject({ code: 0, stdout: "loaded and closed\n", stderr: "" });
});

describe("closing in the middle ends cleanly", () => {
  test.each([
    ["close in decode", "begun\n"], ["close in prefill", "MODEL_CLOSED\nbegun\n"], ["close twice at once and read later", "MODEL_CLOSED\nbegun\n"],
  ])("%s", async (way, stdout) => {
    expect(await end(way)).toMatchObject({ code: 0, signal: null, stdout, stderr: "" });
  });
});
