// What the server says of each field is what it does with it.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FieldEntry } from "../../../../src/server/fields/field_table.js";
import { type Endpoint, fieldsOf, openaiFields } from "../../../../src/server/openai/openai_fields.js";
import { createHandler, type Handler } from "../../../../src/server/index.js";
import type { ScriptedEngine } from "../../../support/engines/scripted_engine.js";
import { scriptedModel } from "../../../support/engines/scripted_model.js";
import { documented, objects } from "./documented_fields.js";

const endpoints: readonly Endpoint[] = ["chat", "completions"];
const paths = { chat: "/v1/chat/completions", completions: "/v1/completions" };
const least = {
  chat: { model: "m", messages: [{ role: "user", content: "Hi" }] },
  completions: { model: "m", prompt: "Hi" },
};
const of = (endpoint: Endpoint, does: FieldEntry["does"]) =>
  [...fieldsOf[endpoint].values()].filter((entry) => entry.does === does);
const cases = (does: FieldEntry["does"]) =>
  endpoints.flatMap((endpoint) => of(endpoint, does).map((entry): [Endpoint, FieldEntry] => [endpoint, entry]));

let handler: Handler;
let engine: ScriptedEngine;
let engines: readonly ScriptedEngine[];
beforeAll(async () => {
  const scripted = await scriptedModel({ answer: () => '{"a": 1}', constrained: true, infill: true });
  await scripted.model.addAdapter({ path: "/a.gguf", scale: 0 });
  engine = scripted.engine;
  const chatTemplate = "{{ enable_thinking }}{{ messages[0].content }}<think>";
  const thinker = await scriptedModel({ answer: () => "Hm.</think>Yes.", constrained: true, chatTemplate });
  // One list for both: each request is one model's.
  engines = [engine, thinker.engine];
  handler = createHandler({ models: { m: scripted.model, thinker: thinker.model } });
});
beforeEach(() => engines.forEach(({ requests }) => void requests.splice(0)));

/** The request with one more field; one of an object stands in it. */
function withField(endpoint: Endpoint, name: string, value: unknown, others: object = {}): object {
  const [outer = "", inner] = name.split(".");
  const beside: Record<string, object> = {
    stream_options: {},
    chat_template_kwargs: {},
    response_format: { type: "json_object" },
    structured_outputs: {},
  };
  return {
    ...least[endpoint],
    ...(outer === "stream_options" ? { stream: true } : {}),
    ...others,
    [outer]: inner === undefined ? value : { ...beside[outer], [inner]: value },
  };
}

async function ask(endpoint: Endpoint, body: object) {
  const response = await handler.fetch(
    new Request(`http://localhost${paths[endpoint]}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
  const text = await response.text();
  const { error } = (text.startsWith("{") ? JSON.parse(text) : {}) as {
    error?: { code: string; param: string; message: string };
  };
  return {
    status: response.status,
    error,
    text: text.replaceAll(/"(?:id|created)":[^,]+,/g, ""),
    request: engines.flatMap(({ requests }) => requests).at(-1),
  };
}

test.each(endpoints)(
  "in %s, each field that OpenAI, llama.cpp's server or vLLM documents stands in the table once",
  (endpoint) => {
    const names = openaiFields
      .filter((entry) => entry.endpoints === "both" || entry.endpoints === endpoint)
      .map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(documented[endpoint].filter((name) => !names.includes(name) && !objects.includes(name))).toEqual([]);
    // Nor does one of the other endpoint pass unnoticed.
    expect(
      openaiFields.filter(({ name, does }) => does !== "nothing" && fieldsOf[endpoint].get(name)?.does === undefined),
    ).toEqual([]);
    expect(
      openaiFields.filter(
        ({ name, endpoints, does }) =>
          does !== "nothing" &&
          endpoints !== "both" &&
          endpoints !== endpoint &&
          fieldsOf[endpoint].get(name)!.does === "nothing",
      ),
    ).toEqual([]);
  },
);

describe("refused", () => {
  test.each(cases("refused"))(
    "in %s: $name, by its name; what asks for nothing passes",
    async (endpoint, { name, neutral = [] }) => {
      const { status, error } = await ask(endpoint, withField(endpoint, name, "x"));
      expect({ status, ...error }).toMatchObject({
        status: 400,
        code: "unsupported_parameter",
        param: name,
        message: expect.stringContaining(`${name} is not supported: `),
      });
      expect(engine.requests).toHaveLength(0);
      for (const value of [null, ...neutral])
        expect((await ask(endpoint, withField(endpoint, name, value))).error, JSON.stringify(value)).toBeUndefined();
    },
  );
});

describe("without effect", () => {
  test.each(cases("nothing"))("in %s: $name changes nothing that the engine is asked", async (endpoint, { name }) => {
    const [outer = ""] = name.split(".");
    const plain = await ask(endpoint, name.includes(".") ? withField(endpoint, `${outer}.any`, null) : least[endpoint]);
    for (const value of ["x", 1, true, {}]) {
      const { status, request, text } = await ask(endpoint, withField(endpoint, name, value));
      if (name === "user" && value !== "x") continue;
      expect({ status, text, request: { ...request, sampling: { ...request?.sampling } } }).toEqual({
        status: 200,
        text: plain.text,
        request: plain.request,
      });
    }
  });
});

/** Values that change what the engine is asked, or the answer; and what must stand beside them. */
const tool = { type: "function", function: { name: "f", parameters: { type: "object" } } };
const samples: Readonly<Record<string, unknown>> = {
  messages: [{ role: "user", content: "Ho" }],
  prompt: "Ho",
  stream: true,
  "stream_options.include_usage": true,
  n: 2,
  max_completion_tokens: 3,
  max_tokens: 3,
  min_tokens: 2,
  ignore_eos: true,
  stop_token_ids: [65],
  lora: [{ id: 0, scale: 0.5 }],
  dry_multiplier: 0.8,
  dry_base: 2,
  dry_allowed_length: 3,
  dry_penalty_last_n: 64,
  dry_sequence_breakers: ["x"],
  top_n_sigma: 1,
  typical_p: 0.5,
  xtc_probability: 0.5,
  xtc_threshold: 0.2,
  dynatemp_range: 0.5,
  dynatemp_exponent: 2,
  mirostat: 2,
  mirostat_tau: 3,
  mirostat_eta: 0.2,
  adaptive_target: 0.4,
  adaptive_decay: 0.5,
  n_predict: 3,
  n_cmpl: 2,
  repetition_penalty: 1.5,
  repeat_last_n: 5,
  cache_salt: "s",
  stop: "1",
  seed: 5,
  deterministic: true,
  temperature: 0.5,
  top_p: 0.5,
  top_k: 5,
  min_p: 0.5,
  repeat_penalty: 1.5,
  frequency_penalty: 1,
  presence_penalty: 1,
  logit_bias: { 5: -1 },
  top_logprobs: 2,
  echo: true,
  tools: [tool],
  tool_choice: "required",
  parallel_tool_calls: false,
  "chat_template_kwargs.enable_thinking": true,
  "chat_template_kwargs.thinking": false,
  enable_thinking: true,
  reasoning_effort: "low",
  thinking_budget_tokens: 5,
  reasoning_budget_tokens: 0,
  thinking_token_budget: 5,
  "response_format.type": "json_object",
  "response_format.json_schema": { name: "x", schema: { type: "array" } },
  "response_format.schema": { type: "array" },
  json_schema: { type: "array" },
  grammar: 'root ::= "a"',
  guided_json: '{"type":"array"}',
  guided_regex: "a+",
  guided_choice: ["a", "b"],
  guided_grammar: 'start: "a"',
  "structured_outputs.json": { type: "array" },
  "structured_outputs.regex": "a+",
  "structured_outputs.choice": ["a"],
  "structured_outputs.grammar": 'start: "a"',
  "structured_outputs.json_object": true,
  suffix: "!",
};
const begun = {
  messages: [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Ho" },
  ],
};
const special: Readonly<Record<string, (endpoint: Endpoint) => { value: unknown; others?: object; before?: object }>> =
  {
    logprobs: (endpoint) => ({ value: endpoint === "chat" ? true : 2 }),
    top_logprobs: () => ({ value: 2, others: { logprobs: true }, before: { logprobs: true } }),
    tool_choice: () => ({ value: "required", others: { tools: [tool] }, before: { tools: [tool] } }),
    parallel_tool_calls: () => ({ value: false, others: { tools: [tool] }, before: { tools: [tool] } }),
    continue_final_message: () => ({ value: true, others: begun, before: begun }),
    add_generation_prompt: () => ({ value: false, others: { ...begun, continue_final_message: true }, before: begun }),
    "response_format.type": () => ({ value: "json_object" }),
    "response_format.json_schema": () => ({ value: samples["response_format.json_schema"], before: {} }),
  };

describe("honored", () => {
  test.each(cases("honored").filter(([, { name }]) => name !== "model" && name !== "best_of"))(
    "in %s: $name reaches the engine, or changes the answer",
    async (endpoint, { name }) => {
      const thinker = /think|reason/.test(name) ? { model: "thinker" } : {};
      const { value = samples[name], others = thinker, before = thinker } = special[name]?.(endpoint) ?? {};
      expect(value, "a sample of it").toBeDefined();
      const plain = await ask(endpoint, { ...least[endpoint], ...before });
      const body = withField(endpoint, name, value, others) as { response_format?: Record<string, unknown> };
      if (name === "response_format.json_schema") body.response_format!["type"] = "json_schema";
      const { status, text, request, error } = await ask(endpoint, body);
      expect(error).toBeUndefined();
      expect(status).toBe(200);
      expect({ text, request }).not.toEqual({ text: plain.text, request: plain.request });
    },
  );

  test("but a field that is nearly one of these is no such field", async () => {
    for (const [name, meant] of [
      ["maxTokens", "max_tokens"],
      ["max_token", "max_tokens"],
      ["Temperature", "temperature"],
      ["tempurature", "temperature"],
      ["tempreature", "temperature"],
      ["mxa_tokens", "max_tokens"],
      ["tool_choise", "tool_choice"],
      ["respons_format", undefined],
      ["guided_jsn", "guided_json"],
      ["chat_template_kwarg", undefined],
      ["reasoning_efort", "reasoning_effort"],
    ] as const) {
      const { error } = await ask("chat", withField("chat", name, 1));
      expect(error, name).toEqual(
        meant === undefined
          ? undefined
          : expect.objectContaining({
              code: "unknown_parameter",
              param: name,
              message: `Unknown parameter: ${name}. Did you mean ${meant}?`,
            }),
      );
    }
    for (const name of ["m", "models", "x_custom", "no_such_field", "__proto__", "constructor", "tooling"])
      expect(
        (
          await ask(
            "chat",
            JSON.parse(`{"${name}": [1], "model": "m", "messages": [{"role": "user", "content": "Hi"}]}`) as object,
          )
        ).error,
        name,
      ).toBeUndefined();
  });
});

describe("what the answer is to be", () => {
  const constraintOf = async (endpoint: Endpoint, fields: object) =>
    (await ask(endpoint, { ...least[endpoint], ...fields })).request?.constraint;
  const list = { type: "array", items: { type: "integer" } };

  test.each(endpoints)("in %s it is the same whoever's field says it", async (endpoint) => {
    const json = await constraintOf(endpoint, {
      response_format: { type: "json_schema", json_schema: { name: "x", schema: list } },
    });
    expect(json).toMatchObject({ kind: "json", schema: { type: "array" } });
    for (const fields of [
      { json_schema: list },
      { guided_json: list },
      { guided_json: JSON.stringify(list) },
      { structured_outputs: { json: list } },
      { response_format: { type: "json_object", schema: list } },
      { response_format: { type: "json_schema", schema: list } },
      { response_format: { type: "json_object" }, json_schema: list },
    ]) {
      expect(await constraintOf(endpoint, fields), JSON.stringify(fields)).toEqual(json);
    }
    expect(
      await constraintOf(endpoint, {
        response_format: { type: "json_schema", json_schema: { name: "x", description: "Lists.", schema: list } },
      }),
    ).toEqual(await constraintOf(endpoint, { json_schema: { description: "Lists.", ...list } }));
    expect(await constraintOf(endpoint, { json_schema: {} })).toEqual(
      await constraintOf(endpoint, { response_format: { type: "json_object" } }),
    );
    expect(await constraintOf(endpoint, { guided_regex: "a+" })).toEqual({ kind: "regex", pattern: "(?:a)+" });
    expect(await constraintOf(endpoint, { guided_choice: ['"yes"\n', "no"] })).toEqual({
      kind: "lark",
      grammar: 'start: "\\"yes\\"\\n" | "no"\n',
    });
    expect(await constraintOf(endpoint, { guided_grammar: 'start: "a"' })).toEqual({
      kind: "lark",
      grammar: 'start: "a"',
    });
    expect(await constraintOf(endpoint, { grammar: 'root ::= "a"' })).toMatchObject({
      kind: "lark",
      grammar: expect.stringContaining("start: "),
    });
    expect(await constraintOf(endpoint, { grammar: "" })).toBeUndefined();
  });

  test.each<[object, string, string | null]>([
    [{ guided_json: list, guided_regex: "a" }, "invalid_value", "guided_regex"],
    [
      { response_format: { type: "json_schema", json_schema: { name: "x", schema: list } }, json_schema: list },
      "invalid_value",
      "json_schema",
    ],
    [{ guided_json: "{" }, "invalid_value", "guided_json"],
    [{ guided_json: "[]" }, "invalid_type", "guided_json"],
    [{ json_schema: { type: 7 } }, "invalid_schema", "json_schema"],
    [{ structured_outputs: { json: { type: 7 } } }, "invalid_schema", "structured_outputs.json"],
    [{ guided_regex: "(?=a)b" }, "invalid_value", "guided_regex"],
    [{ guided_choice: [] }, "invalid_value", "guided_choice"],
    [{ guided_choice: ["a", 1] }, "invalid_value", "guided_choice"],
    [{ grammar: "nothing" }, "invalid_value", "grammar"],
    [{ grammar: 'root ::= "a' }, "invalid_value", "grammar"],
    [{ tools: [tool], grammar: 'root ::= "a"' }, "unsupported_parameter", "grammar"],
    [
      { response_format: { type: "json_object", json_schema: { name: "x", schema: list } } },
      "invalid_value",
      "response_format.json_schema",
    ],
    [
      { response_format: { type: "text", json_schema: { name: "x", schema: list } } },
      "invalid_value",
      "response_format.json_schema",
    ],
    [{ response_format: { type: "text", schema: list } }, "invalid_value", "response_format.schema"],
    [
      { response_format: { type: "json_schema", schema: list, json_schema: { name: "x", schema: list } } },
      "invalid_value",
      "response_format.schema",
    ],
    [{ response_format: { type: "json_object", schema: list }, json_schema: list }, "invalid_value", "json_schema"],
    [{ response_format: { type: "text" }, guided_json: list, json_schema: list }, "invalid_value", "guided_json"],
    [
      { response_format: { type: "json_schema", json_schema: { name: "x", schema: list, stricct: true } } },
      "unknown_parameter",
      "response_format.json_schema.stricct",
    ],
    [
      { tools: [{ type: "function", function: { name: "f", paramters: {} } }] },
      "unknown_parameter",
      "tools[0].function.paramters",
    ],
    [
      { tools: [{ type: "function", function: { name: "f", Description: "x" } }] },
      "unknown_parameter",
      "tools[0].function.Description",
    ],
    [{ response_format: { schema: list } }, "missing_required_parameter", "response_format.type"],
    [
      { response_format: { type: "structural_tag", structures: [], triggers: [] } },
      "unsupported_parameter",
      "response_format.structures",
    ],
  ])("%j is refused: %s, at %s", async (fields, code, param) => {
    for (const endpoint of endpoints) {
      if (endpoint === "completions" && "tools" in fields) continue;
      expect((await ask(endpoint, { ...least[endpoint], ...fields })).error, endpoint).toMatchObject({ code, param });
    }
    expect(engine.requests).toHaveLength(0);
  });

  test.each(endpoints)("in %s null beside a schema is no second one", async (endpoint) => {
    for (const format of [
      { type: "json_object", schema: list, json_schema: null },
      { type: "json_schema", schema: null, json_schema: { name: "x", schema: list } },
      { type: "text", schema: null, json_schema: null },
    ]) {
      expect(
        (await ask(endpoint, { ...least[endpoint], response_format: format })).error,
        JSON.stringify(format),
      ).toBeUndefined();
    }
  });
});
