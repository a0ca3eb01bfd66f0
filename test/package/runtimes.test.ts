// The packed package in every runtime it is made for. What one of them cannot do stands in docs/runtimes.md, and is
// expected here.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { bun, deno, installed, model, node, runIn } from "./world.js";

const runtimes: Readonly<Record<string, () => readonly [string, ...string[]]>> = {
  "Node 20.19": () => [node(20)],
  "Node 22": () => [node(22)],
  "Node 24": () => [node(24)],
  "Node 26": () => [node(26)],
  Bun: () => [bun()],
  Deno: () => [deno(), "run", "--allow-all"],
};

/**
 * They let a main module that still waits for something go on after an uncaught exception, with this package or without
 * it.
 */
const goesOn = ["Bun"];

let folder: string;
beforeAll(async () => void (folder = await installed()));

const scenario = async (runtime: string, name: string) => {
  const [command, ...args] = runtimes[runtime]!();
  return runIn(folder, command, [...args, "runtime.mjs", name, model]);
};

/** Of the Node that runs the tests. */
let expected: string;
beforeAll(async () => {
  const { stdout, stderr } = await runIn(folder, process.execPath, ["runtime.mjs", "generate", model]);
  expect({ stderr, isText: JSON.parse(stdout).length > 10 }).toEqual({ stderr: "", isText: true });
  expected = stdout;
});

describe.each(Object.keys(runtimes))("%s", (runtime) => {
  test("generates the same text as here, closes, and ends by itself", async () => {
    expect(await scenario(runtime, "generate")).toMatchObject({ code: 0, signal: null, stdout: expected, stderr: "" });
  });

  test("enforces a schema", async () => {
    expect(await scenario(runtime, "enforce a schema")).toMatchObject({
      code: 0,
      signal: null,
      stdout: "age true\n",
      stderr: "",
    });
  });

  test("a signal ends a reply while its prompt is read", async () => {
    expect(await scenario(runtime, "abort in prefill")).toMatchObject({
      code: 0,
      signal: null,
      stdout: "AbortError 0\n",
      stderr: "",
    });
  });

  test("survives the crash of an isolated model, and ends by itself", async () => {
    expect(await scenario(runtime, "survive a crash")).toMatchObject({
      code: 0,
      signal: null,
      stdout: "ENGINE_CRASHED true\n",
      stderr: "",
    });
  });

  test("leaving the loop stops the engine", async () => {
    expect(await scenario(runtime, "leave the loop")).toMatchObject({
      code: 0,
      signal: null,
      stdout: "3 0\n",
      stderr: "",
    });
  });

  test("an idle model keeps no process alive", async () => {
    expect(await scenario(runtime, "end with an idle model")).toMatchObject({
      code: 0,
      signal: null,
      stdout: "true\n",
      stderr: "",
    });
  });

  test("process.exit in decode ends at once with its own code", async () => {
    expect(await scenario(runtime, "exit in decode")).toMatchObject({ code: 7, signal: null, stderr: "" });
  });

  test(`an uncaught exception in decode ${goesOn.includes(runtime) ? "is told, and decides the exit code in the end" : "ends the process at once"}`, async () => {
    const outcome = await scenario(runtime, "fail in decode");
    expect(outcome).toMatchObject({
      code: 1,
      signal: null,
      stdout: goesOn.includes(runtime) ? "it went on\n" : "",
      stderr: expect.stringContaining("nobody catches this"),
    });
  });

  test("worker.terminate() in decode, three times, leaves a process that still loads and answers", async () => {
    expect(await scenario(runtime, "terminate workers")).toMatchObject({
      code: 0,
      signal: null,
      stdout: "true\n",
      stderr: "",
    });
  });
});

test.each(Object.keys(runtimes))(
  "what is expected of %s after an uncaught exception is what it does without the package",
  async (runtime) => {
    const [command, ...args] = runtimes[runtime]!();
    await writeFile(
      path.join(folder, "uncaught.mjs"),
      'setTimeout(() => { throw new Error("nobody"); });\nawait new Promise((resolve) => setTimeout(resolve, 300));\nconsole.log("it went on");\n',
    );
    expect(await runIn(folder, command, [...args, "uncaught.mjs"])).toMatchObject({
      code: 1,
      stdout: goesOn.includes(runtime) ? "it went on\n" : "",
    });
  },
);
