// What servers refuse, in their own words: each is an error with the code that the same has here, and what clients of
// our own server are told has no address in it.
import { expect, test } from "vitest";
import { isFault, isMovable } from "../../../src/engine/remote/fleet/member.js";
import { TransientUpstreamError, refused } from "../../../src/engine/remote/http/upstream_errors.js";
import { connect } from "../../../src/index.js";
import { connected, fakeServer, refuses, says } from "./fake_server.js";

const url = "http://10.0.0.5:8000";
const key = "sk-a-secret";
const of = (status: number, body: unknown, path = "/v1/completions") => refused(url, { status, body, path }, [key]);

/** As they were seen: llama-server of the pinned tree, vLLM 0.32.0, OpenAI's and FastAPI's forms. */
test.each<[string, number, unknown, object]>([
  [
    "llama-server, prompt",
    400,
    {
      error: {
        code: 400,
        message: "request (3000 tokens) exceeds the available context size (1024 tokens), try increasing it",
        type: "exceed_context_size_error",
        n_prompt_tokens: 3000,
        n_ctx: 1024,
      },
    },
    {
      code: "CONTEXT_FULL",
      problem:
        "The prompt has 3000 tokens, but the context holds 1024 and needs room for one more; shorten it by 1977.",
      remedy: "Shorten the text, or start it with a larger context.",
    },
  ],
  [
    "llama-server, batch of an embedding",
    500,
    {
      error: {
        code: 500,
        message:
          "input (900 tokens) is too large to process. increase the physical batch size (current batch size: 512)",
        type: "server_error",
      },
    },
    {
      code: "CONTEXT_FULL",
      problem: "The text has 900 tokens, but the server computes at most 512 of one text at once.",
    },
  ],
  [
    "llama-server, grammar",
    400,
    {
      error: {
        code: 400,
        message: "Failed to initialize samplers: failed to parse grammar",
        type: "invalid_request_error",
      },
    },
    {
      code: "CONSTRAINT_INVALID",
      problem: "The server cannot enforce the constraint: Failed to initialize samplers: failed to parse grammar.",
    },
  ],
  [
    "llama-server, tokens",
    400,
    { error: { code: 400, message: "Prompt contains invalid tokens", type: "invalid_request_error" } },
    { code: "INVALID_ARGUMENT", problem: "The server refused the request: Prompt contains invalid tokens." },
  ],
  [
    "vLLM, prompt",
    400,
    {
      error: {
        message:
          "This model's maximum context length is 2048 tokens. However, your prompt contains 3000 input tokens. (parameter=input_tokens, value=3000)",
        type: "BadRequestError",
        param: "input_tokens",
        code: 400,
      },
    },
    {
      code: "CONTEXT_FULL",
      problem: "The prompt has 3000 tokens, but the context holds 2048 and needs room for one more; shorten it by 953.",
    },
  ],
  [
    "vLLM, model",
    404,
    { error: { message: "The model `no-such` does not exist.", type: "NotFoundError", param: "model", code: 404 } },
    { code: "MODEL_NOT_FOUND", problem: "The server does not have the model: The model `no-such` does not exist." },
  ],
  [
    "vLLM, grammar",
    400,
    {
      error: {
        message: "Invalid grammar specification: EBNF parser error at line 1",
        type: "BadRequestError",
        param: null,
        code: 400,
      },
    },
    { code: "CONSTRAINT_INVALID" },
  ],
  [
    "vLLM, a sampling parameter",
    400,
    {
      error: { message: "temperature must be non-negative", type: "BadRequestError", param: "temperature", code: 400 },
    },
    { code: "INVALID_ARGUMENT", param: "temperature" },
  ],
  [
    "FastAPI, fields",
    422,
    { detail: [{ loc: ["body", "prompt"], msg: "Field required", type: "missing" }] },
    { code: "INVALID_ARGUMENT", problem: "The server refused the request: Field required." },
  ],
  ["Ollama, model", 404, { error: "model 'x' not found" }, { code: "MODEL_NOT_FOUND" }],
  [
    "OpenAI, prompt",
    400,
    {
      error: {
        message:
          "This model's maximum context length is 4097 tokens, however you requested 5000 tokens (4000 in your prompt; 1000 for the completion).",
        type: "invalid_request_error",
        code: "context_length_exceeded",
      },
    },
    { code: "CONTEXT_FULL", problem: "The prompt is longer than the context of the server's model." },
  ],
  [
    "a path that is missing",
    404,
    { detail: "Not Found" },
    {
      code: "UNSUPPORTED",
      problem: "The server has nothing at /v1/completions: Not Found.",
      remedy: `Check that ${url} is the server's address, and that engine says what it is.`,
    },
  ],
])("%s", (_, status, body, expected) => {
  const error = of(status, body);
  expect(error).toMatchObject(expected);
  expect(error.problem).not.toContain(url);
  expect(String((error.cause as Error).message)).toContain(`${url} `);
  expect(error).not.toBeInstanceOf(TransientUpstreamError);
  expect([isMovable(error), isFault(error)]).toEqual([false, false]);
});

test.each<[number, unknown, { movable: boolean; fault: boolean; says: RegExp }]>([
  [
    500,
    { error: { message: "EngineCore encountered an issue" } },
    { movable: true, fault: true, says: /failed \(status 500\)/ },
  ],
  [503, { error: { message: "Loading model" } }, { movable: true, fault: true, says: /failed \(status 503\)/ }],
  [507, {}, { movable: true, fault: true, says: /failed \(status 507\)/ }],
  [429, { error: { message: "later" } }, { movable: true, fault: false, says: /no more requests/ }],
  [408, "", { movable: true, fault: false, says: /refused the request \(status 408\)/ }],
  [401, { error: `no ${key}` }, { movable: false, fault: false, says: /refused the request \(status 401\): no …/ }],
  [418, "<html>", { movable: false, fault: false, says: /refused the request \(status 418\)\. It would/ }],
])("status %i is told apart", (status, body, { movable, fault, says: words }) => {
  const error = of(status, body);
  expect(error.message).toMatch(words);
  expect({ movable: isMovable(error), fault: isFault(error) }).toEqual({ movable, fault });
});

test("a fleet keeps a server that refuses a request, and one that is busy", async () => {
  const busy = refuses(429, { error: { message: "later" } }, { "retry-after": "0" });
  const wrong = refuses(400, { error: { message: "temperature is wrong" } });
  const one = await fakeServer(wrong, busy, says("one"));
  const other = await fakeServer(busy, says("other"));
  const model = await connect([one.url, other.url], { format: "hermes", retries: 2 });
  const failed = await model.reply("Hi").then(undefined, (error: { code: string }) => error.code);
  expect(failed).toBe("INVALID_ARGUMENT");
  // Nobody was left out, so that both are asked at once, and again after a wait.
  const { text } = await model.reply("Hi");
  expect(["one", "other"]).toContain(text);
  expect(one.asked.length + other.asked.length).toBe(4);
  await model.close();
});

test("a server that takes nothing is asked again after a wait, and no more often than it may be", async () => {
  const servers = [await fakeServer(refuses(429, {})), await fakeServer(refuses(429, {}))];
  const model = await connect(
    servers.map((server) => server.url),
    { format: "hermes", retries: 1 },
  );
  await expect(model.reply("Hi")).rejects.toMatchObject({ code: "QUEUE_FULL" });
  expect(servers.map(({ asked }) => asked.length).reduce((a, b) => a + b)).toBeLessThan(5);
  await model.close();
});

test("a plain model on such a server says which option is wrong", async () => {
  const server = await fakeServer(
    refuses(400, { error: { message: "too many", type: "BadRequestError", param: "logprobs", code: 400 } }),
  );
  const model = await connected(server);
  await expect(model.reply("Hi")).rejects.toMatchObject({ code: "INVALID_ARGUMENT", param: "topLogProbabilities" });
});
