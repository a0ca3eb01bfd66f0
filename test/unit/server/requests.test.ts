// What the server takes and what it refuses, as a function from Request to Response.
import fc from "fast-check";
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createHandler, type Handler, type HandlerOptions } from "../../../src/server/index.js";
import type { ScriptedEngine } from "../../support/scripted_engine.js";
import { scriptedModel } from "../../support/scripted_model.js";

let handler: Handler;
let engine: ScriptedEngine;
const errors: unknown[] = [];

async function open(options: Omit<HandlerOptions, "models"> = {}): Promise<void> {
  const scripted = await scriptedModel({ answer: () => "Hello there.", constrained: true });
  engine = scripted.engine;
  handler = createHandler({ models: { m: scripted.model }, onError: (error) => errors.push(error), ...options });
}
beforeEach(() => open());
afterEach(() => expect(errors.splice(0)).toEqual([]));

const url = "http://localhost";
const hi = { model: "m", messages: [{ role: "user", content: "Hi" }] };

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return handler.fetch(
    new Request(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
  );
}

async function errorOf(response: Response | Promise<Response>) {
  const { status } = await response;
  const { error } = (await (await response).json()) as {
    error: { code: string; param: string | null; message: string; type: string };
  };
  return { status, ...error };
}

describe("fields", () => {
  const tool = { type: "function", function: { name: "f" } };
  test.each<[object, string, string]>([
    [{ temperature: "1" }, "invalid_type", "temperature"],
    [{ temperature: 2.1 }, "invalid_value", "temperature"],
    [{ top_p: -1 }, "invalid_value", "top_p"],
    [{ n: 0 }, "invalid_value", "n"],
    [{ n: 1.5 }, "invalid_type", "n"],
    [{ n: 1000 }, "invalid_value", "n"],
    [{ max_tokens: 0 }, "invalid_value", "max_tokens"],
    [{ max_completion_tokens: "9" }, "invalid_type", "max_completion_tokens"],
    [{ stream: "yes" }, "invalid_type", "stream"],
    [{ stream_options: { include_usage: true } }, "invalid_value", "stream_options"],
    [{ stream: true, stream_options: { include_usage: 1 } }, "invalid_type", "stream_options.include_usage"],
    [{ stop: 5 }, "invalid_type", "stop"],
    [{ stop: [""] }, "invalid_value", "stop"],
    [{ seed: 1.5 }, "invalid_type", "seed"],
    [{ user: 5 }, "invalid_type", "user"],
    [{ logit_bias: { x: 1 } }, "invalid_value", "logit_bias"],
    [{ logit_bias: { 5: "1" } }, "invalid_type", "logit_bias.5"],
    [{ logit_bias: { 5: 101 } }, "invalid_value", "logit_bias.5"],
    [{ logit_bias: { 99999999: 1 } }, "invalid_value", "logit_bias"],
    [{ presence_penalty: 3 }, "invalid_value", "presence_penalty"],
    [{ logprobs: 3 }, "invalid_type", "logprobs"],
    [{ top_logprobs: 0 }, "invalid_value", "top_logprobs"],
    [{ logprobs: true, top_logprobs: 21 }, "invalid_value", "top_logprobs"],
    [{ logprobs: true, tools: [tool] }, "unsupported_parameter", "logprobs"],
    [{ functions: [] }, "unsupported_parameter", "functions"],
    [{ function_call: "auto" }, "unsupported_parameter", "function_call"],
    [{ modalities: ["text", "audio"] }, "unsupported_parameter", "modalities"],
    [{ tools: {} }, "invalid_type", "tools"],
    [{ tools: [{ type: "custom" }] }, "invalid_value", "tools[0].type"],
    [{ tools: [{ type: "function" }] }, "missing_required_parameter", "tools[0].function"],
    [{ tools: [{ type: "function", function: { name: "no spaces" } }] }, "invalid_tool", "tools[0].function.name"],
    [{ tools: [tool, tool] }, "invalid_tool", "tools[1].function.name"],
    [
      { tools: [{ type: "function", function: { name: "f", parameters: "x" } }] },
      "invalid_type",
      "tools[0].function.parameters",
    ],
    [
      { tools: [{ type: "function", function: { name: "f", parameters: { type: "object", properties: 5 } } }] },
      "invalid_schema",
      "tools[0].function.parameters",
    ],
    [{ tool_choice: "required" }, "invalid_value", "tool_choice"],
    [{ tools: [tool], tool_choice: "always" }, "invalid_value", "tool_choice"],
    [{ tools: [tool], tool_choice: { type: "function", function: { name: "g" } } }, "invalid_value", "tool_choice"],
    [{ tools: [tool], tool_choice: { type: "function" } }, "missing_required_parameter", "tool_choice.function"],
    [{ parallel_tool_calls: 1 }, "invalid_type", "parallel_tool_calls"],
    [{ response_format: { type: "xml" } }, "invalid_value", "response_format.type"],
    [{ response_format: { type: "json_schema" } }, "missing_required_parameter", "response_format.json_schema"],
    [
      { response_format: { type: "json_schema", json_schema: { strict: true } } },
      "missing_required_parameter",
      "response_format.json_schema.schema",
    ],
    [
      { response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: 7 } } } },
      "invalid_schema",
      "response_format",
    ],
    [{ messages: [] }, "invalid_messages", "messages"],
    [{ messages: "Hi" }, "invalid_type", "messages"],
    [{ messages: null }, "missing_required_parameter", "messages"],
    [{ messages: ["Hi"] }, "invalid_type", "messages[0]"],
    [{ messages: [{ role: "robot", content: "x" }] }, "invalid_messages", "messages[0].role"],
    [{ messages: [{ role: "function", name: "f", content: "x" }] }, "unsupported_parameter", "messages[0].role"],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
      "invalid_messages",
      "messages[0].content[0].type",
    ],
    [{ messages: [{ role: "user", content: "\ud800" }] }, "invalid_messages", "messages[0].content"],
    [{ model: 5 }, "invalid_type", "model"],
    [{ stop: ["a", "\udc00"] }, "invalid_value", "stop[1]"],
    [{ cache_salt: "\udc00" }, "invalid_value", "cache_salt"],
    [{ guided_choice: ["\ud800"] }, "invalid_value", "guided_choice[0]"],
    [{ guided_regex: "\ud800" }, "invalid_value", "guided_regex"],
    [{ grammar: 'start: "\ud800"' }, "invalid_value", "grammar"],
    [{ dry_multiplier: 1, dry_sequence_breakers: ["\ud800"] }, "invalid_value", "dry_sequence_breakers[0]"],
    [{ min_tokens: 9, max_tokens: 3 }, "invalid_value", "min_tokens"],
    [{ stop_token_ids: Array(1_001).fill(5) }, "invalid_value", "stop_token_ids"],
    [{ stop_token_ids: [-5] }, "invalid_value", "stop_token_ids[0]"],
    [{ logit_bias: { 999999999: 1 } }, "invalid_value", "logit_bias"],
  ])("%j is refused: %s, at %s", async (fields, code, param) => {
    expect(await errorOf(post("/v1/chat/completions", { ...hi, ...fields }))).toMatchObject({
      status: 400,
      type: "invalid_request_error",
      code,
      param,
      message: expect.stringMatching(/\S/),
    });
    expect(engine.live.size).toBe(0);
  });

  test.each<[object, string, string]>([
    [{ max_tokens: -2 }, "invalid_value", "max_tokens"],
    [{ logprobs: 21 }, "invalid_value", "logprobs"],
    [{ logprobs: true }, "invalid_type", "logprobs"],
    [{ echo: "yes" }, "invalid_type", "echo"],
    [{ suffix: "x" }, "unsupported_parameter", "suffix"],
    [{ best_of: 2 }, "unsupported_parameter", "best_of"],
    [{ prompt: [[1], ["a"]] }, "invalid_type", "prompt"],
    [{ prompt: [1, 99_999_999] }, "invalid_value", "prompt"],
    [{ prompt: Array(33).fill("a") }, "invalid_value", "n"],
  ])("in completions, %j is refused: %s, at %s", async (fields, code, param) => {
    expect(await errorOf(post("/v1/completions", { model: "m", prompt: "Hi", ...fields }))).toMatchObject({
      status: 400,
      code,
      param,
    });
    expect(engine.live.size).toBe(0);
  });

  test("what the library refuses is said with the names of the fields", async () => {
    for (const [path, fields, words] of [
      ["/v1/chat/completions", { min_tokens: 9, max_tokens: 3 }, "for min_tokens: "],
      ["/v1/chat/completions", { stop: ["\udc00"] }, "for stop[0]: "],
      ["/v1/chat/completions", { stop_token_ids: [1, -5] }, "for stop_token_ids[1]: "],
      ["/v1/chat/completions", { logit_bias: { 999999999: 1 } }, "for logit_bias: "],
      ["/v1/chat/completions", { cache_salt: "\udc00" }, "for cache_salt: "],
      ["/v1/completions", { prompt: [5, -1] }, "for prompt: "],
      ["/v1/completions", { prompt: "\ud800" }, "for prompt: "],
      ["/tokenize", { prompt: "\ud800" }, "for prompt: "],
      ["/detokenize", { tokens: [5, -1] }, "for tokens[1]: "],
    ] as const) {
      const { message, param } = await errorOf(
        post(path, path.endsWith("chat/completions") ? { ...hi, ...fields } : { model: "m", ...fields }),
      );
      expect(message, JSON.stringify(fields)).toContain(words);
      expect(words).toContain(param);
    }
  });

  describe.each(["schema", "prompt", "maxTokens", "messages", "tools"])("a tool called %s", (name) => {
    test("is named by its place among the tools that the client sent", async () => {
      const broken = { type: "function", function: { name, parameters: { type: "object", properties: 5 } } };
      const response_format = { type: "json_schema", json_schema: { schema: { type: "object" } } };
      expect(
        await errorOf(post("/v1/chat/completions", { ...hi, max_tokens: 9, response_format, tools: [tool, broken] })),
      ).toMatchObject({
        code: "invalid_schema",
        param: "tools[1].function.parameters",
        message: "Invalid value for tools[1].function.parameters.properties: 5. Expected an object.",
      });
      const choice = {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name } }] },
      };
      expect(
        await errorOf(post("/v1/chat/completions", { ...hi, tools: [tool, broken], tool_choice: choice })),
      ).toMatchObject({ param: "tools[1].function.parameters" });
    });
  });

  test("no client is told a name that it did not send", async () => {
    const long = "word ".repeat(500_000);
    for (const fields of [
      { logit_bias: { 999999999: 1 } },
      { logit_bias: [[99999999, false]] },
      { stop_token_ids: [-1] },
      { max_completion_tokens: 2, min_tokens: 5 },
      { n_predict: 2, min_tokens: 5 },
      { tools: [tool], tool_choice: { type: "function", function: { name: "g" } } },
      { messages: [{ role: "user", content: long }] },
      { guided_regex: "(?=a)" },
      { grammar: "rule: x" },
      { guided_json: { properties: 5 } },
      { cache_salt: "\ud800" },
      { dry_sequence_breakers: ["ab"] },
      {
        tools: [tool],
        tool_choice: "required",
        response_format: { type: "json_schema", json_schema: { schema: { $ref: "#/nowhere" } } },
      },
    ]) {
      const { status, message, param } = await errorOf(post("/v1/chat/completions", { ...hi, ...fields }));
      expect(status, JSON.stringify(fields).slice(0, 200)).toBe(400);
      expect(message).not.toMatch(
        /\b(?:logitBias|stopTokens|maxTokens|minTokens|toolChoice|contextSize|cacheScope|drySequenceBreakers)\b/,
      );
      // The first name of the path is a field of the request.
      if (param !== null) expect(Object.keys({ ...hi, ...fields }), message).toContain(/^\w+/.exec(param)![0]);
    }
  });

  test("null is as good as missing, and what nobody knows is passed over", async () => {
    const fields = {
      temperature: null,
      tools: null,
      stop: null,
      response_format: { type: "text" },
      store: true,
      metadata: { a: "b" },
      service_tier: "auto",
      no_such_field: [1],
      __proto__: { stream: true },
    };
    const response = await post("/v1/chat/completions", { ...hi, ...fields });
    expect(await response.json()).toMatchObject({
      choices: [{ message: { content: "Hello there." }, finish_reason: "stop" }],
    });
  });

  test("what is asked of sampling reaches the engine; a key is a scope", async () => {
    await open({ apiKeys: ["k"] });
    await post(
      "/v1/chat/completions",
      {
        ...hi,
        temperature: 0.3,
        top_p: 0.4,
        frequency_penalty: 1,
        presence_penalty: -1,
        seed: -1,
        logit_bias: { 5: -100 },
        stop: "zz",
        max_completion_tokens: 3,
        max_tokens: 9,
        top_k: 7,
        min_p: 0.2,
        repeat_penalty: 1.1,
        deterministic: true,
      },
      { authorization: "Bearer k" },
    );
    const { sampling, stop, maxTokens, cacheScope, deterministic } = engine.requests[0]!;
    expect(deterministic).toBe(true);
    expect(sampling).toMatchObject({
      temperature: 0.3,
      topP: 0.4,
      frequencyPenalty: 1,
      presencePenalty: -1,
      seed: 0xffffffff,
      topK: 7,
      minP: 0.2,
      repeatPenalty: 1.1,
    });
    expect(sampling.logitBias[0]).toEqual([5, -100]);
    expect({ stop, maxTokens }).toEqual({ stop: ["zz"], maxTokens: 3 });
    expect(cacheScope).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    [0, 1, [0]],
    [4294967295, 1, [4294967295]],
    [-1, 1, [4294967295]],
    [-2, 2, [4294967294, 4294967295]],
    [-1, 2, [4294967295, 0]],
    [4294967296, 1, [0]],
    [undefined, 2, [undefined, undefined]],
  ])("seed %s for %i answers is %j of the engine", async (seed, n, seeds) => {
    for (const [path, body] of [
      ["/v1/chat/completions", hi],
      ["/v1/completions", { model: "m", prompt: "Hi" }],
    ] as const) {
      engine.requests.length = 0;
      expect((await post(path, { ...body, seed, n })).status).toBe(200);
      expect(engine.requests.map(({ sampling }) => sampling.seed)).toEqual(seeds);
    }
  });

  test("whatever JSON comes is answered or refused, and nothing of it breaks the server", async () => {
    const json = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(
        fc.constantFrom(
          "model",
          "messages",
          "tools",
          "n",
          "stop",
          "stream",
          "prompt",
          "response_format",
          "tool_choice",
          "logit_bias",
          "__proto__",
          "constructor",
        ),
        fc.oneof(fc.jsonValue(), fc.constant("m"), fc.constant([{ role: "user", content: "Hi" }])),
      ),
    );
    await fc.assert(
      fc.asyncProperty(json, fc.constantFrom("/v1/chat/completions", "/v1/completions"), async (body, path) => {
        const response = await post(path, body);
        await response.text();
        expect(response.status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
    expect(engine.live.size).toBe(0);
  });
});

test("the tokenizer answers for the only model, or the one that is named", async () => {
  const ask = async (path: string, body: object) => (await post(path, body)).json();
  const tokens = [16 + 72, 16 + 105];
  expect(await ask("/tokenize", { prompt: "Hi" })).toEqual({ tokens: [0, ...tokens], count: 3, max_model_len: 4096 });
  expect(await ask("/tokenize", { model: "m", prompt: "Hi", add_special_tokens: false })).toMatchObject({
    tokens,
    count: 2,
  });
  expect(await ask("/tokenize", { prompt: "<s>", add_special_tokens: false })).toMatchObject({
    count: expect.any(Number),
  });
  expect(await ask("/detokenize", { tokens: [...tokens, 1] })).toEqual({ prompt: "Hi<|im_end|>" });
  expect(await (await handler.fetch(new Request(`${url}/tokenizer_info`))).json()).toEqual({
    bos_token: "<s>",
    eos_token: "<|im_end|>",
    chat_template: null,
    model_max_length: 4096,
  });
  for (const [path, body, param] of [
    ["/tokenize", {}, "prompt"],
    ["/detokenize", { tokens: ["a"] }, "tokens"],
    ["/detokenize", { tokens: [1e9] }, "tokens[0]"],
    ["/tokenize", { prompt: "\ud800" }, "prompt"],
  ] as const) {
    expect(await errorOf(post(path, body)), path).toMatchObject({ status: 400, param });
  }
  const { model } = await scriptedModel();
  handler = createHandler({ models: { m: model, n: model }, apiKeys: ["k"] });
  expect((await post("/tokenize", { prompt: "Hi" })).status).toBe(401);
  expect(await errorOf(post("/tokenize", { prompt: "Hi" }, { authorization: "Bearer k" }))).toMatchObject({
    status: 400,
    param: "model",
  });
  expect((await post("/tokenize", { model: "n", prompt: "Hi" }, { authorization: "Bearer k" })).status).toBe(200);
});

test("long texts are tokenized one at a time, not at all for a client that has gone, and hold no short one up", async () => {
  const { model } = await scriptedModel();
  handler = createHandler({ models: { m: model }, maxQueue: 4 });
  const ends: (() => void)[] = [];
  const whole = vi.spyOn(model, "tokenize").mockImplementation(([part]) => {
    const { control } = part as { control: string };
    if (control.length < 100) return Promise.resolve([1, 2]) as never;
    return new Promise((resolve) => ends.push(() => resolve([1, 2, 3] as never)));
  });
  const ask = (prompt: string, signal?: AbortSignal) =>
    Promise.resolve(
      handler.fetch(
        new Request(`${url}/tokenize`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ prompt }),
          signal: signal ?? null,
        }),
      ),
    );
  const left = new AbortController();
  const [first, second, third] = [
    ask("x".repeat(100_000)),
    ask("y".repeat(100_000), left.signal),
    ask("z".repeat(100_000)),
  ];
  await vi.waitFor(() => expect(ends).toHaveLength(1));
  expect(await (await ask("short")).json()).toMatchObject({ count: 2 });
  const fourth = ask("w".repeat(100_000));
  await vi.waitFor(async () => expect((await ask("short")).status).toBe(429));
  expect(ends).toHaveLength(1);
  left.abort();
  ends[0]!();
  expect(await (await first).json()).toMatchObject({ count: 3 });
  expect((await second).status).toBe(499);
  for (const [index, answer] of [third, fourth].entries()) {
    await vi.waitFor(() => expect(ends).toHaveLength(index + 2));
    ends[index + 1]!();
    expect((await answer).status).toBe(200);
  }
  expect(whole.mock.calls.filter(([[part]]) => (part as { control: string }).control.startsWith("y"))).toEqual([]);
  await handler.close();
  expect((await ask("short")).status).toBe(503);
});

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
    await open({ maxBodyBytes: 1000, bodyTimeoutMs: 50 });
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
    expect(await errorOf(send(new ReadableStream()))).toMatchObject({ status: 408, code: "request_timeout" });
  });
});

describe("who may ask", () => {
  const get = (host: string, path = "/v1/models", headers: Record<string, string> = {}) =>
    handler.fetch(new Request(url + path, { headers: { ...headers, host } }));

  test("names that nobody allowed are refused, addresses and localhost are not", async () => {
    await open({ allowedHosts: ["Models.example.com"] });
    for (const host of [
      "localhost",
      "localhost:8080",
      "app.localhost",
      "127.0.0.1:1",
      "[::1]:8080",
      "10.1.2.3",
      "models.example.com:443",
      "MODELS.example.com",
    ])
      expect((await get(host)).status, host).toBe(200);
    for (const host of [
      "evil.com",
      "evil.com:8080",
      "localhost.evil.com",
      "127.0.0.1.evil.com",
      "example.com",
      "[::1].evil.com",
      "",
    ]) {
      expect(await errorOf(get(host)), host).toMatchObject({
        status: 403,
        code: "host_not_allowed",
        type: "permission_error",
      });
    }
    await open({ allowedHosts: "any" });
    expect((await get("evil.com")).status).toBe(200);
  });

  test("no page may read anything, unless its origin is named", async () => {
    const asked = {
      origin: "https://a.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    };
    const preflight = () =>
      handler.fetch(new Request(`${url}/v1/chat/completions`, { method: "OPTIONS", headers: asked }));
    expect((await preflight()).headers.get("access-control-allow-origin")).toBeNull();
    expect(
      (await post("/v1/chat/completions", hi, { origin: "https://a.example" })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
    await open({ corsOrigins: ["https://a.example"], apiKeys: ["k"] });
    const allowed = await preflight();
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization");
    const refused = await post("/v1/chat/completions", hi, { origin: "https://a.example" });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, "https://a.example"]);
    const streamed = await post(
      "/v1/chat/completions",
      { ...hi, stream: true },
      { origin: "https://a.example", authorization: "Bearer k" },
    );
    expect(streamed.headers.get("access-control-allow-origin")).toBe("https://a.example");
    await streamed.text();
    expect(
      (await post("/v1/chat/completions", hi, { origin: "https://b.example" })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
  });

  test("other paths and methods are refused in OpenAI's form too", async () => {
    expect(await errorOf(get("localhost", "/v1/embeddings"))).toMatchObject({ status: 404, code: "not_found" });
    const response = await get("localhost", "/v1/chat/completions");
    expect(response.headers.get("allow")).toBe("POST");
    expect(await errorOf(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
  });
});

test("what nobody expected is told to the owner, and to the client only that it happened", async () => {
  const scripted = await scriptedModel({ failAfter: { tokens: 2, error: new Error("secret detail") } });
  handler = createHandler({ models: { m: scripted.model }, onError: (error) => errors.push(error) });
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
    const scripted = await scriptedModel({ answer: () => "x".repeat(10_000), bufferSize: 8 });
    engine = scripted.engine;
    handler = createHandler({ models: { m: scripted.model }, ...options });
    return (await post("/v1/chat/completions", { ...hi, stream: true })).body!.getReader();
  };

  test("that pauses pauses its generation, and loses it when it pauses too long", async () => {
    const reader = await long({ readerTimeoutMs: 150 });
    for (let chunk = 0; chunk < 5; chunk++) await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(engine.generated).toBeLessThan(40);
    expect(engine.stats().paused).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(engine.live.size).toBe(0);
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
  const slow = await scriptedModel({ answer: () => "x".repeat(3000), bufferSize: 4 });
  handler = createHandler({ models: { m: slow.model } });
  const response = await post("/v1/chat/completions", { ...hi, stream: true });
  const closing = handler.close({ graceMs: 5000 });
  expect(await errorOf(post("/v1/chat/completions", hi))).toMatchObject({ status: 503, code: "shutting_down" });
  expect((await handler.fetch(new Request(`${url}/ready`))).status).toBe(503);
  expect((await handler.fetch(new Request(`${url}/health`))).status).toBe(200);
  expect(await response.text()).toContain("[DONE]");
  await closing;

  handler = createHandler({ models: { m: slow.model } });
  const unread = await post("/v1/chat/completions", { ...hi, stream: true });
  await handler.close({ graceMs: 20 });
  expect(await unread.text()).toMatch(/"code":"shutting_down"\}\}\n\n$/);
  expect(slow.engine.live.size).toBe(0);
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
