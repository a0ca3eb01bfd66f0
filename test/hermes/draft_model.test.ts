// A draft model on a real engine: what is generated is the same, and what is told of it.
// native/test/speculative tests how it drafts.
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, ModelPool, type Model } from "../../src/index.js";
import { hermesModel, smollm2Model } from "../support/models.js";

const options = { contextSize: 512, cacheTokens: 2048, prefixFolder: false } as const;

let path: string;
let plain: Model;
let drafted: Model;
beforeAll(async () => {
  path = await hermesModel();
  plain = await load(path, options);
  drafted = await load(path, { ...options, draftModel: path });
});
afterAll(async () => {
  await plain.close();
  await drafted.close();
});

test("replies are those without a draft model, with and without a constraint, several at a time", async () => {
  const ask = (model: Model) =>
    Promise.all([
      model.complete("Once upon a time", { temperature: 0, maxTokens: 60 }).then(({ text }) => text),
      model.complete("Once upon a time", { temperature: 0.9, seed: 3, maxTokens: 60 }).then(({ text }) => text),
      model.complete("A list:", { temperature: 0, maxTokens: 60, regex: "([a-z]{1,8}, )*" }).then(({ text }) => text),
    ]);
  expect(await ask(drafted)).toEqual(await ask(plain));
  const { draftTokens, acceptedDraftTokens, draftModelTokens, draftModelSteps } = drafted.stats();
  expect(draftModelSteps).toBeGreaterThan(0);
  expect(draftTokens).toBeGreaterThanOrEqual(Math.max(acceptedDraftTokens, draftModelTokens));
  expect(plain.stats()).toMatchObject({ draftModelSteps: 0, draftModelTokens: 0, draftCacheTokensUsed: 0 });
});

test("the info names the draft model and its memory", () => {
  expect(plain.info.draftModel).toBeUndefined();
  const { sizeBytes, parameters, description, devices } = plain.info;
  expect(drafted.info.draftModel).toMatchObject({ path, sizeBytes, parameters, description, gpuLayers: 0 });
  expect(drafted.info.draftModel?.devices[0]).toMatchObject({ weightsBytes: devices[0]?.weightsBytes });
  expect(drafted.info.draftModel?.devices[0]?.cacheBytes).toBe(devices[0]?.cacheBytes);
});

test("a draft model with another vocabulary, and a file that is not there, are refused", async () => {
  const other = await smollm2Model();
  await expect(load(path, { ...options, draftModel: other })).rejects.toMatchObject({
    code: "MODEL_INVALID",
    param: "draftModel",
    message: expect.stringContaining("both need the same vocabulary"),
  });
  await expect(load(path, { ...options, draftModel: "./none.gguf" })).rejects.toMatchObject({
    code: "MODEL_NOT_FOUND",
  });
});

test("a process of its own has the draft model too, and a pool counts its memory", async () => {
  const isolated = await load(path, { ...options, draftModel: path, isolate: true });
  expect(isolated.info.draftModel).toMatchObject({ path });
  await isolated.close();

  const pool = new ModelPool({
    models: { alone: { model: path, ...options }, both: { model: path, ...options, draftModel: path } },
  });
  const alone = await pool.inspect("alone");
  const both = await pool.inspect("both");
  expect(both.memory).toEqual({
    ...alone.memory,
    draftBytes: alone.memory.weightsBytes + alone.memory.cacheBytes,
    totalBytes: 2 * alone.memory.totalBytes,
  });
  await pool.close();
});
