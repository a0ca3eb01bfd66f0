// Bodies that nobody should send, at every endpoint that generates: refused at once, in the form of its own API, with
// the field's name.
import { afterEach, describe, expect, test } from "vitest";
import { engine, handler, post, url } from "../scripted_handler.js";

const deep = (levels: number): unknown => JSON.parse('{"a":'.repeat(levels) + "1" + "}".repeat(levels));
const user = { role: "user", content: "Hi" };

/** The error's message, of a body that has its API's form and nothing else. */
const forms: Readonly<Record<string, (body: any) => string>> = {
  responses: (body) => {
    expect(body).toEqual({
      error: {
        message: expect.any(String),
        type: expect.any(String),
        param: body.error.param,
        code: expect.any(String),
      },
    });
    return body.error.message;
  },
  anthropic: (body) => {
    expect(body).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: expect.any(String), details: expect.any(Object) },
    });
    return body.error.message;
  },
  ollama: (body) => {
    expect(body).toEqual({ error: expect.any(String) });
    return body.error;
  },
};

const nothing = [null, 7, "text", [], true].map((body): [object, string] => [body as object, "the request"]);
const common = (message: string): [object, string][] => [
  [{ model: 7 }, "model"],
  [{ stream: "yes" }, "stream"],
  [{ tools: {} }, "tools"],
  [{ tools: [null] }, "tools[0]"],
  [{ temperture: 1 }, "temperture"],
  [Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`x${n}`, n])), "fields"],
  [{ [message]: 7 }, message],
  [{ [message]: [7] }, `${message}[0]`],
];

const cases: Readonly<
  Record<
    string,
    {
      readonly paths: readonly string[];
      readonly form: string;
      readonly least: object;
      readonly bad: readonly [object, string][];
    }
  >
> = {
  "/v1/responses": {
    paths: ["/v1/responses", "/responses"],
    form: "responses",
    least: { input: "Hi" },
    bad: [
      ...common("input"),
      [{ input: null }, "input"],
      [{ input: "" }, "input"],
      [{ input: [] }, "for input:"],
      [{ input: [{ role: "king", content: "Hi" }] }, "input[0].role"],
      [{ input: [{ role: "user" }] }, "input[0].content"],
      [{ input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] }, "input[0].content[0].type"],
      [{ input: [{ role: "user", content: [{ type: "input_text" }] }] }, "input[0].content[0].text"],
      [{ input: [{ role: "user", content: [{ type: "input_text", text: "\ud800" }] }] }, "input[0]"],
      [{ input: [{ type: "web_search_call" }] }, "input[0].type"],
      [{ input: [{ type: "function_call", name: "f", call_id: "1", arguments: "{" }] }, "input[0]"],
      [{ input: [{ type: "function_call", call_id: "1", arguments: "{}" }] }, "input[0].name"],
      [
        { input: [{ type: "function_call_output", call_id: "1", output: "x" }] },
        "for input[0]: a result at the beginning.",
      ],
      [{ input: [{ type: "function_call_output", call_id: "1", output: 7 }] }, "input[0].output"],
      [{ input: [{ type: "reasoning", summary: "x" }] }, "input[0].summary"],
      [{ input: [{ type: "item_reference", id: "msg_0" }] }, "msg_0"],
      [{ input: [{ type: "item_reference" }] }, "input[0].id"],
      [{ previous_response_id: "resp_0" }, "resp_0"],
      [{ previous_response_id: 7 }, "previous_response_id"],
      [{ instructions: 7 }, "instructions"],
      [{ metadata: { a: 7 } }, "for metadata.a: 7."],
      [{ metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, "x"])) }, "metadata"],
      [{ max_output_tokens: 0 }, "max_output_tokens"],
      [{ include: [7] }, "include"],
      [{ include: "x" }, "include"],
      [{ top_logprobs: 3 }, "top_logprobs"],
      [{ truncation: "some" }, "truncation"],
      [{ text: { format: { type: "xml" } } }, "text.format.type"],
      [{ text: { format: { type: "json_schema" } } }, "text.format.schema"],
      [{ text: { format: { type: "json_schema", schema: { type: 7 } } } }, "text.format.schema"],
      [{ text: { format: { type: "json_schema", schema: deep(300) } } }, "text.format.schema"],
      [{ text: { format: { type: "json_schema", schema: {}, stricct: true } } }, "text.format.stricct"],
      [{ reasoning: { effort: "huge" } }, "reasoning.effort"],
      [{ tools: [{ type: "file_search" }] }, "tools[0].type"],
      [{ tools: [{ type: "function" }] }, "tools[0].name"],
      [{ tools: [{ type: "function", name: "f", parameters: { type: 7 } }] }, "tools[0].parameters"],
      [{ tools: [{ type: "custom", name: "f", format: { type: "grammar" } }] }, "tools[0].format.type"],
      [{ tools: [{ type: "namespace", name: "n", tools: [{ type: "namespace" }] }] }, "tools[0].tools[0].type"],
      [{ tool_choice: "some" }, "tool_choice"],
      [{ tool_choice: { type: "function", name: "g" } }, "tool_choice.name"],
      [{ tool_choice: { type: "allowed_tools", mode: "auto", tools: [] } }, "tool_choice.tools"],
    ],
  },
  "/v1/messages": {
    paths: ["/v1/messages", "/messages", "/v1/messages/count_tokens"],
    form: "anthropic",
    least: { messages: [user], max_tokens: 9 },
    bad: [
      ...common("messages"),
      [{ messages: null }, "messages"],
      [{ messages: [] }, "messages"],
      [{ messages: [{ role: "tool", content: "x" }] }, "messages[0].role"],
      [{ messages: [{ role: "user" }] }, "messages[0].content"],
      [{ messages: [{ role: "user", content: "" }] }, "messages[0].content"],
      [{ messages: [{ role: "user", content: [{ type: "image", source: {} }] }] }, "messages[0].content[0].type"],
      [{ messages: [{ role: "user", content: [{ type: "text" }] }] }, "messages[0].content[0].text"],
      [
        { messages: [user, { role: "assistant", content: [{ type: "tool_use", id: "x", name: "f", input: {} }] }] },
        "messages[1]",
      ],
      [{ messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "x" }] }] }, "messages[0].content"],
      [
        { messages: [{ role: "assistant", content: [{ type: "tool_use", id: "x", name: "f", input: "y" }] }, user] },
        "messages[0].content[0].input",
      ],
      [{ system: 7 }, "system"],
      [{ system: [{ type: "image" }] }, "system[0].type"],
      [{ max_tokens: 0 }, "max_tokens"],
      [{ stop_sequences: [""] }, "stop_sequences"],
      [{ stop_sequences: Array(17).fill("x") }, "stop_sequences"],
      [{ stop: "x" }, "stop"],
      [{ thinking: { type: "on" } }, "thinking.type"],
      [{ thinking: { type: "enabled", budget_tokens: 0 } }, "thinking.budget_tokens"],
      [{ thread: { type: "create" } }, "thread"],
      [{ output_config: { format: { type: "json_schema", schema: 7 } } }, "output_config.format.schema"],
      [{ output_config: { format: { type: "json_schema", schema: { type: 7 } } } }, "output_config.format.schema"],
      [{ tools: [{ name: "f" }] }, "tools[0].input_schema"],
      [{ tools: [{ name: "f", input_schema: { type: 7 } }] }, "tools[0].input_schema"],
      [{ tools: [{ type: "bash_20250124", name: "bash" }] }, "tools[0].type"],
      [{ tool_choice: { type: "required" } }, "tool_choice.type"],
      [{ tool_choice: { type: "tool", name: "f" } }, "tool_choice"],
      [{ tool_choice: { type: "any" } }, 'for tool_choice.type: "any".'],
    ],
  },
  "/api/chat": {
    paths: ["/api/chat"],
    form: "ollama",
    least: { messages: [user] },
    bad: [
      ...common("messages"),
      [{ messages: [{ role: "king", content: "x" }] }, "messages[0]"],
      [{ messages: [{ role: "user", content: 7 }] }, "messages[0].content"],
      [{ messages: [{ ...user, images: ["aGk="] }] }, "messages[0].images"],
      [
        { messages: [{ role: "assistant", tool_calls: [{ function: {} }] }, user] },
        "messages[0].tool_calls[0].function.name",
      ],
      [{ messages: [{ role: "tool", content: "x" }] }, "messages[0]"],
      [{ temperature: 1 }, "temperature"],
      [{ options: 7 }, "options"],
      [{ options: { temperature: "hot" } }, "temperature"],
      [{ options: { num_predict: -3 } }, "options.num_predict"],
      [{ options: { stop: [7] } }, "options.stop"],
      [{ options: { temprature: 1 } }, "options.temprature"],
      [{ format: "xml" }, "format"],
      [{ format: { type: 7 } }, "format"],
      [{ format: [] }, "format"],
      [{ think: "much" }, "think"],
      [{ think: true }, "think"],
      [{ top_logprobs: 2 }, "top_logprobs"],
      [{ tools: [{ type: "function", function: {} }] }, "tools[0].function.name"],
      [
        { tools: [{ type: "function", function: { name: "f", parameters: { type: 7 } } }] },
        "tools[0].function.parameters",
      ],
      [{ prompt: "Hi" }, "prompt"],
    ],
  },
  "/api/generate": {
    paths: ["/api/generate"],
    form: "ollama",
    least: { prompt: "Hi" },
    bad: [
      [{ prompt: 7 }, "prompt"],
      [{ prompt: "\ud800" }, "prompt"],
      [{ suffix: "end" }, "suffix"],
      [{ images: ["aGk="] }, "images"],
      [{ template: "x" }, "template"],
      [{ context: [1] }, "context"],
      [{ system: 7 }, "system"],
      [{ raw: true, system: "x" }, "system"],
      [{ raw: true, think: true }, "think"],
      [{ raw: true, format: { type: 7 } }, "format"],
      [{ messages: [user] }, "messages"],
      [{ options: { max_tokens: 3 } }, "options.max_tokens"],
    ],
  },
  "/infill": {
    paths: ["/infill"],
    form: "responses",
    least: { input_prefix: "Hi", input_suffix: "!" },
    bad: [
      [{ input_prefix: undefined }, "input_prefix"],
      [{ input_prefix: 7 }, "input_prefix"],
      [{ input_suffix: ["!"] }, "input_suffix"],
      [{ input_suffix: "\ud800" }, "input_suffix"],
      [{ input_extra: {} }, "input_extra"],
      [{ input_extra: ["text"] }, "input_extra[0]"],
      [{ input_extra: [{ filename: "a.txt" }] }, "input_extra[0].text"],
      [{ input_extra: [{ filename: 7, text: "" }] }, "input_extra[0].filename"],
      [{ input_extra: Array(1001).fill({ text: "" }) }, "input_extra"],
      [{ prompt: 7 }, "prompt"],
      [{ n_predict: -2 }, "n_predict"],
      [{ response_fields: [7] }, "response_fields"],
      [{ grammar: 'root ::= "a"' }, "grammar"],
      [{ messages: [user] }, "messages"],
      [{}, "suffix"],
    ],
  },
};

/** Where JSON that nobody has looked at may stand. */
const deepTool = { name: "f", x: "DEEP" };
const deepPlaces: Readonly<Record<string, readonly object[]>> = {
  "/v1/responses": [
    { metadata: "DEEP" },
    { x: "DEEP" },
    { tools: [{ type: "function", ...deepTool }] },
    { tools: [{ type: "function", name: "f", parameters: "DEEP" }] },
    { text: { format: { type: "json_object", x: "DEEP" } } },
    { text: { format: { type: "json_schema", schema: "DEEP" } } },
    { input: [{ role: "user", content: "Hi", x: "DEEP" }] },
  ],
  "/v1/messages": [
    { metadata: "DEEP" },
    { tools: [{ ...deepTool, input_schema: {} }] },
    { tools: [{ name: "f", input_schema: "DEEP" }] },
    { messages: [{ role: "assistant", content: [{ type: "tool_use", id: "x", name: "f", input: "DEEP" }] }, user] },
    { context_management: "DEEP" },
  ],
  "/api/chat": [
    { format: "DEEP" },
    { options: { x: "DEEP" } },
    { tools: [{ type: "function", function: { name: "f", parameters: "DEEP" } }] },
    { messages: [{ role: "assistant", tool_calls: [{ function: { name: "f", arguments: "DEEP" } }] }, user] },
  ],
  "/api/generate": [{ format: "DEEP" }, { raw: true, format: "DEEP" }],
  "/infill": [{ input_extra: [{ text: "Hi", x: "DEEP" }] }, { samplers: "DEEP" }],
};

describe.each(Object.entries(cases))("%s", (name, { paths, form, least, bad }) => {
  // Nothing of it reaches the engine.
  afterEach(() => expect(engine.requests).toEqual([]));

  test.each([...nothing, ...bad])("%j is refused at %s, streamed or not", async (body, place) => {
    const whole = typeof body === "object" && body !== null && !Array.isArray(body);
    for (const path of paths)
      for (const stream of [false, true]) {
        const sent = whole ? { ...least, stream, ...body } : body;
        const response = await post(path, JSON.stringify(sent));
        const message = forms[form]!(await response.json());
        expect([400, 404], message).toContain(response.status);
        expect(message).toContain(place);
        if (!whole) break;
      }
  });

  test.each([
    ["no JSON", "{", {}, 400],
    ["a page's body without JSON's type", "{}", { "content-type": "text/plain", origin: "https://a.example" }, 415],
    ["a browser's body without JSON's type", "{}", { "content-type": "text/plain", "sec-fetch-site": "none" }, 415],
    ["too many parts", `{"x":${"[".repeat(100_000)}}`, {}, 413],
    ["more than fits", `"${"x".repeat(5 * 2 ** 20)}"`, {}, 413],
  ])("%s is refused", async (_, body, headers, status) => {
    const response = await post(paths[0]!, body, headers as Record<string, string>);
    expect(response.status).toBe(status);
    const error = (await response.json()) as { type?: string; error: { type?: string } };
    if (form === "anthropic" && status === 413) expect(error.error.type).toBe("request_too_large");
    else forms[form]!(error);
  });

  test.each(deepPlaces[name]!)("%j with 20,000 levels in it is answered", async (body) => {
    const sent = JSON.stringify({ ...least, ...body }).replace(
      '"DEEP"',
      `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
    );
    const response = await post(paths[0]!, sent);
    expect([200, 400]).toContain(response.status);
    if (response.status === 400) forms[form]!(await response.json());
    else await response.text();
    engine.requests.splice(0);
  });

  test("GET and an unknown model are refused", async () => {
    const got = await handler.fetch(new Request(url + paths[0]!));
    expect(got.status).toBe(405);
    forms[form]!(await got.json());
    const response = await post(paths[0]!, { ...least, model: "other" });
    expect(response.status).toBe(404);
    expect(JSON.stringify(await response.json())).toContain("other");
  });
});

test.each([
  ["/v1/nothing", "responses"],
  ["/v1/messages/nothing", "anthropic"],
  ["/api/create", "ollama"],
])("%s, which does not exist, is refused in the form that its clients read", async (path, form) => {
  const response = await post(path, {});
  expect(response.status).toBe(404);
  const body = (await response.json()) as { type?: string; error: { type?: string } };
  if (form === "anthropic") expect(body).toMatchObject({ type: "error", error: { type: "not_found_error" } });
  else expect(forms[form]!(body)).toContain(path);
});
