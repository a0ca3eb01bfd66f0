// Fear: a process that ends, crashes or hangs while the engine's thread is at work, for one reply or for sixteen.
import { beforeAll, describe, expect, test } from "vitest";
import { hermesModel } from "../support/models.js";
import { program, runNode } from "./run_program.js";

const end = (way: string, replies = 1, model = "smollm2") =>
  runNode(program("endings.mjs"), [way, String(replies), model]);

describe.each([1, 16])("with replies at work: %i", (replies) => {
  let quick: string;
  beforeAll(async () => (quick = await hermesModel()));

  test.each(["exit in decode", "exit in prefill", "exit with a reader waiting"])(
    "process.exit ends at once with its own code: %s",
    async (way) => {
      expect(await end(way, replies)).toMatchObject({ code: 7, signal: null, stderr: "" });
    },
  );

  test("an uncaught exception in decode ends as exceptions do", async () => {
    const { code, signal, stderr } = await end("throw in decode", replies);
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toContain("nobody catches this");
  });

  test.each([
    "return in decode",
    "return in prefill",
    "return with an unread reply",
    "return with an idle model",
    "return with a failed reply",
  ])("what nobody waits for keeps no process alive: %s", async (way) => {
    expect(await end(way, replies)).toMatchObject({ code: 0, signal: null, stdout: "begun\n", stderr: "" });
  });

  // Hundreds of tokens each until all are paused: by a model that writes them at once.
  test("paused replies keep no process alive", async () => {
    expect(await end("return with a paused reply", replies, quick)).toMatchObject({
      code: 0,
      signal: null,
      stdout: "begun\n",
      stderr: "",
    });
  });

  test("replies that somebody awaits keep the process alive to their end", async () => {
    const { code, stdout } = await end("return with an awaited reply", replies);
    expect({ code, lines: stdout.split("\n").length - 1 }).toEqual({ code: 0, lines: 1 + replies });
    expect(stdout).toMatch(/^begun\n(generated \d+\n)+$/);
  });

  test("closing in decode ends cleanly", async () => {
    expect(await end("close in decode", replies)).toMatchObject({
      code: 0,
      signal: null,
      stdout: "begun\n",
      stderr: "",
    });
  });

  test.each(["close in prefill", "close twice at once and read later"])(
    "closing ends every reply with MODEL_CLOSED: %s",
    async (way) => {
      const model = way === "close in prefill" ? "smollm2" : quick;
      expect(await end(way, replies, model)).toMatchObject({
        code: 0,
        signal: null,
        stdout: `${"MODEL_CLOSED\n".repeat(replies)}begun\n`,
        stderr: "",
      });
    },
  );
});

test("process.exit ends at once with its own code: exit while loading", async () => {
  expect(await end("exit while loading")).toMatchObject({ code: 7, signal: null, stderr: "" });
});

test("a load that somebody awaits keeps the process alive to its end", async () => {
  expect(await end("return while loading")).toMatchObject({ code: 0, stdout: "loaded and closed\n", stderr: "" });
});
