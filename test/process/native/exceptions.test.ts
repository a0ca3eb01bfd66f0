// Fear: a C++ exception that nobody catches ends the process. An addon of the tests throws, by every way into the
// binding.
import { beforeAll, expect, test } from "vitest";
import { nativeTestFile } from "../../support/native_test_file.js";
import { run } from "../run_program.js";

let addonFile: string;
beforeAll(async () => {
  addonFile = await nativeTestFile("throwing_addon.node");
});

/** What a program with the addon prints as JSON, when it has ended by itself. */
async function told(body: string, flags: readonly string[] = []): Promise<unknown> {
  const program = `
    import { createRequire } from "node:module";
    import { CaduceusError } from ${JSON.stringify(new URL("../../../dist/index.js", import.meta.url).href)};
    const addon = createRequire(import.meta.url)(${JSON.stringify(addonFile)});
    addon.initialize(CaduceusError);
    const tell = (error) => error instanceof CaduceusError
      ? [error.code, error.param ?? "", error.message, ...(error.remedy ? [error.remedy] : [])]
      : error instanceof Error ? [error.name, "", error.message] : ["no error", "", String(error)];
    ${body}`;
  const outcome = await run(process.execPath, [...flags, "--input-type=module", "--eval", program]);
  expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
  return JSON.parse(outcome.stdout);
}

const thrown: Record<string, unknown> = {
  ours: ["INVALID_ARGUMENT", "threads", "Invalid value for threads: 0. Expected at least 1."],
  memory: ["OUT_OF_MEMORY", "", "There is not enough memory."],
  lack: ["OUT_OF_MEMORY", "", "It needs 5 MiB. Use less.", "Use less."],
  runtime: ["ENGINE_FAILED", "", "A fault of this test."],
  anything: ["ENGINE_FAILED", "", "A native exception was thrown."],
};
const hows = JSON.stringify(Object.keys(thrown));

test.each(["nothing", "value"])(
  "what a function throws that gives %s is a CaduceusError with its code",
  async (name) => {
    const errors = await told(`
    const errors = {};
    for (const how of ${hows})
      try { addon.${name}(how); } catch (error) { errors[how] = tell(error); }
    console.log(JSON.stringify(errors));`);
    expect(errors).toEqual(thrown);
  },
);

test.each(["working", "converting"])("what is thrown while a promise's result is %s rejects it", async (name) => {
  const errors = await told(`
    const errors = {};
    for (const how of ${hows}) errors[how] = tell(await addon.${name}(how).catch((error) => error));
    console.log(JSON.stringify(errors));`);
  expect(errors).toEqual(thrown);
});

test("what the callback of a thread-safe function throws is an uncaught exception of JavaScript's", async () => {
  const errors = await told(
    `
    const errors = [];
    process.on("uncaughtException", (error) => errors.push(error.message));
    for (const how of ${hows}) addon.later(how, () => {});
    process.on("exit", () => console.log(JSON.stringify(errors)));`,
    ["--force-node-api-uncaught-exceptions-policy=true"], // By default Node warns of them, and goes on.
  );
  expect(errors).toHaveLength(Object.keys(thrown).length);
});
