// Adapters in the server: chosen by a request, listed, and their own scales changed.
import { beforeEach, expect, test } from "vitest";
import type { Model } from "../../../../src/index.js";
import type { ScriptedEngine } from "../../../support/engines/scripted_engine.js";
import { scriptedModel } from "../../../support/engines/scripted_model.js";
import { errorOf, handler, hi, post, serve, url } from "../scripted_handler.js";

let model: Model;
let engine: ScriptedEngine;
beforeEach(async () => {
  ({ model, engine } = await scriptedModel({ answer: () => "Hello there." }));
  serve({ models: { m: model } });
  for (const name of ["a", "b"]) await model.addAdapter({ path: `/folder/${name}.gguf`, scale: 0 });
});

const used = () => engine.requests.at(-1)!.adapters!.map(({ id, scale }) => [engine.adapters.get(id), scale]);
const list = async () => (await handler.fetch(new Request(`${url}/lora-adapters`))).json();

test.each([
  ["/v1/chat/completions", hi],
  ["/v1/completions", { model: "m", prompt: "Hi" }],
  ["/v1/responses", { model: "m", input: "Hi" }],
  ["/v1/messages", { ...hi, max_tokens: 5 }],
])("%s takes adapters by number or name, and uses none but those", async (path, body) => {
  const lora = [{ id: 1, scale: 0.5 }, { id: "a" }];
  expect((await post(path, { ...body, lora })).status).toBe(200);
  expect(used()).toEqual([
    ["/folder/b.gguf", 0.5],
    ["/folder/a.gguf", 1],
  ]);
  await model.setAdapterScale("a", 2);
  await post(path, body);
  expect(used()).toEqual([["/folder/a.gguf", 2]]);
  await post(path, { ...body, lora: [] });
  expect(used()).toEqual([]);
});

test.each<[unknown, string, string]>([
  [{ id: 0 }, "invalid_type", "lora"],
  [[7], "invalid_type", "lora[0]"],
  [[{ scale: 1 }], "missing_required_parameter", "lora[0].id"],
  [[{ id: 0.5 }], "invalid_type", "lora[0].id"],
  [[{ id: 2 }], "invalid_value", "lora[0].id"],
  [[{ id: -1 }], "invalid_value", "lora[0].id"],
  [[{ id: "c" }], "invalid_value", "lora[0].id"],
  [[{ id: 0, scale: "1" }], "invalid_type", "lora[0].scale"],
  [[{ id: 0, scale: 1e300 }], "invalid_value", "lora[0].scale"],
  [[{ id: 0 }, { id: "a" }], "invalid_value", "lora[1].id"],
  [Array.from({ length: 65 }, () => ({ id: 0 })), "invalid_value", "lora"],
])("lora: %j is refused", async (lora, code, param) => {
  expect(await errorOf(post("/v1/chat/completions", { ...hi, lora }))).toMatchObject({ status: 400, code, param });
  expect(engine.requests).toHaveLength(0);
});

test("the list has numbers, names and scales, and tells nothing of folders; posting scales changes them", async () => {
  expect(await list()).toEqual([
    { id: 0, name: "a", path: "a.gguf", scale: 0 },
    { id: 1, name: "b", path: "b.gguf", scale: 0 },
  ]);
  expect((await post("/lora-adapters", [{ id: 0, scale: 0.5 }])).status).toBe(200);
  expect(model.adapters.map(({ scale }) => scale)).toEqual([0.5, 0]);
  await post("/v1/chat/completions", hi);
  expect(used()).toEqual([["/folder/a.gguf", 0.5]]);
  await post("/lora-adapters", [{ id: 1, scale: 2 }]);
  expect(await list()).toMatchObject([{ scale: 0 }, { scale: 2 }]);
});

test("scales that cannot be, other bodies and unknown models change nothing", async () => {
  for (const body of [{ id: 0, scale: 1 }, [{ id: 7, scale: 1 }], [{ id: 0, scale: "x" }], null])
    expect((await errorOf(post("/lora-adapters", body))).status).toBe(400);
  expect((await errorOf(post("/lora-adapters?model=x", []))).status).toBe(404);
  expect(model.adapters.map(({ scale }) => scale)).toEqual([0, 0]);
  serve({ models: { m: model }, apiKeys: ["secret"] });
  expect((await post("/lora-adapters", [])).status).toBe(401);
  expect((await handler.fetch(new Request(`${url}/lora-adapters`))).status).toBe(401);
});
