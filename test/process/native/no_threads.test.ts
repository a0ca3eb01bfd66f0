// Fear: where the system gives no thread, the process ends, or stays for ever for what never began.
import path from "node:path";
import { expect, test } from "vitest";
import { smollm2Model } from "../../support/models.js";
import { nativeTestFile } from "../../support/native_test_file.js";
import { program, run } from "../run_program.js";

test.runIf(process.platform === "linux")(
  "whichever thread of loading is refused, load rejects and leaves nothing behind, or does without it",
  async () => {
    const outcome = await run(process.execPath, [program("no_threads.mjs"), await smollm2Model()], {
      env: { LD_PRELOAD: path.resolve(await nativeTestFile("libno_threads.so")) },
    });
    expect(outcome).toMatchObject({ code: 0, signal: null, stderr: "" });
    const { codes, generated } = JSON.parse(outcome.stdout) as { codes: string[]; generated: number };
    // The loader's own, the second that computes, the prompts' reader, the engine's. Others help to pack weights.
    expect(codes.filter((code) => code === "ENGINE_FAILED").length).toBeGreaterThan(3);
    expect(codes.filter((code) => code !== "ENGINE_FAILED" && code !== "loaded all the same")).toEqual([]);
    expect(generated).toBe(4);
  },
);
