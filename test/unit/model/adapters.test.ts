// The adapters of a model: how they are named, chosen, added and removed, and what is refused.
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
import { checkAdapters } from "../../../src/model/loading/adapters.js";
import type { Model } from "../../../src/index.js";
import type { ScriptedEngine } from "../../support/engines/scripted_engine.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

let model: Model;
let engine: ScriptedEngine;
beforeEach(async () => ({ model, engine } = await scriptedModel()));

/** What the engine was asked to use: paths with scales. */
async function used(adapter?: unknown): Promise<[string | undefined, number][]> {
  await model.reply("Hi", { adapter: adapter as string });
  return engine.requests.at(-1)!.adapters!.map(({ id, scale }) => [engine.adapters.get(id), scale]);
}

test("a request uses the adapters that it names, and else all of the model's at their own scales", async () => {
  expect(await used()).toEqual([]);
  await model.addAdapter({ path: "/a.gguf" });
  await model.addAdapter({ path: "/b.gguf", name: "other", scale: 0.5 });
  await model.addAdapter({ path: "/c.gguf", scale: 0 });
  expect(await used()).toEqual([
    ["/a.gguf", 1],
    ["/b.gguf", 0.5],
  ]);
  expect(await used([])).toEqual([]);
  expect(await used("other")).toEqual([["/b.gguf", 1]]);
  expect(await used({ name: "c", scale: -2 })).toEqual([["/c.gguf", -2]]);
  expect(await used(["c", { name: "a" }])).toEqual([
    ["/c.gguf", 1],
    ["/a.gguf", 1],
  ]);
  await model.setAdapterScale("a", 0);
  await model.setAdapterScale("c", 3);
  expect(await used()).toEqual([
    ["/b.gguf", 0.5],
    ["/c.gguf", 3],
  ]);
  expect(model.adapters).toEqual([
    { name: "a", path: path.resolve("/a.gguf"), scale: 0, sizeBytes: 7 },
    { name: "other", path: path.resolve("/b.gguf"), scale: 0.5, sizeBytes: 7 },
    { name: "c", path: path.resolve("/c.gguf"), scale: 3, sizeBytes: 7 },
  ]);
});

test("an adapter that is removed can no longer be named, and its name is free again", async () => {
  await model.addAdapter({ path: "/a.gguf" });
  await model.removeAdapter("a");
  expect(engine.adapters.size).toBe(0);
  expect(model.adapters).toEqual([]);
  await expect(used("a")).rejects.toMatchObject({ code: "INVALID_ARGUMENT", param: "adapter" });
  await model.addAdapter({ path: "/other.gguf", name: "a" });
  expect(await used("a")).toEqual([["/other.gguf", 1]]);
});

test("a name that is taken, or being loaded, and the 65th adapter are refused", async () => {
  const first = model.addAdapter({ path: "/a.gguf" });
  await expect(model.addAdapter({ path: "/b/a.gguf" })).rejects.toMatchObject({ param: "name" });
  await first;
  await expect(model.addAdapter({ path: "/b/a.gguf" })).rejects.toMatchObject({ param: "name" });
  for (let n = 1; n < 64; n++) await model.addAdapter({ path: `/${n}.gguf` });
  await expect(model.addAdapter({ path: "/65.gguf" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(engine.adapters.size).toBe(64);
});

test.each<[unknown, string, string]>([
  ["b", "adapter", 'Invalid value for adapter: "b". Expected the name of an adapter of this model. It has german.'],
  ["germn", "adapter", "Did you mean german?"],
  [7, "adapter", "Expected the name of an adapter, an object with name and scale, or an array of these."],
  [{ name: 7 }, "adapter.name", "Invalid value for adapter.name: 7. Expected text."],
  [{ scale: 1 }, "adapter.name", "Expected text."],
  [{ name: "german", scale: Infinity }, "adapter.scale", "Expected a finite number."],
  [{ name: "german", scale: 1e39 }, "adapter.scale", "Expected a finite number."],
  [{ name: "german", scal: 1 }, "scal", "Did you mean scale?"],
  [["german", "b"], "adapter[1]", "Expected the name of an adapter of this model."],
  [["german", { name: "german" }], "adapter[1]", "Expected each adapter once."],
  [Array.from({ length: 65 }, () => "german"), "adapter", "Expected at most 64 adapters."],
])("the choice %j is refused", async (adapter, param, message) => {
  await model.addAdapter({ path: "/german.gguf" });
  await expect(used(adapter)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    param,
    message: expect.stringContaining(message),
  });
  expect(engine.requests).toHaveLength(0);
});

test.each<[unknown, string, string]>([
  ["a.gguf", "adapters", "Expected an array of adapters."],
  [["a.gguf"], "adapters[0]", "Expected an object with the path of an adapter."],
  [[{}], "adapters[0].path", "Expected text."],
  [[{ path: " " }], "adapters[0].path", "Expected the path of a file."],
  [[{ path: "a.gguf", name: "" }], "adapters[0].name", "Expected a name of 1 to 200 characters."],
  [[{ path: "a.gguf", scale: Number.NaN }], "adapters[0].scale", "Expected a finite number."],
  [[{ path: "a.gguf", sclae: 1 }], "adapters[0].sclae", "Did you mean scale?"],
  [[{ path: "a.gguf" }, { path: "b/a.gguf" }], "adapters[1].name", "Expected a name that no other adapter has."],
  [Array.from({ length: 65 }, (_, n) => ({ path: `${n}.gguf` })), "adapters", "Expected at most 64 adapters."],
])("the option %j of load is refused", (adapters, param, message) => {
  expect(() => checkAdapters(adapters)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", param, message: expect.stringContaining(message) }),
  );
});

test("a closed model takes and removes none", async () => {
  await model.addAdapter({ path: "/a.gguf" });
  await model.close();
  for (const attempt of [
    model.addAdapter({ path: "/b.gguf" }),
    model.removeAdapter("a"),
    model.setAdapterScale("a", 2),
  ])
    await expect(attempt).rejects.toMatchObject({ code: "MODEL_CLOSED" });
});
