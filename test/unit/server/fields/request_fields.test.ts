// What the server makes of the fields of a request: refused by name, passed over, or asked of the engine.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { requestFields } from "../../../../src/server/request_fields.js";
import { engine, errorOf, hi, open, post } from "../scripted_handler.js";

test("the text before a gap has the name by which it was sent", () => {
  expect(requestFields(["input_prefix", "input_suffix"]).of("prompt")).toBe("input_prefix");
  expect(requestFields(["prompt", "suffix"]).of("prompt")).toBe("prompt");
});

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
    [{ logit_bias: { "": 1 } }, "invalid_value", "logit_bias"],
    [{ logit_bias: [[-1, 1]] }, "invalid_value", "logit_bias"],
    [{ logit_bias: [[1.5, 1]] }, "invalid_value", "logit_bias"],
    [{ logit_bias: [["x".repeat(101), 1]] }, "invalid_value", "logit_bias"],
    [{ logit_bias: Array.from({ length: 101 }, (_, n) => [`${n}`, 1]) }, "invalid_value", "logit_bias"],
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
    [{ suffix: "x" }, "unsupported_model", "suffix"],
    [{ suffix: "x", echo: true }, "unsupported_parameter", "echo"],
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
