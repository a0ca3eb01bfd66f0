// /v1/messages as Anthropic's own client sees it, on a real model over real sockets.
import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../../src/index.js";
import { serving, type Serving } from "../serving.js";
import { call, cityParameters, gathered, saying, smallModel } from "./answering.js";

const clientOf = ({ url }: Serving, apiKey = "none") => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 });

let model: Model;
let server: Serving;
let anthropic: Anthropic;
beforeAll(async () => {
  model = await smallModel();
  server = await serving({ smollm2: model });
  anthropic = clientOf(server);
});
afterAll(async () => {
  await server.close({ graceMs: 0 });
  await model.close();
});

const plain = {
  model: "smollm2",
  max_tokens: 12,
  // Newer types leave it out; their models do not take it.
  ...({ temperature: 0 } as object),
  messages: [{ role: "user", content: "Why is the sky blue?" }],
} satisfies Anthropic.MessageCreateParamsNonStreaming;
const weather = {
  name: "get_weather",
  description: "The weather in a city",
  input_schema: cityParameters,
} as unknown as Anthropic.Tool;

test("text is what the library writes, with its usage, and the same as events", async () => {
  const { text, usage } = await model.reply("Why is the sky blue?", { temperature: 0, maxTokens: 12 });
  const message = await anthropic.messages.create(plain);
  expect(message).toMatchObject({
    id: expect.stringMatching(/^msg_/),
    type: "message",
    role: "assistant",
    model: "smollm2",
    content: [{ type: "text", text }],
    stop_reason: "max_tokens",
    stop_sequence: null,
    usage: { input_tokens: 1, cache_read_input_tokens: usage.promptTokens - 1, output_tokens: 12 },
  });
  expect(message._request_id).toMatch(/^req_/);
  const events = await gathered(await anthropic.messages.create({ ...plain, stream: true }));
  const kinds = events.map(({ type }) => type);
  expect(kinds.slice(0, 2)).toEqual(["message_start", "content_block_start"]);
  expect(kinds.slice(-3)).toEqual(["content_block_stop", "message_delta", "message_stop"]);
  expect(kinds.filter((kind) => kind === "content_block_delta").length).toBeGreaterThan(1);
  const final = await anthropic.messages.stream(plain).finalMessage();
  expect(final).toMatchObject({
    content: [{ type: "text", text }],
    stop_reason: "max_tokens",
    usage: { input_tokens: 1, output_tokens: 12 },
  });
});

test("system and its blocks are the system message, and count_tokens counts what a message is charged", async () => {
  const system = [
    { type: "text" as const, text: "Answer in one word.", cache_control: { type: "ephemeral" as const } },
  ];
  const { input_tokens: counted } = await anthropic.messages.countTokens({ ...plain, system, tools: [weather] });
  const { usage } = await anthropic.messages.create({ ...plain, system, tools: [weather] });
  expect(usage.input_tokens + usage.cache_read_input_tokens!).toBe(counted);
  const { input_tokens: bare } = await anthropic.messages.countTokens({ ...plain });
  expect(counted).toBeGreaterThan(bare);
  const text = await anthropic.messages.countTokens({ ...plain, system: "Answer in one word.", tools: [weather] });
  expect(text.input_tokens).toBe(counted);
});

test("a stop sequence ends the message and is named", async () => {
  const [full] = (await anthropic.messages.create(plain)).content as Anthropic.TextBlock[];
  const stop = full!.text.slice(8, 14);
  for (const stream of [false, true]) {
    const params = { ...plain, stop_sequences: ["never that", stop] };
    const message = stream
      ? await anthropic.messages.stream(params).finalMessage()
      : await anthropic.messages.create(params);
    expect(message).toMatchObject({
      content: [{ type: "text", text: full!.text.slice(0, 8) }],
      stop_reason: "stop_sequence",
      stop_sequence: stop,
    });
  }
});

test("a last message of the assistant is continued", async () => {
  const messages = [...plain.messages, { role: "assistant" as const, content: "The sky is" }];
  const { text } = await model.reply(messages, { temperature: 0, maxTokens: 12, continueFinalMessage: true });
  const { content } = await anthropic.messages.create({ ...plain, messages });
  expect(content).toEqual([{ type: "text", text }]);
});

describe("tools", () => {
  const ask = {
    model: "hermes",
    max_tokens: 200,
    messages: [{ role: "user", content: "How warm is it in Paris?" }],
    tools: [weather],
  } satisfies Anthropic.MessageCreateParamsNonStreaming;
  const line = `One moment.\n${call("get_weather", { city: "Paris" })}`;

  test("calls are blocks, in streams too, and their results go back beside further text", async () => {
    const says = clientOf(await saying([line, line, "21 degrees."]));
    const whole = await says.messages.create(ask);
    expect(whole).toMatchObject({
      stop_reason: "tool_use",
      content: [
        { type: "text", text: "One moment." },
        { type: "tool_use", id: expect.any(String), name: "get_weather", input: { city: "Paris" } },
      ],
    });
    const streamed = await says.messages.stream(ask).finalMessage();
    expect(streamed.content[1]).toMatchObject({ type: "tool_use", name: "get_weather", input: { city: "Paris" } });
    const called = whole.content[1] as Anthropic.ToolUseBlock;
    const answer = await says.messages.create({
      ...ask,
      messages: [
        ...ask.messages,
        { role: "assistant", content: whole.content },
        {
          role: "user",
          content: [
            { type: "text", text: "Hurry." },
            { type: "tool_result", tool_use_id: called.id, content: [{ type: "text", text: "21" }] },
          ],
        },
      ],
    });
    expect(answer.content).toEqual([{ type: "text", text: "21 degrees." }]);
    expect(answer.stop_reason).toBe("end_turn");
  });

  test("any makes a call, none leaves tools out, and one at a time is one", async () => {
    const says = clientOf(
      await saying([`${call("get_weather", { city: "Paris" })}\n${call("get_weather", { city: "Rome" })}`, "No."]),
    );
    const params = { ...ask, tool_choice: { type: "any", disable_parallel_tool_use: true } as const };
    const { content } = await says.messages.create(params);
    expect(content.map(({ type }) => type)).toEqual(["tool_use"]);
    const without = await says.messages.create({ ...ask, tool_choice: { type: "none" } });
    expect(without.content).toEqual([{ type: "text", text: "No." }]);
  });

  test("the client's tool runner runs a tool and goes on until the answer", async () => {
    const says = clientOf(await saying([line, "It is 21 degrees."]));
    const cities: unknown[] = [];
    const runner = says.beta.messages.toolRunner({
      model: "hermes",
      max_tokens: 200,
      messages: ask.messages,
      tools: [
        {
          ...weather,
          type: "custom",
          run: (input: unknown) => {
            cities.push(input);
            return "21";
          },
          parse: (input: unknown) => input,
        } as never,
      ],
    });
    const last = await runner;
    expect(cities).toEqual([{ city: "Paris" }]);
    expect(last.content).toEqual([{ type: "text", text: "It is 21 degrees." }]);
  });

  test("an integer beyond 2^53 is in the body as the model wrote it", async () => {
    const { url } = await saying([call("add", '{"a": 9007199254740993}')]);
    const response = await fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...ask,
        tools: [{ name: "add", input_schema: { type: "object", properties: { a: { type: "integer" } } } }],
      }),
    });
    expect(await response.text()).toContain('"input":{"a": 9007199254740993}');
  });
});

test("keys are those of x-api-key, and errors are the client's own", async () => {
  const locked = await serving({ smollm2: model }, { apiKeys: ["right"] });
  await expect(clientOf(locked, "right").messages.create(plain)).resolves.toBeDefined();
  await expect(clientOf(locked, "wrong").messages.create(plain)).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
  await locked.close({ graceMs: 0 });
  await expect(anthropic.messages.create({ ...plain, model: "other" })).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  const long = { ...plain, messages: [{ role: "user" as const, content: "word ".repeat(4000) }] };
  const failed = (await anthropic.messages.create(long).catch((error: unknown) => error)) as InstanceType<
    typeof Anthropic.APIError
  >;
  expect(failed).toBeInstanceOf(Anthropic.BadRequestError);
  expect(failed.error).toMatchObject({
    type: "error",
    error: { type: "invalid_request_error", message: expect.stringContaining("2048") },
  });
});
