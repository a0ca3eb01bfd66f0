// Loading and unloading by request: llama-server's endpoints, and Ollama's by its own client; and who may not.
import { Ollama } from "ollama";
import { expect, test } from "vitest";
import { load } from "../../../src/index.js";
import { rawRequest } from "./raw_request.js";
import { serving } from "../serving.js";
import { bert, chat, pooling, tiny } from "./pooling.js";
import { until } from "../../support/time/until.js";

test("load answers when the model is loaded, unload when it is not, both as often as they are asked", async () => {
  await using served = await pooling({ a: tiny, b: bert });
  for (const path of ["/v1/models/load", "/models/load"]) {
    expect(await served.post(path, { model: "a" })).toMatchObject({ status: 200, body: { success: true } });
    expect(await served.states()).toEqual({ a: "loaded", b: "unloaded" });
  }
  for (const path of ["/v1/models/unload", "/models/unload"]) {
    expect(await served.post(path, { model: "a:latest" })).toMatchObject({ status: 200, body: { success: true } });
    expect(await served.states()).toEqual({ a: "unloaded", b: "unloaded" });
  }
  expect(served.pool.get("a").loads).toBe(1);
});

test("unload lets a stream come to its end, and requests that come meanwhile are served on", async () => {
  await using served = await pooling({ a: tiny });
  const stream = await served.client().chat.completions.create({ ...chat("a", 1900), stream: true });
  let isUnloaded = false;
  const unloading = served.post("/models/unload", { model: "a" }).then(() => (isUnloaded = true));
  let pieces = 0;
  let next: Promise<{ status: number }> | undefined;
  for await (const _ of stream) {
    if (++pieces > 5) continue;
    if (pieces === 5) next = served.post("/v1/chat/completions", chat("a", 2));
    expect(isUnloaded).toBe(false);
  }
  expect(pieces).toBeGreaterThan(5);
  expect((await next!).status).toBe(200);
  await unloading;
  expect(served.pool.get("a")).toMatchObject({ state: "unloaded", loads: 1 });
});

test("what cannot be loaded or unloaded is refused with the field's name", async () => {
  await using served = await pooling({ a: tiny, b: { ...tiny, model: "/nowhere.gguf" } });
  const refused: [string, unknown, number, string, string | null][] = [
    ["load", { model: "c" }, 404, "model_not_found", "model"],
    ["unload", { model: "../a" }, 404, "model_not_found", "model"],
    ["load", {}, 400, "missing_required_parameter", "model"],
    ["load", { model: 5 }, 400, "invalid_type", "model"],
    ["load", { modell: "a" }, 400, "unknown_parameter", "modell"],
    ["load", [], 400, "invalid_type", null],
    ["load", { model: "b" }, 503, "model_unavailable", null],
  ];
  for (const [what, body, status, code, param] of refused)
    expect(await served.post(`/v1/models/${what}`, body)).toMatchObject({ status, body: { error: { code, param } } });
  expect((await fetch(`${served.url}/v1/models/load`)).status).toBe(404);
  expect((await fetch(`${served.url}/v1/models/load`, { method: "DELETE" })).status).toBe(405);
});

test("whoever may not chat may neither load nor unload: without a key, from another host, or from a page elsewhere", async () => {
  await using served = await pooling({ a: tiny }, { serving: { apiKeys: ["sk-1"] } });
  await using open = await pooling({ a: tiny });
  for (const path of ["/v1/models/load", "/models/unload", "/api/generate"]) {
    expect([path, (await served.post(path, { model: "a" })).status]).toEqual([path, 401]);
    const host = await rawRequest(open.url, path, { host: "evil.example", "content-type": "application/json" });
    expect([path, host]).toEqual([path, 403]);
    // What a page can send to another origin without asking first.
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", undefined]) {
      const headers = { host: "localhost", origin: "https://evil.example", ...(type && { "content-type": type }) };
      expect([path, type, await rawRequest(open.url, path, headers)]).toEqual([path, type, 415]);
    }
    // And what it asks first is not granted.
    const asked = await fetch(open.url + path, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    });
    expect(asked.headers.get("access-control-allow-origin")).toBeNull();
  }
  for (const path of ["/api/ps", "/v1/models", "/stats", "/metrics"])
    expect([path, (await fetch(served.url + path)).status]).toEqual([path, 401]);
  const { status } = await served.post(
    "/v1/models/load",
    { model: "a" },
    { headers: { authorization: "Bearer sk-1" } },
  );
  expect(status).toBe(200);
  expect(open.pool.get("a").loads).toBe(0);
});

test("no GET loads a model, since pages elsewhere can send one", async () => {
  await using served = await pooling({ a: tiny });
  for (const path of ["/tokenizer_info", "/v1/models/a", "/api/tags", "/api/ps", "/stats", "/metrics", "/ready"])
    await (await fetch(served.url + path)).text();
  expect(served.pool.get("a")).toMatchObject({ state: "unloaded", loads: 0, waiting: 0 });
});

test("a server with models that a program has loaded loads and unloads none", async () => {
  await using model = await load(bert);
  await using server = await serving({ e: model });
  const ask = async (what: string) => {
    const response = await fetch(`${server.url}/v1/models/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "e" }),
    });
    return [response.status, await response.json()];
  };
  expect(await ask("load")).toEqual([200, { success: true }]);
  expect(await ask("unload")).toMatchObject([400, { error: { code: "unsupported_model", param: "model" } }]);
  expect(await (await fetch(`${server.url}/v1/models`)).json()).toMatchObject({
    data: [{ id: "e", status: { value: "loaded" } }],
  });
});

test("Ollama's client loads, keeps, lists and unloads as it does with Ollama", async () => {
  await using served = await pooling({ a: tiny, e: bert }, { keepAliveMs: 3_600_000 });
  const ollama = new Ollama({ host: served.url });
  const running = async () => (await ollama.ps()).models.map(({ name }) => name);
  const names = (await ollama.list()).models.map(({ name, size }) => [name, size > 0]);
  expect(names).toEqual([
    ["a", false],
    ["e", false],
  ]);
  expect(await running()).toEqual([]);

  const loaded = await ollama.generate({ model: "a", prompt: "" });
  expect(loaded).toMatchObject({ done: true, done_reason: "load", response: "" });
  const [entry] = (await ollama.ps()).models;
  expect(entry).toMatchObject({ name: "a", model: "a", size_vram: 0, details: { family: "llama", format: "gguf" } });
  expect(entry!.size).toBeGreaterThan(10_000_000);
  expect((await ollama.list()).models[0]!.size).toBeGreaterThan(1_000_000);
  const left = new Date(entry!.expires_at).getTime() - Date.now();
  expect(left).toBeGreaterThan(3_500_000);
  expect(left).toBeLessThanOrEqual(3_600_000);

  const messages = [{ role: "user", content: "Hi" }];
  const options = { num_predict: 2 };
  await ollama.chat({ model: "a", messages, options, keep_alive: "10m" });
  expect(new Date((await ollama.ps()).models[0]!.expires_at).getTime() - Date.now()).toBeLessThanOrEqual(600_000);
  await ollama.chat({ model: "a:latest", messages, options, keep_alive: -1 });
  expect(new Date((await ollama.ps()).models[0]!.expires_at).getFullYear()).toBe(9999);
  await ollama.embed({ model: "e", input: "Hi", keep_alive: 60 });
  expect(await running()).toEqual(["a", "e"]);

  const answer = await ollama.chat({ model: "a", messages, options, keep_alive: 0 });
  expect(answer.load_duration).toBeLessThan(answer.total_duration);
  await until(() => served.pool.get("a").state === "unloaded");
  expect(await running()).toEqual(["e"]);
  for (const ask of [
    () => ollama.chat({ model: "e", messages: [], keep_alive: 0 }),
    () => ollama.generate({ model: "a", prompt: "", keep_alive: "0s" }),
  ])
    expect(await ask()).toMatchObject({ done: true, done_reason: "unload" });
  expect(await running()).toEqual([]);
  expect(served.pool.get("a").loads).toBe(1);

  const again = await ollama.generate({ model: "a", prompt: "Hi", options });
  expect(again.load_duration).toBeGreaterThan(1e6);
});

test.each([["forever"], ["5 minutes"], [true], [{}], ["5".repeat(60)], ["1e3s"]])(
  "keep_alive %j is refused by its name",
  async (keep_alive) => {
    await using served = await pooling({ e: bert });
    for (const [path, body] of [
      ["/api/embed", { model: "e", input: "Hi" }],
      ["/api/generate", { model: "e", prompt: "" }],
    ] as const) {
      const { status, body: answer } = await served.post(path, { ...body, keep_alive });
      expect([status, answer.error]).toEqual([400, expect.stringMatching(/^Invalid value for keep_alive: /)]);
    }
    expect(served.pool.get("e").loads).toBe(0);
  },
);
