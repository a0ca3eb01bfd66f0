// Bodies, readers and the end of a handler, and what its owner may ask of it.
import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { createHandler, type HandlerOptions } from "../../../src/server/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { until } from "../../support/time/until.js";
import { engine, errorOf, errors, handler, hi, open, post, url } from "./scripted_handler.js";

describe("bodies", () => {
  test.each<[string, string | Uint8Array, Record<string, string>, number, string]>([
    ["no type", JSON.stringify(hi), { "content-type": "" }, 415, "unsupported_media_type"],
    [
      "a form's type, which pages can send to anyone",
      JSON.stringify(hi),
      { "content-type": "text/plain" },
      415,
      "unsupported_media_type",
    ],
    ["a compressed body", JSON.stringify(hi), { "content-encoding": "gzip" }, 415, "unsupported_media_type"],
    ["no JSON", "{", {}, 400, "invalid_json"],
    ["nothing", "", {}, 400, "invalid_json"],
    ["an array", "[]", {}, 400, "invalid_type"],
    ["broken UTF-8", new Uint8Array([0x22, 0xc3, 0x28, 0x22]), {}, 400, "invalid_json"],
    ["more than fits", `"${"x".repeat(5 * 2 ** 20)}"`, {}, 413, "request_too_large"],
    ["40,000 brackets", "[".repeat(40_000), {}, 400, "invalid_json"],
    ["a million brackets", "[".repeat(1_000_000), {}, 413, "request_too_large"],
    [
      "100,000 names",
      `{${Array.from({ length: 100_000 }, (_, n) => `"${n}":0`).join()}}`,
      {},
      413,
      "request_too_large",
    ],
  ])("%s is refused", async (_, body, headers, status, code) => {
    const request = new Request(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    } as RequestInit);
    expect(await errorOf(handler.fetch(request))).toMatchObject({ status, code });
  });

  test("one that grows past the limit is answered before it is read on, for a bounded while, and one that stalls is given up", async () => {
    await open({ maxBodyBytes: 1000 });
    let pulled = 0;
    let cancelled = 0;
    const endless = new ReadableStream({
      pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(2 ** 20))),
      cancel: () => void cancelled++,
    });
    const send = (body: ReadableStream) =>
      handler.fetch(
        new Request(`${url}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
          duplex: "half",
        } as RequestInit),
      );
    const response = await send(endless);
    expect(response.status).toBe(413);
    expect(response.headers.get("content-length")).toMatch(/^\d+$/);
    expect(pulled).toBeLessThan(5);
    expect(((await response.json()) as { error: object }).error).toMatchObject({ code: "request_too_large" });
    expect(cancelled).toBe(1);
    expect(pulled).toBeGreaterThan(60);
    expect(pulled).toBeLessThan(70);
    await open({ bodyTimeoutMs: 50 });
    expect(await errorOf(send(new ReadableStream()))).toMatchObject({ status: 408, code: "request_timeout" });
  });
});
test("what nobody expected is told to the owner, and to the client only that it happened", async () => {
  await open({}, { failAfter: { tokens: 2, error: new Error("secret detail") } });
  const whole = await errorOf(post("/v1/chat/completions", hi));
  expect(whole).toMatchObject({ status: 500, code: "server_error", type: "server_error" });
  expect(whole.message).not.toContain("secret");
  const streamed = await (await post("/v1/chat/completions", { ...hi, stream: true })).text();
  expect(streamed.trim().split("\n\n").at(-1)).toMatch(/^data: \{"error":\{"message":"The server failed/);
  expect(streamed).not.toContain("[DONE]");
  expect(errors.splice(0)).toMatchObject([{ message: "secret detail" }, { message: "secret detail" }]);
  const metrics = await (await handler.fetch(new Request(`${url}/metrics`))).text();
  expect(metrics).toContain('caduceus_errors_total{code="server_error"} 2');
});

describe("a reader", () => {
  const long = async (options: Omit<HandlerOptions, "models"> = {}) => {
    await open(options, { answer: () => "x".repeat(10_000), bufferSize: 8 });
    return (await post("/v1/chat/completions", { ...hi, stream: true })).body!.getReader();
  };

  test("that pauses pauses its generation, and loses it when it pauses too long", async () => {
    const reader = await long({ readerTimeoutMs: 500 });
    for (let chunk = 0; chunk < 5; chunk++) await reader.read();
    await until(() => engine.stats().paused === 1);
    expect(engine.generated).toBeLessThan(40);
    await until(() => engine.live.size === 0);
    await expect(reader.read()).rejects.toMatchObject({ code: "reader_too_slow" });
  });

  test("that leaves ends its generation", async () => {
    const reader = await long();
    await reader.read();
    await reader.cancel();
    expect(engine.live.size).toBe(0);
    expect(engine.generated).toBeLessThan(40);
  });
});

test("mounted into an application of one's own, under a path of its own, it answers and streams", async () => {
  const app = new Hono().get("/", (context) => context.text("mine"));
  app.mount("/llm", handler.fetch);
  const ask = (fields: object) =>
    app.request(`${url}/llm/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...hi, ...fields }),
    });
  expect(await (await ask({})).json()).toMatchObject({ choices: [{ message: { content: "Hello there." } }] });
  expect(await (await ask({ stream: true })).text()).toMatch(/data: \[DONE\]\n\n$/);
  expect(await (await app.request(`${url}/`)).text()).toBe("mine");
  expect(await errorOf(Promise.resolve(app.request(`${url}/llm/v1/nothing`)))).toMatchObject({
    status: 404,
    code: "not_found",
  });
});

test("closing lets what is under way come to its end, cancels it after the grace time, and lets nobody in meanwhile", async () => {
  const slow = { answer: () => "x".repeat(3000), bufferSize: 4 };
  await open({}, slow);
  const response = await post("/v1/chat/completions", { ...hi, stream: true });
  const closing = handler.close({ graceMs: 5000 });
  expect(await errorOf(post("/v1/chat/completions", hi))).toMatchObject({ status: 503, code: "shutting_down" });
  expect((await handler.fetch(new Request(`${url}/ready`))).status).toBe(503);
  expect((await handler.fetch(new Request(`${url}/health`))).status).toBe(200);
  expect(await response.text()).toContain("[DONE]");
  await closing;

  await open({}, slow);
  const unread = await post("/v1/chat/completions", { ...hi, stream: true });
  await handler.close({ graceMs: 20 });
  expect(await unread.text()).toMatch(/"code":"shutting_down"\}\}\n\n$/);
  expect(engine.live.size).toBe(0);
});

test.each<[object, string]>([
  [{}, "models"],
  [{ models: {} }, "models"],
  [{ apiKeys: [""] }, "apiKeys"],
  [{ apiKeys: "sk-secret" }, "apiKeys"],
  [{ maxQueue: 0 }, "maxQueue"],
  [{ replyTimeoutMs: 1.5 }, "replyTimeoutMs"],
  [{ corsOrigins: "*" }, "corsOrigins"],
])("options %j are refused by name, and keys are never repeated", async (options, name) => {
  const { model } = await scriptedModel();
  const make = () =>
    createHandler({ ...(name === "models" ? {} : { models: { m: model } }), ...options } as HandlerOptions);
  expect(make).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(name) }));
  expect(make).not.toThrow("sk-secret");
});
