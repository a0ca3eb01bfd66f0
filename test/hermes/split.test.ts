// A model that is split into two files, loaded and inspected by the name of either.
import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inspectModel, load } from "../../src/index.js";
import { splitModel } from "../support/gguf/split_model.js";
import { hermesModel } from "../support/models.js";

let folder: string;
let parts: [string, string];
let whole: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-split-"));
  whole = await hermesModel();
  parts = splitModel(whole, { shape: "tiny", added: "control" }, path.join(folder, "tiny.Q8_0"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function answer(file: string): Promise<string> {
  const model = await load(file, { contextSize: 256, prefixFolder: false });
  try {
    return (await model.complete("Why is the sky blue?", { maxTokens: 8, temperature: 0 })).text;
  } finally {
    await model.close();
  }
}

test("says the same as in one file, named by either part, and its sizes are those of both", async () => {
  const expected = await answer(whole);
  expect(await answer(parts[0])).toBe(expected);
  expect(await answer(parts[1])).toBe(expected);
  const { files, sizeBytes, memory } = await inspectModel(parts[1]);
  expect({ files, path: parts[0] }).toEqual({ files: 2, path: parts[0] });
  expect(sizeBytes).toBeGreaterThan((await inspectModel(whole)).sizeBytes);
  expect(memory.cacheBytesPerToken).toBe((await inspectModel(whole)).memory.cacheBytesPerToken);
});

test("with a part missing or cut off is MODEL_INVALID", async () => {
  await truncate(parts[1], 1000);
  await expect(load(parts[0])).rejects.toMatchObject({ code: "MODEL_INVALID" });
  await rm(parts[1]);
  await expect(load(parts[0])).rejects.toMatchObject({
    code: "MODEL_INVALID",
    message: expect.stringContaining(parts[1]),
  });
});
