// What clients written for other servers send: llama-server's paths, other headers for the key, -1 for "no limit",
// OpenAI's newer fields.
import { beforeEach, describe, expect, test } from "vitest";
import { createHandler, type Handler, type HandlerOptions } from "../../../src/server/index.js";
import type { ScriptedEngine } from "../../support/engines/scripted_engine.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

let handler: Handler;
let engine: ScriptedEngine;

async function open(options: Omit<HandlerOptions, "models"> = {}, contextSize = 4096): Promise<void> {
  const scripted = await scriptedModel({ answer: () => "Hello there.", constrained: true, contextSize });
  engine = scripted.engine;
  handler = createHandler({ models: { m: scripted.model }, ...options });
}
beforeEach(() => open());

const url = "http://localhost";
const hi = { messages: [{ role: "user", content: "Hi" }] };
const get = (path: string, headers: Record<string, string> = {}) => handler.fetch(new Request(url + path, { headers }));
const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  handler.fetch(
    new Request(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    }),
  );
const errorOf = async (response: Response) => ({
  status: response.status,
  ...((await response.json()) as { error: { code: string; param: string | null; message: string } }).error,
});

describe("paths", () => {
  test.each(["/health", "/v1/health", "/models", "/v1/models", "/models/m", "/tokenizer_info"])(
    "GET %s answers",
    async (path) => {
      expect((await get(path)).status).toBe(200);
    },
  );

  test.each<[string, object]>([
    ["/chat/completions", hi],
    ["/completions", { prompt: "Hi" }],
    ["/tokenize", { prompt: "Hi" }],
    ["/detokenize", { tokens: [40] }],
    ["/apply-template", hi],
  ])("POST %s answers, GET does not", async (path, body) => {
    expect((await post(path, body)).status).toBe(200);
    expect(await errorOf(await get(path))).toMatchObject({ status: 405, code: "method_not_allowed" });
  });

  test("all spellings of a path count as one in the metrics", async () => {
    for (const path of ["/chat/completions", "/v1/chat/completions"]) await post(path, hi);
    expect(await (await get("/metrics")).text()).toContain('route="/v1/chat/completions",status="200"} 2');
  });

  test("a path of another server says what answers instead", async () => {
    expect(await errorOf(await post("/completion", { prompt: "Hi" }))).toMatchObject({
      status: 404,
      message: expect.stringContaining("POST /v1/completions"),
    });
  });
});

test("a key may stand in x-api-key, and is the same tenant there; of two headers the known key counts", async () => {
  await open({ apiKeys: ["k", "other"] });
  for (const headers of [
    { authorization: "Bearer k" },
    { "x-api-key": "k" },
    { authorization: "Basic abc", "x-api-key": "k" },
    { authorization: "Bearer none", "x-api-key": "k" },
  ]) {
    expect(
      (await post("/v1/chat/completions", hi, headers as Record<string, string>)).status,
      JSON.stringify(headers),
    ).toBe(200);
  }
  expect(new Set(engine.requests.map(({ cacheScope }) => cacheScope)).size).toBe(1);
  const refused: Record<string, string>[] = [{}, { "x-api-key": "" }, { "x-api-key": "K" }, { authorization: "k" }];
  for (const headers of refused)
    expect(await errorOf(await post("/v1/chat/completions", hi, headers))).toMatchObject({
      status: 401,
      code: "invalid_api_key",
    });
});

test("-1 is no limit for top_k and max_tokens, and no other negative number is", async () => {
  await post("/v1/chat/completions", { ...hi, top_k: -1, max_tokens: -1 });
  await post("/v1/completions", { prompt: "Hi", top_k: -1, max_completion_tokens: -1 });
  for (const { sampling, maxTokens } of engine.requests) expect([sampling.topK, maxTokens]).toEqual([0, undefined]);
  expect(engine.requests).toHaveLength(2);
  for (const name of ["top_k", "max_tokens", "max_completion_tokens"])
    expect(await errorOf(await post("/v1/chat/completions", { ...hi, [name]: -2 }))).toMatchObject({
      status: 400,
      param: name,
    });
});

test("the model may be left out where there is one; the answer names it", async () => {
  expect(await (await post("/v1/chat/completions", hi)).json()).toMatchObject({ model: "m" });
  expect(await (await post("/v1/completions", { prompt: "Hi", model: null })).json()).toMatchObject({ model: "m" });
  const { model } = await scriptedModel();
  handler = createHandler({ models: { a: model, b: model } });
  expect(await errorOf(await post("/v1/chat/completions", hi))).toMatchObject({
    status: 400,
    code: "missing_required_parameter",
    param: "model",
  });
});

describe("tools", () => {
  const tool = (name: string) => ({ type: "function", function: { name } });
  const tools = [tool("f"), tool("g"), tool("h")];
  const allowed = (mode: unknown, ...names: string[]) => ({
    type: "allowed_tools",
    allowed_tools: { mode, tools: names.map(tool) },
  });

  test.each(["auto", "required"])(
    "of allowed_tools, mode %s, the prompt has only those, and the grammar allows no others",
    async (mode) => {
      expect((await post("/v1/chat/completions", { ...hi, tools, tool_choice: allowed(mode, "h", "f") })).status).toBe(
        200,
      );
      const { constraint, prompt } = engine.requests[0]!;
      expect(constraint).toMatchObject({ kind: "tools", mode, tools: [{ name: "f" }, { name: "h" }] });
      expect(JSON.stringify(prompt)).not.toContain('\\"g\\"');
    },
  );

  test.each<[object, string]>([
    [allowed("auto", "x"), "tool_choice"],
    [allowed("auto"), "tool_choice"],
    [allowed("none", "f"), "tool_choice.allowed_tools.mode"],
    [{ type: "allowed_tools" }, "tool_choice.allowed_tools"],
    [{ type: "allowed_tools", allowed_tools: { mode: "auto", tools: ["f"] } }, "tool_choice.allowed_tools.tools[0]"],
    [{ type: "custom" }, "tool_choice.type"],
  ])("%j is refused at %s", async (choice, param) => {
    expect(await errorOf(await post("/v1/chat/completions", { ...hi, tools, tool_choice: choice }))).toMatchObject({
      status: 400,
      param,
    });
  });

  test("an empty list is no tools: nothing is constrained, log probabilities come, and only a required call is refused", async () => {
    for (const choice of [undefined, null, "auto", "none"]) {
      const response = await post("/v1/chat/completions", {
        ...hi,
        tools: [],
        tool_choice: choice,
        parallel_tool_calls: true,
        logprobs: true,
      });
      expect(await response.json()).toMatchObject({
        choices: [
          { message: { content: "Hello there." }, logprobs: { content: expect.any(Array) }, finish_reason: "stop" },
        ],
      });
    }
    expect(engine.requests.map(({ constraint }) => constraint)).toEqual(Array(4).fill(undefined));
    for (const choice of ["required", { type: "function", function: { name: "f" } }]) {
      expect(
        await errorOf(await post("/v1/chat/completions", { ...hi, tools: [], tool_choice: choice })),
      ).toMatchObject({ status: 400, param: "tool_choice" });
    }
  });
});

test.each<[string, object]>([
  ["/v1/chat/completions", { messages: [{ role: "user", content: "x".repeat(300) }] }],
  ["/v1/chat/completions", { messages: [{ role: "user", content: "x".repeat(300) }], stream: true }],
  ["/v1/completions", { prompt: "x".repeat(300) }],
  ["/apply-template", { messages: [{ role: "user", content: "x".repeat(300) }] }],
])("a prompt too long for %s is refused in the words that clients look for", async (path, body) => {
  await open({}, 256);
  const { status, code, message } = await errorOf(await post(path, body));
  expect({ status, code }).toEqual({ status: 400, code: "context_length_exceeded" });
  expect(message).toMatch(/^This model's maximum context length is 256 tokens\. The prompt has \d+ tokens/);
});
