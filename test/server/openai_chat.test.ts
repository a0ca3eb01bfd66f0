// Chat completions as OpenAI's own client sees them, on a real model over real sockets.
import type OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { load, type Model } from "../../src/index.js";
import { hermesModel } from "../support/models.js";
import { speakingModel } from "../support/engines/speaking_engine.js";
import { serving, type Serving } from "./serving.js";

let model: Model;
let hermes: Model;
let server: Serving;
let openai: OpenAI;
beforeAll(async () => {
  model = await load("smollm2", { contextSize: 2048, cacheTokens: 8192, prefixFolder: false });
  hermes = await load(await hermesModel(), { contextSize: 2048, prefixFolder: false });
  server = await serving({ smollm2: model, hermes });
  openai = server.client();
});
afterAll(async () => {
  await server.close({ graceMs: 0 });
  await model.close();
  await hermes.close();
});

const messages = [
  { role: "user", content: "Why is the sky blue?" },
] as const satisfies OpenAI.ChatCompletionMessageParam[];
const plain = { model: "smollm2", messages: [...messages], temperature: 0, max_tokens: 12 };
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string", maxLength: 20 } },
      required: ["city"],
      additionalProperties: false,
    },
  },
} as const;
const time = {
  type: "function",
  function: {
    name: "get_time",
    parameters: {
      type: "object",
      properties: { zone: { enum: ["UTC", "CET"] } },
      required: ["zone"],
      additionalProperties: false,
    },
  },
} as const;

async function streamed(
  params: Omit<OpenAI.ChatCompletionCreateParamsStreaming, "stream">,
): Promise<OpenAI.ChatCompletionChunk[]> {
  const chunks = [];
  for await (const chunk of await openai.chat.completions.create({ ...params, stream: true })) chunks.push(chunk);
  return chunks;
}

const textOf = (chunks: readonly OpenAI.ChatCompletionChunk[], index = 0) =>
  chunks
    .flatMap(({ choices }) => choices)
    .filter((choice) => choice.index === index)
    .map(({ delta }) => delta.content ?? "")
    .join("");

describe("text", () => {
  test("is what the library writes, with its usage, and the same in chunks", async () => {
    const { text, usage } = await model.reply(messages, { temperature: 0, maxTokens: 12 });
    const completion = await openai.chat.completions.create(plain);
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: "chat.completion",
      model: "smollm2",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: text, refusal: null },
          logprobs: null,
          finish_reason: "length",
        },
      ],
      usage: {
        prompt_tokens: usage.promptTokens,
        completion_tokens: 12,
        total_tokens: usage.promptTokens + 12,
        prompt_tokens_details: { cached_tokens: usage.promptTokens - 1 },
      },
    });
    expect(completion._request_id).toMatch(/^req_/);

    const chunks = await streamed({ ...plain, stream_options: { include_usage: true } });
    expect(textOf(chunks)).toBe(text);
    expect(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size).toBe(1);
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: "assistant", content: "", refusal: null });
    expect(chunks.at(-2)!.choices[0]).toMatchObject({ delta: {}, finish_reason: "length" });
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { completion_tokens: 12, prompt_tokens: usage.promptTokens },
    });
    for (const chunk of chunks.slice(0, -1)) expect(chunk.usage).toBeNull();
    // Without being asked, no chunk counts.
    for (const chunk of await streamed(plain)) expect(chunk).not.toHaveProperty("usage");
  });

  test("ends at a stop string, and for itself", async () => {
    const full = (await openai.chat.completions.create(plain)).choices[0]!.message.content!;
    const stop = full.slice(8, 14);
    for (const given of [stop, ["never that", stop]]) {
      const [choice] = (await openai.chat.completions.create({ ...plain, stop: given })).choices;
      expect(choice).toMatchObject({ message: { content: full.slice(0, 8) }, finish_reason: "stop" });
      expect(textOf(await streamed({ ...plain, stop: given }))).toBe(full.slice(0, 8));
    }
    const short = await openai.chat.completions.create({
      model: "smollm2",
      messages: [{ role: "user", content: "Say hi." }],
      temperature: 0,
    });
    expect(short.choices[0]!.finish_reason).toBe("stop");
  });

  test("a seed gives the same answers twice, n of them differ where each is deterministic, streamed in one response with the prompt counted once", async () => {
    // Several answers are company for each other, which decides ties; one by itself has none.
    const params = {
      ...plain,
      temperature: 1,
      seed: -7,
      n: 3,
      max_completion_tokens: 10,
      max_tokens: null,
      deterministic: true,
    };
    const alone = () => openai.chat.completions.create({ ...params, n: 1, deterministic: false } as typeof params);
    expect((await alone()).choices[0]!.message.content).toBe((await alone()).choices[0]!.message.content);
    const first = await openai.chat.completions.create(params);
    const second = await openai.chat.completions.create(params);
    const texts = first.choices.map(({ message }) => message.content);
    expect(second.choices.map(({ message }) => message.content)).toEqual(texts);
    expect(new Set(texts).size).toBe(3);
    expect(first.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    const one = await openai.chat.completions.create({ ...params, n: 1 });
    expect(first.usage!.prompt_tokens).toBe(one.usage!.prompt_tokens);
    expect(first.usage!.completion_tokens).toBe(30);
    const chunks = await streamed({ ...params, stream_options: { include_usage: true } });
    expect([0, 1, 2].map((index) => textOf(chunks, index))).toEqual(texts);
    expect(chunks.at(-1)!.usage!.completion_tokens).toBe(30);
  });

  test("logit_bias and penalties reach the sampler", async () => {
    const [hello] = await model.tokenize("Hello");
    const { choices } = await openai.chat.completions.create({
      ...plain,
      logit_bias: { [hello!]: 100 },
      max_tokens: 4,
    });
    expect(choices[0]!.message.content).toBe("HelloHelloHelloHello");
    const punished = await openai.chat.completions.create({
      ...plain,
      logit_bias: { [hello!]: 100 },
      max_tokens: 4,
      presence_penalty: 2,
      frequency_penalty: 2,
      top_p: 0.5,
    });
    expect(punished.choices[0]!.message.content).toBe("HelloHelloHelloHello");
  });

  test("logprobs come for each token, streamed with their text, and top_logprobs with their bytes", async () => {
    const { choices } = await openai.chat.completions.create({ ...plain, logprobs: true, top_logprobs: 0 });
    const { content } = choices[0]!.logprobs!;
    expect(content).toHaveLength(12);
    expect(content!.map(({ token }) => token).join("")).toBe(choices[0]!.message.content);
    for (const one of content!)
      expect(one).toEqual({
        token: expect.any(String),
        logprob: expect.any(Number),
        bytes: [...Buffer.from(one.token)],
        top_logprobs: [],
      });
    const chunks = await streamed({ ...plain, logprobs: true });
    const tokens = (list: OpenAI.ChatCompletionTokenLogprob[]) => list.map(({ token }) => token);
    expect(tokens(chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? []))).toEqual(tokens(content!));
    const asked = { ...plain, logprobs: true, top_logprobs: 3 };
    const likeliest = (await openai.chat.completions.create(asked)).choices[0]!.logprobs!.content!;
    for (const { token, logprob, bytes, top_logprobs } of likeliest) {
      // Greedy: what was chosen is the likeliest.
      expect(top_logprobs[0]).toEqual({ token, logprob, bytes });
      expect(top_logprobs).toHaveLength(3);
      expect(top_logprobs.map((one) => one.logprob)).toEqual(
        top_logprobs.map((one) => one.logprob).toSorted((a, b) => b - a),
      );
    }
    const streamedOnes = (await streamed(asked)).flatMap(({ choices }) => choices[0]?.logprobs?.content ?? []);
    expect(streamedOnes.map(({ top_logprobs }) => top_logprobs[0]!.token)).toEqual(likeliest.map(({ token }) => token));
  });

  test("a token that holds part of a character comes with its exact bytes", async () => {
    const parts = [...(await model.tokenize("🦩"))];
    expect(parts.length).toBeGreaterThan(1);
    const { choices } = await openai.chat.completions.create({
      ...plain,
      logprobs: true,
      logit_bias: { [parts[0]!]: 100 },
      max_tokens: 1,
    });
    const [token] = choices[0]!.logprobs!.content!;
    expect(token!.token).toContain("\ufffd");
    expect(Buffer.from("🦩").subarray(0, token!.bytes!.length)).toEqual(Buffer.from(token!.bytes!));
    expect(token!.bytes!.length).toBeGreaterThan(0);
  });
});

describe("JSON", () => {
  const Person = z.object({ name: z.string().max(12), age: z.int().min(0).max(120) });

  test("json_schema is parsed by the client's own helper", async () => {
    const completion = await openai.chat.completions.parse({
      model: "smollm2",
      messages: [{ role: "user", content: "Anna is 31." }],
      response_format: zodResponseFormat(Person, "person"),
      seed: 1,
      max_tokens: 80,
    });
    expect(Person.safeParse(completion.choices[0]!.message.parsed).success).toBe(true);
    expect(completion.choices[0]!.finish_reason).toBe("stop");
  });

  test("json_object is some object, streamed too", async () => {
    const params = {
      ...plain,
      max_tokens: 200,
      seed: 3,
      messages: [{ role: "user", content: "A person as JSON, name only, short." }],
      response_format: { type: "json_object" },
    } satisfies Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "stream">;
    const chunks = await streamed(params);
    if (chunks.at(-1)!.choices[0]!.finish_reason === "stop") expect(JSON.parse(textOf(chunks))).toBeTypeOf("object");
    expect(textOf(chunks)).toMatch(/^\{/);
  });

  test("strict is refused where a keyword could only be checked, and accepted without it", async () => {
    const schema = {
      type: "object",
      properties: { list: { type: "array", items: { enum: [1, 2] }, uniqueItems: true, maxItems: 2 } },
      required: ["list"],
      additionalProperties: false,
    };
    const ask = (strict: boolean) =>
      openai.chat.completions.create({
        ...plain,
        max_tokens: 60,
        response_format: { type: "json_schema", json_schema: { name: "list", schema, strict } },
      });
    await expect(ask(true)).rejects.toMatchObject({
      status: 400,
      code: "unsupported_schema",
      param: "response_format",
      message: expect.stringContaining("uniqueItems"),
    });
    expect(JSON.parse((await ask(false)).choices[0]!.message.content!)).toHaveProperty("list");
  });
});

describe("tools", () => {
  const ask = {
    model: "hermes",
    messages: [{ role: "user", content: "How warm is it in Paris?" }] satisfies OpenAI.ChatCompletionMessageParam[],
    tools: [weather, time],
    seed: 2,
    max_tokens: 100,
    parallel_tool_calls: false,
  };
  const callsOf = ({ choices }: OpenAI.ChatCompletion) =>
    (choices[0]!.message.tool_calls ?? []) as OpenAI.ChatCompletionMessageFunctionToolCall[];

  test("required makes calls that fit, and nothing runs them", async () => {
    const completion = await openai.chat.completions.create({ ...ask, tool_choice: "required" });
    const calls = callsOf(completion);
    expect(completion.choices[0]!).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
    expect(calls.length).toBeGreaterThan(0);
    for (const call of calls) {
      expect(call).toMatchObject({ id: expect.stringMatching(/^[A-Za-z0-9]{9}$/), type: "function" });
      expect(Object.keys(JSON.parse(call.function.arguments))).toEqual([
        call.function.name === "get_weather" ? "city" : "zone",
      ]);
    }
  });

  test("a named tool is called, once where parallel calls are off, and the stream's pieces make up the same call", async () => {
    const params = {
      ...ask,
      temperature: 0,
      tool_choice: { type: "function", function: { name: "get_weather" } } as const,
    };
    const [call, ...others] = callsOf(await openai.chat.completions.create(params));
    expect(others).toEqual([]);
    expect(call!.function.name).toBe("get_weather");
    const chunks = await streamed(params);
    const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(deltas[0]).toEqual({
      index: 0,
      id: expect.stringMatching(/^[A-Za-z0-9]{9}$/),
      type: "function",
      function: { name: "get_weather", arguments: "" },
    });
    for (const delta of deltas.slice(1))
      expect(delta).toEqual({ index: 0, function: { arguments: expect.any(String) } });
    expect(deltas.map((delta) => delta.function!.arguments).join("")).toBe(call!.function.arguments);
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("tool_calls");
  });

  test("the client's stream helper puts the calls together", async () => {
    const stream = openai.chat.completions.stream({ ...ask, tool_choice: "required" });
    const names: string[] = [];
    stream.on(
      "tool_calls.function.arguments.done",
      ({ name, arguments: args }) => (JSON.parse(args), names.push(name)),
    );
    const final = await stream.finalChatCompletion();
    expect(names).toEqual(callsOf(final as OpenAI.ChatCompletion).map((call) => call.function.name));
    expect(names.length).toBeGreaterThan(0);
  });

  test("calls and results of a conversation pass through, and none of them leaves tools out", async () => {
    const calls = callsOf(await openai.chat.completions.create({ ...ask, tool_choice: "required" }));
    const conversation: OpenAI.ChatCompletionMessageParam[] = [
      { role: "developer", content: "Be brief." },
      ...ask.messages,
      { role: "assistant", content: null, tool_calls: calls },
      ...calls.map((call) => ({ role: "tool" as const, tool_call_id: call.id, content: "21 degrees" })),
    ];
    for (const choice of ["auto", "none"] as const) {
      const { choices } = await openai.chat.completions.create({
        ...ask,
        messages: conversation,
        tool_choice: choice,
        max_tokens: 8,
      });
      expect(choices[0]!.message.role).toBe("assistant");
    }
    await expect(
      openai.chat.completions.create({
        ...ask,
        messages: [...conversation, { role: "tool", tool_call_id: "call_other", content: "x" }],
      }),
    ).rejects.toMatchObject({
      status: 400,
      code: "invalid_messages",
      param: `messages[${conversation.length}].tool_call_id`,
    });
  });

  test("an integer beyond 2^53 stays what the model wrote, in text and between text, whole and streamed", async () => {
    const line =
      'One moment.\n<tool_call>\n{"name": "add", "arguments": {"a": 9007199254740993, "b": 1}}\n</tool_call>';
    const { model: speaking } = await speakingModel("control", [line, line]);
    await using says = await serving({ hermes: speaking });
    const add = {
      type: "function",
      function: {
        name: "add",
        parameters: {
          type: "object",
          properties: { a: { type: "integer" }, b: { type: "integer" } },
          required: ["a", "b"],
        },
      },
    } as const;
    const params = { model: "hermes", messages: ask.messages, tools: [add] };
    const whole = await says.client().chat.completions.create(params);
    expect(whole.choices[0]!).toMatchObject({ finish_reason: "tool_calls", message: { content: "One moment." } });
    expect(callsOf(whole)[0]!.function.arguments).toBe('{"a": 9007199254740993, "b": 1}');
    const final = await says.client().chat.completions.stream(params).finalChatCompletion();
    expect(final.choices[0]!.message.tool_calls![0]!.function.arguments).toBe('{"a": 9007199254740993, "b": 1}');
    expect(final.choices[0]!.message.content!.trim()).toBe("One moment.");
    await speaking.close();
  });
});
