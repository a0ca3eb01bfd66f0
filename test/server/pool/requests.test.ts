// Requests to a server whose models are loaded when they are asked for: real models, real sockets.
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import OpenAI from "openai";
import { expect, test } from "vitest";
import { ModelPool } from "../../../src/index.js";
import { createHandler } from "../../../src/server/index.js";
import { metric } from "../serving.js";
import { bert, chat, hermes, megabyte, pooling, tiny } from "./pooling.js";
import { until } from "../../support/time/until.js";

test("requests load the models that they need, once each, and later ones find them there", async () => {
  await using served = await pooling({ a: tiny, b: tiny, e: bert });
  expect(await served.states()).toEqual({ a: "unloaded", b: "unloaded", e: "unloaded" });
  const client = served.client();
  const [one, two, vector] = await Promise.all([
    client.chat.completions.create(chat("a", 5)),
    client.chat.completions.create(chat("a", 5)),
    client.embeddings.create({ model: "e", input: "a cat" }),
  ]);
  expect([one.usage!.completion_tokens, two.usage!.completion_tokens]).toEqual([5, 5]);
  expect(vector.data[0]!.embedding.length).toBeGreaterThan(8);
  expect(await served.states()).toEqual({ a: "loaded", b: "unloaded", e: "loaded" });
  await client.chat.completions.create(chat("a", 1));
  expect(served.pool.list().map(({ loads, active, waiting }) => [loads, active, waiting])).toEqual([
    [1, 0, 0],
    [0, 0, 0],
    [1, 0, 0],
  ]);
  expect((await served.get("/stats")).models).toMatchObject({
    a: { state: "loaded", context_size: 2048, memory_bytes: expect.any(Number) },
    b: { state: "unloaded", memory_bytes: 0 },
  });
  expect(await metric(served, 'caduceus_model_loads_total{model="a"}')).toBe(1);
  expect(await metric(served, 'caduceus_model_loaded{model="b"}')).toBe(0);
  expect(served.errors).toEqual([]);
});

test("every endpoint has its model loaded, and what only looks loads none", async () => {
  await using served = await pooling({ "t a/1": tiny, e: bert, r: { model: bert, keepAliveMs: 0 } });
  const show = await served.post("/api/show", { model: "t a/1" });
  expect(show.body).toMatchObject({
    capabilities: ["completion", "tools"],
    parameters: "num_ctx 2048",
    details: { family: "llama", format: "gguf" },
    model_info: { "general.architecture": "llama" },
  });
  expect((await served.post("/api/show", { model: "e" })).body.capabilities).toEqual(["embedding"]);
  expect(await served.get(`/v1/models/${encodeURIComponent("t a/1")}`)).toMatchObject({
    id: "t a/1",
    status: { value: "unloaded" },
  });
  expect((await served.get("/api/tags")).models[0]).toMatchObject({
    name: "t a/1",
    size: show.body.model_info["general.size"] ?? expect.any(Number),
    details: { family: "llama" },
  });
  expect((await served.get("/tokenizer_info?model=e")).error).toMatchObject({ code: "model_unavailable" });
  expect(Object.values(await served.states())).toEqual(["unloaded", "unloaded", "unloaded"]);

  const model = "t a/1";
  const messages = [{ role: "user", content: "Hi" }];
  const requests: [string, object][] = [
    ["/v1/chat/completions", { messages, max_tokens: 1 }],
    ["/v1/completions", { prompt: "Hi", max_tokens: 1 }],
    ["/v1/responses", { input: "Hi", max_output_tokens: 1 }],
    ["/v1/messages", { messages, max_tokens: 1 }],
    ["/v1/messages/count_tokens", { messages }],
    ["/api/chat", { messages, stream: false, options: { num_predict: 1 } }],
    ["/api/generate", { prompt: "Hi", stream: false, options: { num_predict: 1 } }],
    ["/api/embed", { input: "Hi" }],
    ["/v1/embeddings", { input: "Hi" }],
    ["/apply-template", { messages }],
    ["/tokenize", { prompt: "Hi" }],
    ["/detokenize", { tokens: [1, 2] }],
  ];
  for (const [endpoint, body] of requests) {
    await served.pool.unload(model);
    expect([endpoint, (await served.post(endpoint, { model, ...body })).status]).toEqual([endpoint, 200]);
    expect([endpoint, served.pool.get(model)]).toMatchObject([endpoint, { state: "loaded", active: 0 }]);
  }
  expect(await served.get(`/tokenizer_info?model=${encodeURIComponent(model)}`)).toMatchObject({
    model_max_length: 2048,
  });
  expect(served.pool.get("r").loads).toBe(0);
});

test("a model that answers is not unloaded for another, whose request waits, alive, until the answer has ended", async () => {
  await using served = await pooling(
    { a: tiny, b: tiny },
    { maxMemoryBytes: 30 * megabyte, serving: { statusAfterMs: 20, heartbeatMs: 20 } },
  );
  const client = served.client();
  const stream = await client.chat.completions.create({ ...chat("a", 1500), stream: true });
  // The answer may end before the other request is there.
  const lease = await served.pool.acquire("a");
  const other = await fetch(`${served.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...chat("b", 3), stream: true }),
  });
  // Its status is there before its model.
  expect(other.status).toBe(200);
  await until(() => served.pool.get("b").state === "queued");
  expect(served.pool.get("b").waiting).toBe(1);
  expect((await served.get("/stats")).models["b"]).toMatchObject({ state: "queued", waiting: 1 });
  lease.release();
  let tokens = 0;
  for await (const { choices } of stream) tokens += choices[0]?.delta.content === undefined ? 0 : 1;
  expect(tokens).toBeGreaterThan(5);
  const text = await other.text();
  expect(text).toMatch(/^: waiting\n\n[\s\S]*"finish_reason":"length"[\s\S]*data: \[DONE\]\n\n$/);
  await until(() => served.pool.get("b").active === 0);
  expect(await served.states()).toEqual({ a: "unloaded", b: "loaded" });
});

test("whoever waits too long for memory gets 503 and Retry-After, or an error in the stream that has begun", async () => {
  await using served = await pooling(
    { a: tiny, b: tiny },
    { maxMemoryBytes: 30 * megabyte, queueTimeoutMs: 1_000, serving: { statusAfterMs: 100 } },
  );
  const lease = await served.pool.acquire("a");
  const plain = served.post("/v1/chat/completions", chat("b", 3));
  const responses = fetch(`${served.url}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "b", input: "Hi", stream: true }),
  });
  const messages = [{ role: "user", content: "Hi" }];
  const ollama = fetch(`${served.url}/api/chat`, { method: "POST", body: JSON.stringify({ model: "b", messages }) });
  const { status, headers, body } = await plain;
  expect([status, headers.get("retry-after"), body.error.code]).toEqual([503, "1", "queue_timeout"]);
  expect(body.error.message).toMatch(/^The model "b" waited 1000 ms for memory that is in use by "a"\.$/);
  expect(await (await responses).text()).toMatch(
    /^: waiting\n\nevent: error\ndata: {"type":"error","code":"queue_timeout".*"sequence_number":0}\n\n$/,
  );
  expect(await (await ollama).text()).toMatch(/^ {"error":"The model \\"b\\" waited 1000 ms/);
  lease.release();
  expect((await served.post("/v1/chat/completions", chat("b", 3))).status).toBe(200);
});

test("a model that needs more than all may take is refused, with a reason for who runs the server alone", async () => {
  await using served = await pooling({ a: tiny, e: bert }, { maxMemoryBytes: 10 * megabyte });
  const { status, headers, body } = await served.post("/v1/chat/completions", chat("a", 3));
  expect([status, headers.get("retry-after"), body.error]).toMatchObject([
    503,
    null,
    { code: "out_of_memory", message: 'The model "a" needs more memory than there is for it.' },
  ]);
  expect(served.errors).toMatchObject([{ code: "OUT_OF_MEMORY", remedy: expect.stringContaining("maxMemoryBytes") }]);
  expect((await served.post("/v1/embeddings", { model: "e", input: "a" })).status).toBe(200);
});

test("all who wait for a load that fails are told, once is reported, and the next request tries again", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "caduceus-pool-"));
  try {
    const file = path.join(folder, "secret-name.gguf");
    await using served = await pooling({ a: { ...tiny, model: file } });
    const outcomes = await Promise.all([1, 2, 3].map(() => served.post("/v1/chat/completions", chat("a", 2))));
    for (const { status, body } of outcomes) {
      expect([status, body.error.code]).toEqual([503, "model_unavailable"]);
      expect(JSON.stringify(body)).not.toContain("secret");
    }
    expect(served.errors.length).toBe(served.pool.get("a").failures);
    expect((await served.get("/v1/models")).data[0].status).toEqual({ value: "unloaded", failed: true });
    await copyFile(hermes, file);
    expect((await served.post("/v1/chat/completions", chat("a", 2))).status).toBe(200);
    expect((await served.get("/v1/models")).data[0].status).toEqual({ value: "loaded" });
    expect(await metric(served, 'caduceus_model_load_failures_total{model="a"}')).toBeGreaterThan(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a client that leaves while its model is waited for leaves the queue", async () => {
  await using served = await pooling({ a: tiny, b: tiny }, { maxMemoryBytes: 30 * megabyte });
  const lease = await served.pool.acquire("a");
  for (const stream of [false, true]) {
    const leaving = new AbortController();
    const asked = served.post("/v1/chat/completions", { ...chat("b", 2), stream }, { signal: leaving.signal });
    await until(() => served.pool.get("b").state === "queued");
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await until(() => served.pool.get("b").state === "unloaded");
  }
  expect(served.pool.get("b")).toMatchObject({ waiting: 0, failures: 0 });
  expect((await served.get("/stats")).waiting).toBe(0);
  lease.release();
});

test("a client that leaves in the middle of its answer gives its model back", async () => {
  await using served = await pooling({ a: tiny });
  const stream = await served.client().chat.completions.create({ ...chat("a", 1900), stream: true });
  for await (const _ of stream) break;
  await until(() => served.pool.get("a").active === 0);
  await served.pool.unload("a");
});

test("as many requests as may wait do so for a model, too", async () => {
  await using served = await pooling({ a: tiny, b: tiny }, { maxMemoryBytes: 30 * megabyte, serving: { maxQueue: 3 } });
  const lease = await served.pool.acquire("a");
  const waiting = [1, 2, 3].map(() => served.post("/v1/chat/completions", chat("b", 2)));
  await until(() => served.pool.get("b").waiting === 3);
  expect((await served.post("/v1/chat/completions", chat("b", 2))).body.error.code).toBe("rate_limit_exceeded");
  lease.release();
  for (const one of waiting) expect((await one).status).toBe(200);
});

test("stored responses go on after their model was unloaded", async () => {
  await using served = await pooling({ a: tiny });
  const openai = served.client();
  const first = await openai.responses.create({ model: "a", input: "Hi", max_output_tokens: 3 });
  await served.pool.unload("a");
  const next = await openai.responses.create({
    model: "a",
    input: "More",
    previous_response_id: first.id,
    max_output_tokens: 3,
  });
  expect(next.usage!.input_tokens).toBeGreaterThan(first.usage!.input_tokens);
  expect(served.pool.get("a").loads).toBe(2);
});

test("closing refuses what comes, cancels what waits for a model after the grace time, and ends a load", async () => {
  const served = await pooling({ a: tiny, b: tiny }, { maxMemoryBytes: 30 * megabyte });
  await served.pool.acquire("a");
  const waiting = served
    .client()
    .chat.completions.create(chat("b", 3))
    .catch((error: unknown) => error);
  await until(() => served.pool.get("b").state === "queued");
  await served.server.close({ graceMs: 50 });
  expect(await waiting).toMatchObject({ status: 503, code: "shutting_down" });
  expect(served.pool.get("b").state).toBe("unloaded");
  const loading = served.pool.unload("a").then(() => served.pool.load("b"));
  const outcome = loading.catch((error: unknown) => error);
  await served.pool.close();
  expect(await outcome).toMatchObject({ code: "MODEL_CLOSED" });
  expect(served.pool.list().map(({ state }) => state)).toEqual(["unloaded", "unloaded"]);
  await expect(fetch(served.url)).rejects.toThrow();
});

test("the server is ready when the models that load on startup are loaded", async () => {
  const models = { a: { ...tiny, loadOnStartup: true }, b: tiny };
  // Without a socket between, since loading takes only a tenth of a second.
  const pool = new ModelPool({ models });
  const handler = createHandler({ models: pool });
  const ask = (path: string) => handler.fetch(new Request(`http://localhost${path}`));
  const before = await ask("/ready");
  expect([before.status, await before.json()]).toEqual([503, { status: "loading" }]);
  expect((await ask("/health")).status).toBe(200);
  await pool.close();
  await using served = await pooling(models);
  await served.pool.ready();
  expect((await fetch(`${served.url}/ready`)).status).toBe(200);
  expect(await served.states()).toEqual({ a: "loaded", b: "unloaded" });
});

test("a model that does not exist is refused before anything is loaded", async () => {
  await using served = await pooling({ a: tiny, b: tiny });
  await expect(served.client().chat.completions.create(chat("c", 1))).rejects.toThrow(OpenAI.NotFoundError);
  const { status, body } = await served.post("/v1/chat/completions", { ...chat("a", 1), model: undefined });
  expect([status, body.error.code]).toEqual([400, "missing_required_parameter"]);
  expect((await served.post("/v1/chat/completions", { model: "a", messages: 5 })).status).toBe(400);
  expect(await served.states()).toEqual({ a: "unloaded", b: "unloaded" });
});
