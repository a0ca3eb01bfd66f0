// /api as Ollama's own client sees it, on a real model over real sockets.
import { Ollama } from "ollama";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model } from "../../../src/index.js";
import { serving, type Serving } from "../serving.js";
import { call, cityParameters, gathered, saying, smallModel } from "./answering.js";

let model: Model;
let server: Serving;
let ollama: Ollama;
beforeAll(async () => {
  model = await smallModel();
  server = await serving({ smollm2: model });
  ollama = new Ollama({ host: server.url });
});
afterAll(async () => {
  await server.close({ graceMs: 0 });
  await model.close();
});

const messages = [{ role: "user", content: "Why is the sky blue?" }];
const options = { temperature: 0, num_predict: 12, num_ctx: 4096 };
const weather = {
  type: "function",
  function: { name: "get_weather", description: "Weather", parameters: cityParameters },
} as never;

test("chat is what the library writes, with counts and nanoseconds, and the same in lines", async () => {
  const { text, usage } = await model.reply("Why is the sky blue?", { temperature: 0, maxTokens: 12 });
  const answer = await ollama.chat({ model: "smollm2", messages, options, keep_alive: "5m" });
  expect(answer).toMatchObject({
    model: "smollm2",
    message: { role: "assistant", content: text },
    done: true,
    done_reason: "length",
    prompt_eval_count: usage.promptTokens,
    eval_count: 12,
  });
  expect(new Date(answer.created_at).getTime()).toBeGreaterThan(Date.now() - 60_000);
  expect(answer.total_duration).toBeGreaterThanOrEqual(answer.eval_duration);
  expect(answer.eval_duration).toBeGreaterThan(1e5);
  const lines = await gathered(await ollama.chat({ model: "smollm2:latest", messages, options, stream: true }));
  expect(lines.map(({ message }) => message.content).join("")).toBe(text);
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.map(({ done }) => done)).toEqual([...lines.slice(1).map(() => false), true]);
  expect(lines.at(-1)).toMatchObject({ done_reason: "length", eval_count: 12 });
});

test("generate answers a prompt, with a system message, and raw continues it as it is", async () => {
  const prompt = "Why is the sky blue?";
  const { text } = await model.reply(messages as never, { temperature: 0, maxTokens: 12 });
  const answer = await ollama.generate({ model: "smollm2", prompt, options });
  expect(answer).toMatchObject({ response: text, done: true, eval_count: 12 });
  const lines = await gathered(await ollama.generate({ model: "smollm2", prompt, options, stream: true }));
  expect(lines.map(({ response }) => response).join("")).toBe(text);
  const told = await ollama.generate({ model: "smollm2", prompt, options, system: "Answer in German." });
  expect(told.prompt_eval_count).not.toBe(answer.prompt_eval_count);
  const raw = await ollama.generate({ model: "smollm2", prompt: "The sky is", options, raw: true });
  const completed = await model.complete("The sky is", { temperature: 0, maxTokens: 12 });
  expect(raw.response).toBe(completed.text);
});

test("format constrains: json is some object, and a schema is satisfied", async () => {
  const schema = {
    type: "object",
    properties: { age: { type: "integer", minimum: 0, maximum: 99 } },
    required: ["age"],
  };
  const person = [{ role: "user", content: "Anna is 31." }];
  const answer = await ollama.chat({ model: "smollm2", messages: person, format: schema });
  expect(JSON.parse(answer.message.content)).toEqual({ age: expect.any(Number) });
  const any = await ollama.chat({ model: "smollm2", messages: person, format: "json", options: { num_predict: 8 } });
  expect(any.message.content).toMatch(/^\{/);
});

test("calls have objects as arguments, whole and in lines, and results name their tool", async () => {
  const line = call("get_weather", { city: "Paris" });
  const { url } = await saying([line, line, "21 degrees."]);
  const says = new Ollama({ host: url });
  const ask = { model: "hermes", messages: [{ role: "user", content: "How warm is it in Paris?" }], tools: [weather] };
  const { message } = await says.chat(ask);
  expect(message.tool_calls).toMatchObject([{ function: { name: "get_weather", arguments: { city: "Paris" } } }]);
  const lines = await gathered(await says.chat({ ...ask, stream: true }));
  expect(lines.flatMap((one) => one.message.tool_calls ?? [])).toMatchObject([
    { function: { name: "get_weather", arguments: { city: "Paris" } } },
  ]);
  const result = { role: "tool", tool_name: "get_weather", content: "21" };
  const answer = await says.chat({ ...ask, messages: [...ask.messages, message, result] });
  expect(answer.message.content).toBe("21 degrees.");
});

test("list, show and version tell of the models, and an empty prompt only asks whether a model is there", async () => {
  const { models } = await ollama.list();
  expect(models).toMatchObject([
    {
      name: "smollm2",
      size: model.info.sizeBytes,
      details: { format: "gguf", family: "llama", parameter_size: "134.5M" },
    },
  ]);
  const shown = await ollama.show({ model: "smollm2" });
  expect(shown).toMatchObject({ template: model.info.chatTemplate, capabilities: ["completion", "tools"] });
  const info = shown.model_info as unknown as Record<string, unknown>;
  expect(info["general.architecture"]).toBe("llama");
  expect(info["llama.context_length"]).toBe(model.info.trainingContextSize);
  expect((await ollama.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
  const before = model.stats().generatedTokens;
  expect(await ollama.generate({ model: "smollm2", prompt: "" })).toMatchObject({ done: true, done_reason: "load" });
  expect(await gathered(await ollama.chat({ model: "smollm2", messages: [], stream: true }))).toHaveLength(1);
  expect(model.stats().generatedTokens).toBe(before);
});

test("a conversation that does not fit loses its oldest turns, or is refused where that is not wanted", async () => {
  const turn = (role: string, words: number) => ({ role, content: "word ".repeat(words) });
  const long = [turn("user", 1500), turn("assistant", 900), ...messages];
  const answer = await ollama.chat({ model: "smollm2", messages: long, options });
  expect(answer.prompt_eval_count).toBeLessThan(200);
  await expect(
    ollama.chat({ model: "smollm2", messages: long, options, truncate: false } as never),
  ).rejects.toMatchObject({
    status_code: 400,
    message: expect.stringContaining("2048"),
  });
});

test("errors are the client's own, and leaving a stream ends its generation", async () => {
  await expect(ollama.chat({ model: "other", messages })).rejects.toMatchObject({
    status_code: 404,
    message: expect.stringContaining("other"),
  });
  await expect(
    ollama.chat({ model: "smollm2", messages: [{ ...messages[0]!, images: ["aGk="] }] }),
  ).rejects.toMatchObject({
    status_code: 400,
    message: "messages[0].images is not supported: the model only reads text.",
  });
  const stream = await ollama.chat({ model: "smollm2", messages, options: { temperature: 0 }, stream: true });
  await expect(
    (async () => {
      for await (const _ of stream) stream.abort();
    })(),
  ).rejects.toThrow("abort");
  await expect.poll(() => model.stats().running).toBe(0);
});
