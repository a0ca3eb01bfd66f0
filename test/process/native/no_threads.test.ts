// Fear: where the system gives no thread, the process ends, or stays for ever for what never began.
import path from "node:path";
import { expect, test } from "vitest";
import { hermesModel, smollm2Model } from "../../support/models.js";
import { nativeTestFile } from "../../support/native_test_file.js";
import { program, run } from "../run_program.js";

const load = async (model: string, ...most: string[]) => {
  const outcome = await run(process.execPath, [program("no_threads.mjs"), model, ...most], {
    env: { LD_PRELOAD: path.resolve(await nativeTestFile("libno_threads.so")) },
  });
  expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
  const { codes, generated } = JSON.parse(outcome.stdout) as { codes: string[]; generated: number };
  expect(codes.filter((code) => code !== "ENGINE_FAILED" && code !== "loaded all the same")).toEqual([]);
  expect(generated).toBe(4);
  return codes;
};

test.runIf(process.platform === "linux")(
  "whichever thread of loading is refused, load rejects and leaves nothing behind, or does without it",
  async () => {
    // The loader's own, the second that computes, the prompts' reader, the engine's.
    const codes = await load(await hermesModel());
    expect(codes.filter((code) => code === "ENGINE_FAILED").length).toBeGreaterThan(3);
  },
);

test.runIf(process.platform === "linux")("a thread that helps to read and pack weights can be refused", async () => {
  // A model with weights of many megabytes has them, once for each matrix: one is like the other.
  const codes = await load(await smollm2Model(), "8");
  expect(codes.filter((code) => code === "loaded all the same").length).toBeGreaterThan(3);
});
