// What the server says of each field of the other APIs is what it does with it, and their clients' types have no
// others.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { messageFields } from "../../../../src/server/anthropic/message_fields.js";
import type { FieldEntry, FieldTable } from "../../../../src/server/fields/field_table.js";
import { infillFields } from "../../../../src/server/llama/infill_request.js";
import { ollamaChatFields, ollamaGenerateFields } from "../../../../src/server/ollama/ollama_fields.js";
import { responseFields } from "../../../../src/server/responses/response_fields.js";
import { createHandler } from "../../../../src/server/index.js";
import { scriptedModel } from "../../../support/engines/scripted_model.js";

const messages = [{ role: "user", content: "Hi" }];
const parameters = { type: "object" };
const functionTool = { type: "function", function: { name: "f", parameters } };

interface Endpoint {
  readonly path: string;
  readonly table: FieldTable;
  readonly least: object;
  /** The interfaces of its clients that document its fields, with what stands before their names. */
  readonly documented: readonly (readonly [file: string, name: string, prefix: string])[];
  /** Values that change what the engine is asked, or the answer; and what must stand beside them. */
  readonly samples: Readonly<Record<string, readonly [value: unknown, beside?: object]>>;
}

const types = (file: string) => readFileSync(new URL(`../../../../node_modules/${file}`, import.meta.url), "utf8");
const ollamaTypes = "ollama/dist/browser.d.ts";

const samplers: Endpoint["samples"] = {
  temperature: [0.5],
  top_p: [0.5],
  top_k: [5],
  min_p: [0.5],
  seed: [5],
  deterministic: [true],
  repeat_penalty: [1.5],
  repetition_penalty: [1.5],
  repeat_last_n: [5],
  min_tokens: [2],
  ignore_eos: [true],
  stop_token_ids: [[65]],
  dry_multiplier: [0.8],
  dry_base: [2],
  dry_allowed_length: [3],
  dry_penalty_last_n: [64],
  dry_sequence_breakers: [["x"]],
  top_n_sigma: [1],
  typical_p: [0.5],
  xtc_probability: [0.5],
  xtc_threshold: [0.2],
  dynatemp_range: [0.5],
  dynatemp_exponent: [2],
  mirostat: [2],
  mirostat_tau: [3],
  mirostat_eta: [0.2],
  adaptive_target: [0.4],
  adaptive_decay: [0.5],
  frequency_penalty: [1],
  presence_penalty: [1],
  logit_bias: [{ 5: -1 }],
  cache_salt: ["s"],
  lora: [[{ id: "a" }]],
};
const inOptions = Object.fromEntries(Object.entries(samplers).map(([name, sample]) => [`options.${name}`, sample]));

const ollama: Endpoint["samples"] = {
  ...inOptions,
  "options.num_predict": [3],
  "options.stop": [["1"]],
  stream: [false],
  format: ["json"],
  think: [true, { model: "thinker" }],
  logprobs: [true],
  top_logprobs: [2, { logprobs: true }],
};

const endpoints: Readonly<Record<string, Endpoint>> = {
  responses: {
    path: "/v1/responses",
    table: responseFields,
    least: { input: "Hi" },
    documented: [["openai/resources/responses/responses.d.ts", "ResponseCreateParamsBase", ""]],
    samples: {
      ...samplers,
      input: ["Ho"],
      instructions: ["Be brief."],
      store: [false],
      metadata: [{ a: "b" }],
      stream: [true],
      max_output_tokens: [3],
      stop: ["1"],
      tools: [[{ type: "function", name: "f", parameters }]],
      tool_choice: ["required", { tools: [{ type: "function", name: "f", parameters }] }],
      parallel_tool_calls: [false, { tools: [{ type: "function", name: "f", parameters }] }],
      "text.format": [{ type: "json_object" }],
      "reasoning.effort": ["none", { model: "thinker" }],
      "reasoning.summary": ["auto", { model: "thinker" }],
      include: [["message.output_text.logprobs"]],
      top_logprobs: [2, { include: ["message.output_text.logprobs"] }],
      truncation: ["auto"],
    },
  },
  messages: {
    path: "/v1/messages",
    table: messageFields,
    least: { messages },
    documented: [
      ["@anthropic-ai/sdk/resources/messages/messages.d.ts", "MessageCreateParamsBase", ""],
      ["@anthropic-ai/sdk/resources/beta/messages/messages.d.ts", "MessageCreateParamsBase", ""],
    ],
    samples: {
      ...samplers,
      messages: [[{ role: "user", content: "Ho" }]],
      system: ["Be brief."],
      max_tokens: [3],
      stop_sequences: [["1"]],
      stream: [true],
      tools: [[{ name: "f", input_schema: parameters }]],
      tool_choice: [{ type: "any" }, { tools: [{ name: "f", input_schema: parameters }] }],
      thinking: [{ type: "disabled" }, { model: "thinker" }],
      "output_config.format": [{ type: "json_schema", schema: parameters }],
      output_format: [{ type: "json_schema", schema: parameters }],
    },
  },
  chat: {
    path: "/api/chat",
    table: ollamaChatFields,
    least: { messages },
    documented: [
      [ollamaTypes, "ChatRequest", ""],
      [ollamaTypes, "Options", "options."],
    ],
    samples: { ...ollama, messages: [[{ role: "user", content: "Ho" }]], tools: [[functionTool]], truncate: [false] },
  },
  generate: {
    path: "/api/generate",
    table: ollamaGenerateFields,
    least: { prompt: "Hi" },
    documented: [
      [ollamaTypes, "GenerateRequest", ""],
      [ollamaTypes, "Options", "options."],
    ],
    samples: { ...ollama, prompt: ["Ho"], system: ["Be brief."], raw: [true], suffix: ["!"] },
  },
  infill: {
    path: "/infill",
    table: infillFields,
    least: { input_prefix: "Hi", input_suffix: "!" },
    documented: [],
    samples: {
      ...samplers,
      input_prefix: ["Ho"],
      input_suffix: ["?"],
      input_extra: [[{ filename: "a.txt", text: "Hi" }]],
      prompt: ["Hi"],
      stream: [true],
      n_predict: [3],
      max_tokens: [3],
      stop: ["1"],
      response_fields: [["content", "timings/prompt_n"]],
    },
  },
};

/** A request of its own each, so that nothing is cached. */
async function ask({ path, least }: Endpoint, more: object) {
  const scripted = await scriptedModel({ answer: () => '{"a": 1}', constrained: true, infill: true });
  await scripted.model.addAdapter({ path: "/a.gguf", scale: 0 });
  const chatTemplate = "{{ enable_thinking }}{{ messages[0].content }}<think>";
  const thinker = await scriptedModel({ answer: () => "Hm.</think>Yes.", constrained: true, chatTemplate });
  const handler = createHandler({ models: { m: scripted.model, thinker: thinker.model } });
  const response = await handler.fetch(
    new Request(`http://localhost${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "m", ...least, ...more }),
    }),
  );
  const text = (await response.text()).replaceAll(
    /"(id|item_id|created_at|completed_at|\w+_duration)":("[^"]*"|\d+),?/g,
    "",
  );
  return { status: response.status, text, request: [scripted, thinker].flatMap(({ engine }) => engine.requests)[0] };
}

/** The field in its objects. */
const withField = (name: string, value: unknown): object =>
  name.split(".").reduceRight<unknown>((inner, step) => ({ [step]: inner }), value) as object;

describe.each(Object.entries(endpoints))("%s", (_, endpoint) => {
  const of = (does: FieldEntry["does"]) => endpoint.table.own.filter((entry) => entry.does === does);

  test("no field stands in the table twice, and each that its clients' types have stands there", () => {
    const names = endpoint.table.own.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    for (const [file, name, prefix] of endpoint.documented) {
      const [, body] = new RegExp(`interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(types(file))!;
      const fields = [...body!.matchAll(/^ {4}(\w+)\??:/gm)].map(([, field]) => prefix + field);
      expect(fields.length).toBeGreaterThan(5);
      const missing = fields.filter(
        (field) => endpoint.table.get(field) === undefined && !endpoint.table.isObject(field),
      );
      expect(missing, name).toEqual([]);
    }
  });

  test.each(of("refused"))(
    "$name is refused by its name; what asks for nothing passes",
    async ({ name, neutral = [] }) => {
      const { status, text } = await ask(endpoint, withField(name, "x"));
      expect([status, text]).toEqual([400, expect.stringContaining(`${name} is not supported: `)]);
      for (const value of [null, ...neutral]) expect((await ask(endpoint, withField(name, value))).status).toBe(200);
    },
  );

  test.each(of("nothing"))("$name changes nothing that the engine is asked", async ({ name }) => {
    const plain = await ask(endpoint, {});
    for (const value of ["x", 1, true, {}]) {
      const { status, request } = await ask(endpoint, withField(name, value));
      if (name === "user" && value !== "x") continue;
      expect([status, request?.prompt, request?.constraint]).toEqual([
        200,
        plain.request!.prompt,
        plain.request!.constraint,
      ]);
      expect({ ...request!.sampling, seed: 0 }).toEqual({ ...plain.request!.sampling, seed: 0 });
    }
  });

  // These are about the model and other requests, not about this answer.
  const others = ["model", "previous_response_id", "keep_alive"];
  const honored = of("honored").filter(({ name }) => !others.includes(name));
  test.each(honored)("$name reaches the engine, or changes the answer", async ({ name }) => {
    const [value, beside = {}] = endpoint.samples[name] ?? [];
    expect(value, "a sample of it").toBeDefined();
    const seeded = (body: object) =>
      name.endsWith("seed")
        ? body
        : { ...withField("options.seed" in endpoint.samples ? "options.seed" : "seed", 1), ...body };
    const withOptions = (body: object) => {
      const { options, ...others } = seeded({}) as { options?: object };
      const given = body as { options?: object };
      return { ...others, ...body, ...(options || given.options ? { options: { ...options, ...given.options } } : {}) };
    };
    const plain = await ask(endpoint, withOptions(beside));
    const { status, text, request } = await ask(endpoint, withOptions({ ...beside, ...withField(name, value) }));
    expect(status, text).toBe(200);
    // Where a conversation fits, there is nothing to leave out.
    if (name === "truncate" || name === "truncation") return;
    expect({ text, request }).not.toEqual({ text: plain.text, request: plain.request });
  });
});
