// Requests that are nearly right, and bodies that are no JSON.
import { mutated } from "./mutate.mjs";
import { hostileSchema } from "./schemas.mjs";

/** @typedef {import("./mutate.mjs").Random} Random */

const parameters = {
  type: "object",
  properties: { city: { type: "string", maxLength: 20 }, days: { type: "integer", minimum: 1, maximum: 9 } },
  required: ["city"],
  additionalProperties: false,
};
const tool = (/** @type {string} */ name) => ({
  type: "function",
  function: { name, description: `What ${name} does`, parameters },
});
const common = {
  model: "hermes",
  max_tokens: 12,
  temperature: 0.7,
  top_p: 0.9,
  top_k: 40,
  min_p: 0.05,
  seed: 7,
  stop: ["###"],
  presence_penalty: 0.1,
  frequency_penalty: 0.1,
  logit_bias: { 5: -1 },
  user: "me",
  n: 1,
};
const history = [
  { role: "system", content: "Be brief." },
  { role: "user", content: [{ type: "text", text: "How warm is it in Paris?" }] },
  {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city": "Paris"}' } }],
  },
  { role: "tool", tool_call_id: "call_1", content: '{"celsius": 21}' },
  { role: "user", content: "And tomorrow?" },
];

/** @type {ReadonlyArray<readonly [path: string, body: object]>} */
const valid = [
  [
    "/v1/chat/completions",
    {
      ...common,
      messages: history,
      tools: [tool("get_weather"), tool("ping")],
      tool_choice: "auto",
      parallel_tool_calls: true,
    },
  ],
  [
    "/v1/chat/completions",
    {
      ...common,
      messages: history,
      tools: [tool("get_weather")],
      tool_choice: { type: "function", function: { name: "get_weather" } },
      stream: true,
      stream_options: { include_usage: true },
    },
  ],
  [
    "/v1/chat/completions",
    {
      ...common,
      messages: [{ role: "user", content: "Hi" }],
      response_format: { type: "json_schema", json_schema: { name: "a", schema: parameters, strict: true } },
    },
  ],
  [
    "/v1/chat/completions",
    { ...common, messages: [{ role: "user", content: "Hi" }], logprobs: true, top_logprobs: 3, stream: true, n: 2 },
  ],
  ["/v1/completions", { ...common, prompt: ["Once", "Twice"], echo: true, logprobs: 2, suffix: null }],
  ["/v1/completions", { ...common, prompt: [1, 2, 3, 500], stream: true }],
  [
    "/v1/responses",
    {
      model: "hermes",
      max_output_tokens: 12,
      temperature: 0.7,
      instructions: "Be brief.",
      input: [
        { role: "user", content: [{ type: "input_text", text: "How warm is it in Paris?" }] },
        { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] },
        { type: "function_call", call_id: "call_1", name: "get_weather", arguments: '{"city": "Paris"}' },
        { type: "function_call_output", call_id: "call_1", output: "21" },
      ],
      tools: [
        { type: "function", name: "get_weather", parameters, strict: true },
        { type: "custom", name: "run", format: { type: "text" } },
        { type: "namespace", name: "files", tools: [{ type: "function", name: "read", parameters }] },
      ],
      tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "get_weather" }] },
      reasoning: { effort: "medium", summary: "auto" },
      metadata: { a: "b" },
      stream: true,
    },
  ],
  [
    "/v1/responses",
    {
      model: "hermes",
      max_output_tokens: 12,
      input: "Hi",
      previous_response_id: null,
      include: ["message.output_text.logprobs"],
      top_logprobs: 2,
      text: { format: { type: "json_schema", name: "a", schema: parameters, strict: true } },
    },
  ],
  [
    "/v1/messages",
    {
      model: "hermes",
      max_tokens: 12,
      system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
      messages: [
        { role: "user", content: "How warm is it in Paris?" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm.", signature: "x" },
            { type: "tool_use", id: "t1", name: "get_weather", input: { city: "Paris" } },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "21", is_error: false }] },
      ],
      tools: [{ name: "get_weather", input_schema: parameters }],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
      thinking: { type: "enabled", budget_tokens: 4 },
      stop_sequences: ["###"],
      stream: true,
    },
  ],
  ["/v1/messages/count_tokens", { model: "hermes", messages: [{ role: "user", content: "Hi" }], system: "Be brief." }],
  [
    "/api/chat",
    {
      model: "hermes:latest",
      messages: [
        { role: "user", content: "How warm is it in Paris?" },
        {
          role: "assistant",
          content: "",
          tool_calls: [{ function: { name: "get_weather", arguments: { city: "Paris" } } }],
        },
        { role: "tool", tool_name: "get_weather", content: "21" },
      ],
      tools: [tool("get_weather")],
      options: { temperature: 0.7, num_predict: 12, seed: 7, stop: ["###"], top_k: 40, num_ctx: 4096 },
      keep_alive: "5m",
    },
  ],
  [
    "/api/generate",
    { model: "hermes", prompt: "Once", raw: true, stream: false, format: parameters, options: { num_predict: 12 } },
  ],
  ["/api/show", { model: "hermes", verbose: true }],
  ["/tokenize", { model: "hermes", content: "Hello <|im_end|>", add_special: true, with_pieces: true }],
  ["/detokenize", { model: "hermes", tokens: [1, 2, 3, 500, 31_999] }],
  ["/apply-template", { model: "hermes", messages: history, tools: [tool("ping")] }],
];

/** @param {Random} random @returns {{ path: string, body: string | Buffer }} */
export function hostileRequest(random) {
  const { below, pick } = random;
  const [path, body] = pick([...valid]);
  if (below(4) === 0)
    return {
      path: pick(["/v1/chat/completions", "/v1/chat/completions", "/apply-template"]),
      body: text(withSchema(random)),
    };
  const sent = text(below(12) === 0 ? body : mutated(body, random));
  return {
    path: below(20) === 0 ? pick(valid.map(([other]) => other)) : path,
    body: below(10) === 0 ? broken(Buffer.from(sent), random) : sent,
  };
}

/** @param {Random} random */
function withSchema(random) {
  const schema = hostileSchema(random);
  const base = { ...common, messages: [{ role: "user", content: "Hi" }], stream: random.below(2) === 0 };
  return random.pick([
    () => ({
      ...base,
      response_format: { type: "json_schema", json_schema: { name: "a", schema, strict: random.below(3) === 0 } },
    }),
    () => ({
      ...base,
      tools: [{ type: "function", function: { name: "a", parameters: schema } }],
      tool_choice: random.pick(["auto", "required"]),
    }),
    () => ({
      ...base,
      tools: Array.from({ length: random.pick([2, 40, 500]) }, (_, n) => ({
        type: "function",
        function: { name: `t${n}`, parameters: random.below(30) ? parameters : schema },
      })),
    }),
  ])();
}

/** Lone surrogates survive as escapes. @param {unknown} value */
function text(value) {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    if (error instanceof RangeError) return "[".repeat(10_000);
    throw error;
  }
}

/** @param {Buffer} bytes @param {Random} random */
function broken(bytes, { below, pick }) {
  const at = below(bytes.length + 1);
  return pick([
    () => bytes.subarray(0, at),
    () =>
      Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(pick(["\u0000", "}", '"', ",", "1e999", "\\u12", "//", "NaN"])),
        bytes.subarray(at),
      ]),
    () => Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff, 0xfe, 0xc0]), bytes.subarray(at)]),
    () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
    () => Buffer.from("[".repeat(pick([10, 100_000]))),
    () => Buffer.from('{"a":'.repeat(pick([10, 100_000]))),
  ])();
}
