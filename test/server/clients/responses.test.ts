// /v1/responses as OpenAI's own client sees it, on a real model over real sockets.
import type OpenAI from "openai";
import { zodResponsesFunction, zodTextFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { load, type Model } from "../../../src/index.js";
import { hermesModel } from "../../support/models.js";
import { serving, type Serving } from "../serving.js";
import { call, cityParameters, gathered, saying, smallModel } from "./answering.js";

let model: Model;
let hermes: Model;
let server: Serving;
let openai: OpenAI;
beforeAll(async () => {
  model = await smallModel();
  hermes = await load(await hermesModel(), { contextSize: 2048, prefixFolder: false });
  server = await serving({ smollm2: model, hermes });
  openai = server.client();
});
afterAll(async () => {
  await server.close({ graceMs: 0 });
  await model.close();
  await hermes.close();
});

const plain = { model: "smollm2", input: "Why is the sky blue?", temperature: 0, max_output_tokens: 12 };
const weather = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city",
  parameters: cityParameters,
  strict: true,
} as const satisfies OpenAI.Responses.FunctionTool;

test("text is what the library writes, with its usage, and the same as events", async () => {
  const { text, usage } = await model.reply("Why is the sky blue?", { temperature: 0, maxTokens: 12 });
  const response = await openai.responses.create(plain);
  expect(response.output_text).toBe(text);
  expect(response).toMatchObject({
    id: expect.stringMatching(/^resp_/),
    object: "response",
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
    model: "smollm2",
    output: [{ type: "message", role: "assistant", id: expect.stringMatching(/^msg_/) }],
    usage: {
      input_tokens: usage.promptTokens,
      input_tokens_details: { cached_tokens: usage.promptTokens - 1 },
      output_tokens: 12,
      total_tokens: usage.promptTokens + 12,
    },
  });
  expect(response._request_id).toMatch(/^req_/);
  const events = await gathered(await openai.responses.create({ ...plain, stream: true }));
  expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
  const kinds = events.map(({ type }) => type);
  expect(kinds.slice(0, 4)).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
  ]);
  expect(kinds.slice(-4)).toEqual([
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.incomplete",
  ]);
  const deltas = events.flatMap((event) => (event.type === "response.output_text.delta" ? [event.delta] : []));
  expect(deltas.join("")).toBe(text);
  expect(deltas.length).toBeGreaterThan(1);
  const last = events.at(-1) as OpenAI.Responses.ResponseIncompleteEvent;
  expect(last.response.usage).toMatchObject({ output_tokens: 12 });
  const ids = events.flatMap((event) => ("item_id" in event ? [event.item_id] : []));
  expect(new Set(ids)).toEqual(new Set([last.response.output[0]!.id]));
  const final = await openai.responses.stream(plain).finalResponse();
  expect(final.output_text).toBe(text);
});

test("text.format is parsed by the client's own helper, and json_object is some object", async () => {
  const Person = z.object({ name: z.string().max(12), age: z.int().min(0).max(120) });
  const params = { model: "smollm2", input: "Anna is 31.", max_output_tokens: 80 };
  const format = zodTextFormat(Person, "person");
  const { output_parsed: person, status } = await openai.responses.parse({ ...params, text: { format } });
  expect(Person.safeParse(person).success).toBe(true);
  expect(status).toBe("completed");
  const { output_text: text } = await openai.responses.create({
    ...params,
    max_output_tokens: 300,
    text: { format: { type: "json_object" } },
  });
  expect(text).toMatch(/^\{/);
});

describe("a conversation", () => {
  const ask = (more: object) => openai.responses.create({ ...plain, ...more } as typeof plain);

  test("goes on from a stored response as from its items, and instructions are not taken over", async () => {
    const first = await ask({ instructions: "Be brief." });
    const [question, more] = ["Why is the sky blue?", "And the sea?"].map((content) => ({ role: "user", content }));
    const continued = await ask({ previous_response_id: first.id, input: more!.content });
    const whole = await ask({ input: [question, ...first.output, more] });
    expect(continued.output_text).toBe(whole.output_text);
    expect(continued.usage!.input_tokens).toBe(whole.usage!.input_tokens);
    expect(continued.previous_response_id).toBe(first.id);
    const again = await ask({ previous_response_id: continued.id, input: "And the sun?", instructions: "Be brief." });
    expect(again.usage!.input_tokens).toBeGreaterThan(continued.usage!.input_tokens + 12);
    const items = await gathered(await openai.responses.inputItems.list(again.id, { order: "asc", limit: 2 }));
    expect(items.map((item) => (item as { role: string }).role)).toEqual([
      "user",
      "assistant",
      "user",
      "assistant",
      "user",
    ]);
  });

  test("is kept until it is deleted, and never with store: false", async () => {
    const first = await ask({});
    expect(await openai.responses.retrieve(first.id)).toMatchObject({ id: first.id, output: first.output });
    await openai.responses.delete(first.id);
    const unstored = await ask({ store: false });
    for (const id of [first.id, unstored.id, "resp_other"]) {
      await expect(openai.responses.retrieve(id)).rejects.toMatchObject({ status: 404, code: "not_found" });
      await expect(ask({ previous_response_id: id })).rejects.toMatchObject({
        status: 400,
        code: "previous_response_not_found",
        param: "previous_response_id",
      });
    }
  });
});

describe("tools", () => {
  const params = { model: "hermes", input: "How warm is it in Paris?", tools: [weather] };

  test("calls come as items, their results go back, and both ways of continuing give the same prompt", async () => {
    const line = `One moment.\n${call("get_weather", { city: "Paris" })}`;
    const says = (await saying([line, line, "21 degrees.", "21 degrees."])).client();
    const first = await says.responses.create(params);
    const [message, called] = first.output;
    expect(message).toMatchObject({ type: "message", content: [{ type: "output_text", text: "One moment." }] });
    expect(called).toMatchObject({ type: "function_call", name: "get_weather", status: "completed" });
    const { call_id: id, arguments: args } = called as OpenAI.Responses.ResponseFunctionToolCall;
    expect(JSON.parse(args)).toEqual({ city: "Paris" });

    const streamed = await says.responses.stream(params).finalResponse();
    expect(streamed.output).toMatchObject([
      { type: "message", content: [{ type: "output_text", text: "One moment." }] },
      { type: "function_call", name: "get_weather", arguments: args, status: "completed" },
    ]);

    const result = { type: "function_call_output", call_id: id, output: "21" } as const;
    const continued = await says.responses.create({ ...params, previous_response_id: first.id, input: [result] });
    const whole = await says.responses.create({
      ...params,
      input: [
        { role: "user", content: params.input },
        ...(first.output as OpenAI.Responses.ResponseInputItem[]),
        result,
      ],
    });
    expect(continued.output_text).toBe("21 degrees.");
    expect(continued.usage!.input_tokens).toBe(whole.usage!.input_tokens);
  });

  test("the client's helper parses streamed arguments, and an integer beyond 2^53 stays what the model wrote", async () => {
    const says = (
      await saying([call("add", '{"a": 9007199254740993}'), call("get_weather", { city: "Paris" })])
    ).client();
    const add = {
      ...weather,
      name: "add",
      parameters: { type: "object", properties: { a: { type: "integer" } } },
      strict: false,
    };
    const events = await gathered(await says.responses.create({ ...params, tools: [add], stream: true }));
    const done = events.find((event) => event.type === "response.function_call_arguments.done")!;
    expect(done.arguments).toBe('{"a": 9007199254740993}');
    const deltas = events.flatMap((event) =>
      event.type === "response.function_call_arguments.delta" ? [event.delta] : [],
    );
    expect(deltas.join("")).toBe(done.arguments);
    const tool = zodResponsesFunction({ name: "get_weather", parameters: z.object({ city: z.string() }) });
    const parsed = await says.responses.parse({ ...params, tools: [tool] });
    expect(parsed.output[0]).toMatchObject({ parsed_arguments: { city: "Paris" } });
  });

  test("custom tools take a text, and tools of a namespace are known by both names", async () => {
    const says = (await saying([call("run", { input: "ls -l" }), call("files__read", { city: "x" })])).client();
    const custom = { type: "custom", name: "run", description: "Runs a command" } as const;
    const events = await gathered(await says.responses.create({ ...params, tools: [custom], stream: true }));
    const done = events.find((event) => event.type === "response.output_item.done")!;
    expect(done.item).toMatchObject({ type: "custom_tool_call", name: "run", input: "ls -l" });
    const namespace = { type: "namespace", name: "files", description: "Files", tools: [{ ...weather, name: "read" }] };
    const { output } = await says.responses.create({ ...params, tools: [namespace as never] });
    expect(output[0]).toMatchObject({ type: "function_call", namespace: "files", name: "read" });
  });

  test("a call that the token limit cut off is incomplete, and the conversation can go on without it", async () => {
    const choice = { type: "function", name: "get_weather" } as const;
    const forced = { ...params, tool_choice: choice, max_output_tokens: 24, seed: 1 };
    const cut = await openai.responses.create(forced);
    expect(cut.status).toBe("incomplete");
    expect(cut.output.at(-1)).toMatchObject({ type: "function_call", status: "incomplete" });
    const events = await gathered(await openai.responses.create({ ...forced, stream: true }));
    expect(events.at(-1)).toMatchObject({ type: "response.incomplete", response: { status: "incomplete" } });
    const next = await openai.responses.create({ ...plain, model: "hermes", previous_response_id: cut.id });
    expect(next.previous_response_id).toBe(cut.id);
  });
});

test("log probabilities come for each token, whole and as events", async () => {
  const params = { ...plain, include: ["message.output_text.logprobs" as const], top_logprobs: 2 };
  const { output } = await openai.responses.create(params);
  const [part] = (output[0] as OpenAI.Responses.ResponseOutputMessage).content;
  const { logprobs, text } = part as OpenAI.Responses.ResponseOutputText;
  expect(logprobs).toHaveLength(12);
  expect(logprobs!.map(({ token }) => token).join("")).toBe(text);
  for (const { top_logprobs: top } of logprobs!) expect(top).toHaveLength(2);
  const events = await gathered(await openai.responses.create({ ...params, stream: true }));
  const streamed = events.flatMap((event) => (event.type === "response.output_text.delta" ? event.logprobs : []));
  expect(streamed.map(({ token }) => token)).toEqual(logprobs!.map(({ token }) => token));
});
