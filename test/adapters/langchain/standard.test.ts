// What LangChain's standard tests check of a chat model, with a small real model, and with one that says given lines.
import { InMemoryCache } from "@langchain/core/caches";
import { AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { RunnableLambda } from "@langchain/core/runnables";
import { StructuredTool, tool } from "@langchain/core/tools";
import { toJsonSchema } from "@langchain/core/utils/json_schema";
import { concat } from "@langchain/core/utils/stream";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { ChatCaduceus } from "../../../src/adapters/langchain/index.js";
import { load, type Model } from "../../../src/index.js";
import { call, gathered } from "../../server/clients/answering.js";
import { speakingModel } from "../../support/engines/speaking_engine.js";

const adder = z.object({ a: z.int().min(0).max(99), b: z.int().min(0).max(99) }).describe("Add two integers");
class AdderTool extends StructuredTool {
  override name = "AdderTool";
  override description = "Add two integers";
  override schema = adder;
  override async _call({ a, b }: z.infer<typeof adder>) {
    return String(a + b);
  }
}
const asked = ChatPromptTemplate.fromMessages([
  ["system", "You're bad at math and must ALWAYS use the {toolName} function."],
  ["human", "What is the sum of 18 and 99?"],
]);

let model: Model;
let llm: ChatCaduceus;
beforeAll(async () => {
  model = await load("smollm2", { contextSize: 2048, cacheTokens: 8192, prefixFolder: false });
  llm = new ChatCaduceus({ model, temperature: 0, maxTokens: 16 });
});
afterAll(() => model.close());

/** One that says these lines, one for each request. */
async function saying(...lines: string[]): Promise<ChatCaduceus> {
  const { model: speaking } = await speakingModel("control", lines);
  onTestFinished(() => speaking.close());
  return new ChatCaduceus({ model: speaking });
}

async function joined(stream: AsyncIterable<AIMessageChunk>): Promise<AIMessageChunk> {
  return (await gathered(stream)).reduce((all, chunk) => concat(all, chunk));
}

describe("text", () => {
  test("invoke answers with a message that has text, usage and the model's name", async () => {
    const result = await llm.invoke("Hello");
    expect(result).toBeInstanceOf(AIMessage);
    expect(result.text).not.toBe("");
    const { input_tokens, output_tokens, total_tokens } = result.usage_metadata!;
    expect(total_tokens).toBe(input_tokens + output_tokens);
    expect(output_tokens).toBeGreaterThan(0);
    expect(result.response_metadata).toMatchObject({
      model: model.info.name,
      finish_reason: expect.stringMatching(/stop|length/),
    });
  });

  test("stream gives chunks whose texts are the answer, and the usage", async () => {
    const options = { caduceus: { deterministic: true } };
    const chunks = await gathered(await llm.stream("Count to ten.", options));
    expect(chunks.every((chunk) => chunk instanceof AIMessageChunk)).toBe(true);
    expect(chunks.length).toBeGreaterThan(2);
    const whole = await llm.invoke("Count to ten.", options);
    const all = chunks.reduce((one, other) => concat(one, other));
    expect(all.text).toBe(whole.text);
    expect(all.usage_metadata).toMatchObject(whole.usage_metadata!);
    expect(all.response_metadata).toMatchObject({ model: model.info.name, finish_reason: "length" });
  });

  test("batch answers all", async () => {
    const results = await llm.batch(["Hello", "Hey"]);
    expect(results.map(({ text }) => text !== "")).toEqual([true, true]);
  });

  test("streamEvents begins with the start, ends with the end, and streams between", async () => {
    const events = await gathered(llm.streamEvents("Hello", { version: "v2" }));
    const kinds = events.map(({ event }) => event);
    expect([kinds[0], kinds.at(-1)]).toEqual(["on_chat_model_start", "on_chat_model_end"]);
    expect(new Set(kinds.slice(1, -1))).toEqual(new Set(["on_chat_model_stream"]));
    const text = events.map(({ event, data }) => (event === "on_chat_model_stream" ? data.chunk.text : "")).join("");
    expect(events.at(-1)!.data.output.text).toBe(text);
  });

  test("the stream of events that replaces it has the text and the usage", async () => {
    const stream = llm.streamEvents("Hello");
    expect((await gathered(stream.text)).join("")).not.toBe("");
    expect((await stream).usage_metadata).toMatchObject({ output_tokens: expect.any(Number) });
  });

  test("takes conversations, also with messages of one role after each other", async () => {
    const turns = [new HumanMessage("hello"), new AIMessage("hello"), new HumanMessage("how are you")];
    expect((await llm.invoke(turns)).text).not.toBe("");
    const doubled = [
      new SystemMessage("hello"),
      new SystemMessage("hello"),
      ...turns.slice(0, 1),
      ...turns.slice(0, 1),
    ];
    expect((await llm.invoke([...doubled, turns[1]!, ...turns.slice(1)])).text).not.toBe("");
  });

  test("stops at stop strings, of a call and of the model", async () => {
    const long = new ChatCaduceus({ model, temperature: 0, maxTokens: 30 });
    const { text } = await long.invoke("Count to ten.");
    const word = text.split(" ")[4]!;
    const expected = text.slice(0, text.indexOf(word));
    expect((await long.invoke("Count to ten.", { stop: [word] })).text).toBe(expected);
    const stopping = new ChatCaduceus({ model, temperature: 0, maxTokens: 30, stop: [word] });
    expect((await stopping.invoke("Count to ten.")).text).toBe(expected);
  });

  test("a cache answers the same question again, and no other model's or option's", async () => {
    const cache = new InMemoryCache();
    const cached = new ChatCaduceus({ model, maxTokens: 8, cache });
    const message = new HumanMessage({ content: [{ type: "text", text: "Hello there!" }] });
    const before = model.stats().generatedTokens;
    const first = await cached.invoke([message]);
    const generated = model.stats().generatedTokens;
    expect(generated).toBeGreaterThan(before);
    expect((await cached.invoke([message])).content).toBe(first.content);
    expect(model.stats().generatedTokens).toBe(generated);
    await new ChatCaduceus({ model, maxTokens: 7, cache }).invoke([message]);
    expect(model.stats().generatedTokens).toBeGreaterThan(generated);
  });

  test("tells LangSmith its parameters", () => {
    const settings = new ChatCaduceus({ model, temperature: 0, maxTokens: 100, stop: ["x"] });
    expect(settings.getLsParams({})).toEqual({
      ls_provider: "caduceus",
      ls_model_name: model.info.name,
      ls_model_type: "chat",
      ls_temperature: 0,
      ls_max_tokens: 100,
      ls_stop: ["x"],
    });
  });
});

describe("tools", () => {
  const line = call("AdderTool", { a: 1, b: 2 });

  test("a bound tool is called, and the call has an id", async () => {
    const result = await (await saying(line)).bindTools([new AdderTool()]).invoke("What is 1 + 2?");
    expect(result.tool_calls).toEqual([
      { name: "AdderTool", args: { a: 1, b: 2 }, id: expect.stringMatching(/^\w+$/), type: "tool_call" },
    ]);
    expect(result.response_metadata["finish_reason"]).toBe("tool_calls");
  });

  test("a stream has the calls as they grow, joined to the same call, and the usage", async () => {
    const stream = await (await saying(`Wait.\n${line}`)).bindTools([new AdderTool()]).stream("What is 1 + 2?");
    const chunks = await gathered(stream);
    expect(chunks.filter(({ tool_call_chunks }) => (tool_call_chunks ?? []).length > 0).length).toBeGreaterThan(1);
    const all = chunks.reduce((one, other) => concat(one, other));
    expect(all.tool_calls).toMatchObject([{ name: "AdderTool", args: { a: 1, b: 2 }, type: "tool_call" }]);
    expect(all.text).toBe("Wait.");
    expect(all).toMatchObject({ usage_metadata: { output_tokens: expect.any(Number) } });
  });

  test.each([
    [
      "a Runnable as a tool",
      () =>
        RunnableLambda.from(() => "").asTool({ name: "math_addition", description: "Adds", schema: adder as never }),
    ],
    [
      "OpenAI's form",
      () => ({ type: "function", function: { name: "math_addition", parameters: toJsonSchema(adder) } }),
    ],
  ])("binds %s", async (_, made) => {
    const bound = llm.bindTools([made() as never], { tool_choice: "any", caduceus: { maxTokens: 100 } });
    const { tool_calls } = await asked.pipe(bound).invoke({ toolName: "math_addition" });
    expect(tool_calls).toMatchObject([
      { name: "math_addition", args: { a: expect.any(Number), b: expect.any(Number) } },
    ]);
  });

  const calling = (content: AIMessage["content"]) =>
    new AIMessage({
      content,
      tool_calls: [{ name: "AdderTool", args: { a: 1, b: 2 }, id: "abc123", type: "tool_call" }],
    });
  const result = new ToolMessage("3", "abc123", "AdderTool");

  test.each([
    ["text", ""],
    [
      "blocks",
      [
        { type: "text", text: "some text" },
        { type: "tool_use", id: "abc123", name: "AdderTool", input: {} },
      ],
    ],
  ])("takes a history with calls and results, as %s", async (_, content) => {
    const bound = llm.bindTools([new AdderTool()]);
    const history = [new HumanMessage("What is 1 + 2"), calling(content as string), result];
    expect((await bound.invoke(history)).content).toBeDefined();
    const more = [...history, new AIMessage("3"), new HumanMessage("What is 3 + 4")];
    expect(await bound.invoke(more)).toBeInstanceOf(AIMessage);
  });

  test.each([false, true])("goes on from its own message with a call, streamed: %s", async (streams) => {
    const location = call("get_current_weather", { location: "San Francisco" });
    const weather = tool(() => "70 degrees and sunny.", {
      name: "get_current_weather",
      description: "Get the current weather for a location.",
      schema: z.object({ location: z.string() }),
    });
    const bound = (await saying(location, "It is sunny.")).bindTools([weather]);
    const ask = async (messages: (HumanMessage | AIMessage | ToolMessage)[]) =>
      streams ? joined(await bound.stream(messages)) : bound.invoke(messages);
    const question = new HumanMessage("How is the weather in San Francisco?");
    const first = await ask([question]);
    expect(first.tool_calls?.[0]).toMatchObject({ name: "get_current_weather", args: { location: "San Francisco" } });
    const told = await weather.invoke(first.tool_calls![0]!);
    expect((await ask([question, first, told])).text).toBe("It is sunny.");
  });

  test("makes several calls in a turn, whole and in a stream, unless that is turned off", async () => {
    const one = call("get_weather", { city: "Paris" });
    const other = call("get_time", { city: "Paris" });
    const schema = z.object({ city: z.string() });
    const tools = ["get_weather", "get_time"].map((name) => tool(() => "", { name, description: name, schema }));
    const names = ({ tool_calls = [] }: AIMessage) => tool_calls.map(({ name }) => name);
    const said = `${one}\n${other}`;
    expect(names(await (await saying(said)).bindTools(tools).invoke("Go"))).toEqual(["get_weather", "get_time"]);
    expect(names(await joined(await (await saying(said)).bindTools(tools).stream("Go")))).toEqual([
      "get_weather",
      "get_time",
    ]);
    const alone = { parallel_tool_calls: false, tool_choice: "any", caduceus: { maxTokens: 60 } };
    expect(names(await llm.bindTools(tools, alone).invoke("Weather and time in Paris?"))).toHaveLength(1);
  });
});
