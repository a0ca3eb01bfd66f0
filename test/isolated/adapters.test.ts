// Adapters of a model in a process of its own: they work as in this one, and come back after a crash.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, type Model } from "../../src/index.js";
import { makeAdapter } from "../support/gguf/make_adapter.mjs";
import { hermesModel } from "../support/models.js";
import { nextEngine } from "./child_processes.js";

let folder: string;
let model: Model;
const file = (name: string) => path.join(folder, `${name}.gguf`);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-isolated-adapters-"));
  for (const [seed, name] of ["a", "b", "c"].entries())
    makeAdapter(file(name), { model: { shape: "tiny", added: "control" }, seed });
  model = await load(await hermesModel(), {
    isolate: true,
    contextSize: 512,
    prefixFolder: false,
    adapters: [{ path: file("a"), scale: 0 }],
  });
});
afterAll(async () => {
  await model.close();
  await rm(folder, { recursive: true });
});

const text = async (adapter: string[]) =>
  (await model.complete("Once upon a time", { temperature: 0, maxTokens: 6, adapter })).text;

test("after a crash requests are answered with the same adapters, and one whose file is gone fails alone", async () => {
  const engine = await nextEngine();
  await model.addAdapter({ path: file("b"), scale: 0 });
  await model.addAdapter({ path: file("c"), scale: 0 });
  await expect(model.addAdapter({ path: file("none") })).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  const before = [await text([]), await text(["a"]), await text(["b"])];
  expect(new Set(before).size).toBe(3);
  await model.removeAdapter("a");
  await expect(text(["a"])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await rm(file("c"));
  process.kill(engine, "SIGKILL");
  await nextEngine(engine);
  expect([await text([]), await text(["b"])]).toEqual([before[0], before[2]]);
  await expect(text(["c"])).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  expect(model.stats().adapterBytes).toBeGreaterThan(0);
});
