// `caduceus/langchain` beyond LangChain's standard tests: structured output, choices, reasoning, aborts, embeddings.
import { AIMessage, ChatMessage, HumanMessage, RemoveMessage, ToolMessage } from "@langchain/core/messages";
import { MemorySaver } from "@langchain/langgraph";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { tool } from "@langchain/core/tools";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { CaduceusEmbeddings, ChatCaduceus } from "../../../src/adapters/langchain/index.js";
import { load, type Model } from "../../../src/index.js";
import { call, gathered } from "../../server/clients/answering.js";
import { speakingModel } from "../../support/engines/speaking_engine.js";
import { bertModel } from "../../support/gguf/bert_model.mjs";
import { thinkingModel } from "../../support/thinking_model.js";

const Person = z.object({ name: z.string().max(12), age: z.int().min(0).max(120) });
const personJson = {
  title: "person",
  type: "object",
  properties: { name: { type: "string", maxLength: 12 }, age: { type: "integer", minimum: 0, maximum: 120 } },
  required: ["name", "age"],
  additionalProperties: false,
};

let model: Model;
let llm: ChatCaduceus;
beforeAll(async () => {
  model = await load("smollm2", { contextSize: 2048, cacheTokens: 8192, prefixFolder: false });
  llm = new ChatCaduceus({ model, temperature: 0, maxTokens: 100 });
});
afterAll(() => model.close());

describe.each(["jsonSchema", "functionCalling"])("withStructuredOutput by %s", (method) => {
  test.each([
    ["zod", Person],
    ["valibot", v.object({ name: v.pipe(v.string(), v.maxLength(12)), age: v.pipe(v.number(), v.integer()) })],
    ["JSON Schema", personJson],
    ["OpenAI's form", { name: "person", parameters: personJson }],
  ])("takes %s", async (_, schema) => {
    const value = await llm.withStructuredOutput(schema as typeof Person, { method }).invoke("Anna is 31.");
    expect(value).toEqual({ name: expect.any(String), age: expect.any(Number) });
  });

  test("gives the message too, and null where the limit cut it off; the trace has the schema", async () => {
    const seen: unknown[] = [];
    const callbacks = [
      { handleChatModelStart: (...given: unknown[]) => void seen.push((given[4] as { options: unknown }).options) },
    ];
    const raw = await llm
      .withStructuredOutput(Person, { method, includeRaw: true })
      .invoke("Anna is 31.", { callbacks });
    expect(raw.raw).toBeInstanceOf(AIMessage);
    expect(Person.parse(raw.parsed)).toEqual(raw.parsed);
    expect(seen).toMatchObject([{ ls_structured_output_format: { kwargs: { method }, schema: { type: "object" } } }]);
    const short = new ChatCaduceus({ model, maxTokens: 3 });
    const cut = await short.withStructuredOutput(Person, { method, includeRaw: true }).invoke("Anna is 31.");
    expect(cut.parsed).toBeNull();
    await expect(short.withStructuredOutput(Person, { method }).invoke("Anna is 31.")).rejects.toThrow(/JSON|no call/);
  });
});

test("withStructuredOutput by jsonMode gives an object; other methods are refused", async () => {
  const any = llm.withStructuredOutput({ type: "object" }, { method: "jsonMode" });
  expect(typeof (await any.invoke('Write {"name": "Anna"} as JSON.'))).toBe("object");
  expect(() => llm.withStructuredOutput(Person, { method: "magic" })).toThrow(/method/);
});

test("structured output streams the growing object by a JSON Schema", async () => {
  const partial = await gathered(await llm.withStructuredOutput(personJson).stream("Anna is 31."));
  expect(partial.length).toBeGreaterThan(1);
  expect(partial.at(-1)).toEqual({ name: expect.any(String), age: expect.any(Number) });
});

test("a tool can be chosen by name, in LangChain's words and OpenAI's, and left alone", async () => {
  const schema = z.object({ zone: z.enum(["UTC", "CET"]) });
  const tools = ["first", "second"].map((name) => tool(() => "", { name, description: name, schema }));
  const chosen = async (tool_choice: unknown) =>
    ((await llm.bindTools(tools, { tool_choice: tool_choice as string }).invoke("Hi")).tool_calls ?? []).map(
      ({ name }) => name,
    );
  expect(await chosen("second")).toEqual(["second"]);
  expect(await chosen({ type: "function", function: { name: "second" } })).toEqual(["second"]);
  expect(await chosen("none")).toEqual([]);
  await expect(chosen("third")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("options of the constructor hold, those of a call go before them, and wrong ones are refused", async () => {
  const colors = new ChatCaduceus({ model, regex: "red|blue" });
  expect(["red", "blue"]).toContain((await colors.invoke("A color?")).text);
  expect((await colors.invoke("A color?", { caduceus: { regex: "green" } })).text).toBe("green");
  await expect(colors.invoke("Hi", { caduceus: { minP: 7 } })).rejects.toMatchObject({ param: "minP" });
  expect(() => new ChatCaduceus({ model, tools: [] } as never)).toThrow(/ChatCaduceus.*tools/);
});

test("aborting ends the model's work, of an answer and of a stream, and leaving a stream does", async () => {
  const endless = new ChatCaduceus({ model, ignoreEos: true });
  const idle = () => expect.poll(() => model.stats()).toMatchObject({ running: 0, queued: 0 });
  await expect(endless.invoke("Hi", { signal: AbortSignal.timeout(100) })).rejects.toThrow();
  await idle();
  const aborting = new AbortController();
  const reading = async () => {
    for await (const _ of await endless.stream("Hi", { signal: aborting.signal })) aborting.abort();
  };
  await expect(reading()).rejects.toThrow();
  await idle();
  for await (const _ of await endless.stream("Hi")) break;
  await idle();
});

test("callbacks are told of the tokens, the usage and of errors", async () => {
  const tokens: string[] = [];
  const ends: unknown[] = [];
  const errors: unknown[] = [];
  const callbacks = [
    {
      handleLLMNewToken: (token: string) => void tokens.push(token),
      handleLLMEnd: (output: unknown) => void ends.push(output),
      handleLLMError: (error: unknown) => void errors.push(error),
    },
  ];
  const message = (await gathered(await llm.stream("Hi", { callbacks }))).map(({ text }) => text).join("");
  expect(tokens.join("")).toBe(message);
  expect(ends).toMatchObject([{ llmOutput: { tokenUsage: { completionTokens: expect.any(Number) } } }]);
  await expect(llm.invoke("word ".repeat(3000), { callbacks })).rejects.toMatchObject({ code: "CONTEXT_FULL" });
  expect(errors).toMatchObject([{ code: "CONTEXT_FULL" }]);
});

test("a thought is apart from the text, and goes back with its message", async () => {
  const thinking = await thinkingModel();
  onTestFinished(() => thinking.close());
  const bound = new ChatCaduceus({ model: thinking, temperature: 0, reasoning: { maxTokens: 8 }, regex: "yes|no" });
  const whole = await bound.invoke("Is it warm?");
  expect(["yes", "no"]).toContain(whole.text);
  expect(whole.additional_kwargs["reasoning_content"]).not.toBe("");
  const chunks = await gathered(await bound.stream("Is it warm?"));
  expect(chunks.map(({ additional_kwargs }) => additional_kwargs["reasoning_content"] ?? "").join("")).toBe(
    whole.additional_kwargs["reasoning_content"],
  );
  expect((await bound.invoke([new HumanMessage("Is it warm?"), whole, new HumanMessage("And now?")])).text).toMatch(
    /yes|no/,
  );
});

test("messages of other roles are read by them; images and what has no role here are refused by their place", async () => {
  expect((await llm.invoke([new ChatMessage("Hi", "user")])).text).not.toBe("");
  const image = new HumanMessage({
    content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }],
  });
  await expect(llm.invoke([image])).rejects.toMatchObject({
    code: "INVALID_MESSAGES",
    param: "messages[0].content[0]",
  });
  await expect(llm.invoke([new HumanMessage("Hi"), new RemoveMessage({ id: "a" })])).rejects.toMatchObject({
    param: "messages[1]",
  });
  const calling = new AIMessage({ content: "", tool_calls: [{ name: "draw", args: {}, id: "a1" }] });
  const drawn = new ToolMessage({
    content: [{ type: "image", mimeType: "image/png", data: "AA==" }],
    tool_call_id: "a1",
  });
  expect((await llm.invoke([new HumanMessage("Draw"), calling, drawn])).text).toBeDefined();
});

test("a LangGraph agent runs two tools, remembers, and ends with the answer", async () => {
  const { model: speaking } = await speakingModel("control", [
    call("get_weather", { city: "Paris" }),
    call("get_time", { city: "Paris" }),
    "It is 21 degrees at noon.",
    "Paris.",
  ]);
  onTestFinished(() => speaking.close());
  const schema = z.object({ city: z.string() });
  const made: string[] = [];
  const tools = [
    tool(({ city }) => (made.push(`weather in ${city}`), "21"), {
      name: "get_weather",
      description: "Weather",
      schema,
    }),
    tool(({ city }) => (made.push(`time in ${city}`), "noon"), { name: "get_time", description: "Time", schema }),
  ];
  const agent = createReactAgent({
    llm: new ChatCaduceus({ model: speaking }),
    tools,
    checkpointSaver: new MemorySaver(),
  });
  const config = { configurable: { thread_id: "1" } };
  const { messages } = await agent.invoke({ messages: [new HumanMessage("How is it in Paris?")] }, config);
  expect(made).toEqual(["weather in Paris", "time in Paris"]);
  expect(messages.at(-1)!.text).toBe("It is 21 degrees at noon.");
  const next = await agent.invoke({ messages: [new HumanMessage("Where?")] }, config);
  expect(next.messages.at(-1)!.text).toBe("Paris.");
  expect(next.messages.length).toBe(messages.length + 2);
});

test("embeddings are the library's, with prefixes for questions and documents", async () => {
  const bert = await load(bertModel("mean"));
  onTestFinished(() => bert.close());
  const embeddings = new CaduceusEmbeddings({
    model: bert,
    queryPrefix: "query: ",
    documentPrefix: "passage: ",
    dimensions: 16,
  });
  const own = await bert.embed(["query: rome", "passage: a cat", "passage: a city"], { dimensions: 16 });
  const near = (values: Float32Array | undefined) => Array.from(values ?? [], (value) => expect.closeTo(value, 5));
  expect(await embeddings.embedQuery("rome")).toEqual(near(own.embeddings[0]));
  expect(await embeddings.embedDocuments(["a cat", "a city"])).toEqual([
    near(own.embeddings[1]),
    near(own.embeddings[2]),
  ]);
});
