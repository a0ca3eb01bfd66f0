// Frameworks over OpenAI's API as they come: OpenAI's Agents SDK, the AI SDK and LangChain.
import { createOpenAI } from "@ai-sdk/openai";
import { HumanMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, OpenAIProvider, Runner, tool as agentTool } from "@openai/agents";
import { generateObject, generateText, stepCountIs, streamText, tool as aiTool } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { Model } from "../../../src/index.js";
import { serving, type Serving } from "../serving.js";
import { call, gathered, saying, smallModel } from "./answering.js";

const parameters = z.object({ city: z.string() });
const lines = [`One moment.\n${call("get_weather", { city: "Paris" })}`, "It is 21 degrees in Paris."];
const Person = z.object({ name: z.string().max(12), age: z.int().min(0).max(120) });

let model: Model;
let small: Serving;
beforeAll(async () => {
  model = await smallModel();
  small = await serving({ smollm2: model });
});
afterAll(async () => {
  await small.close({ graceMs: 0 });
  await model.close();
});

/** How often each endpoint was asked. */
async function asked(server: Serving, route: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`route="${route}",status="200"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

describe("OpenAI's Agents SDK, which asks /v1/responses by default,", () => {
  const runnerOf = (server: Serving) =>
    new Runner({
      modelProvider: new OpenAIProvider({ openAIClient: server.client() as never }),
      tracingDisabled: true,
    });
  const agent = (execute: (city: string) => string) =>
    new Agent({
      name: "Weather",
      instructions: "Be brief.",
      model: "hermes",
      tools: [
        agentTool({
          name: "get_weather",
          description: "Weather",
          parameters,
          execute: async ({ city }) => execute(city),
        }),
      ],
    });

  test.each([false, true])("runs a tool and ends with the answer, streamed: %s", async (stream) => {
    const server = await saying(lines);
    const runner = runnerOf(server);
    const cities: string[] = [];
    const weather = agent((city) => (cities.push(city), "21"));
    if (stream) {
      const result = await runner.run(weather, "How warm is it in Paris?", { stream: true });
      const text = (await gathered(result.toTextStream())).join("");
      await result.completed;
      expect(text).toContain(lines[1]);
      expect(result.finalOutput).toBe(lines[1]);
    } else expect((await runner.run(weather, "How warm is it in Paris?")).finalOutput).toBe(lines[1]);
    expect(cities).toEqual(["Paris"]);
    expect(await asked(server, "/v1/responses")).toBe(2);
  });

  test("goes on from a stored response, and gives an output of a type", async () => {
    const server = await saying(["Hello.", "Anna."]);
    const runner = runnerOf(server);
    const plain = new Agent({ name: "Plain", model: "hermes" });
    const first = await runner.run(plain, "Hi, I am Anna.");
    const second = await runner.run(plain, "Who am I?", { previousResponseId: first.lastResponseId! });
    expect(second.finalOutput).toBe("Anna.");
    const typed = new Agent({ name: "Typed", model: "smollm2", outputType: Person });
    const { finalOutput } = await runnerOf(small).run(typed, "Anna is 31.");
    expect(Person.parse(finalOutput)).toEqual(finalOutput);
  });
});

describe("the AI SDK's createOpenAI()(id), which asks /v1/responses by default,", () => {
  const modelOf = ({ url }: Serving, id = "hermes") => createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" })(id);
  const tools = { get_weather: aiTool({ description: "Weather", inputSchema: parameters, execute: () => "21" }) };

  test.each([false, true])("runs a tool and ends with the answer, streamed: %s", async (stream) => {
    const server = await saying(lines);
    const options = {
      model: modelOf(server),
      tools,
      stopWhen: stepCountIs(3),
      prompt: "How warm is it in Paris?",
      maxRetries: 0,
    };
    if (stream) {
      const result = streamText(options);
      expect((await gathered(result.textStream)).join("")).toBe(lines.join("").replace(/\n.*<\/tool_call>/s, ""));
      expect((await result.steps).map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
    } else {
      const { text, steps, usage } = await generateText(options);
      expect(text).toBe(lines[1]);
      expect(steps[0]!.toolCalls).toMatchObject([{ toolName: "get_weather", input: { city: "Paris" } }]);
      expect(usage.outputTokens).toBeGreaterThan(0);
    }
    expect(await asked(server, "/v1/responses")).toBe(2);
  });

  test("gives an object of a schema", async () => {
    const model = modelOf(small, "smollm2");
    const { object } = await generateObject({ model, schema: Person, prompt: "Anna is 31.", maxRetries: 0 });
    expect(Person.parse(object)).toEqual(object);
  });

  test("tells of an error with its message", async () => {
    const server = await saying([]);
    const model = createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" })("other");
    await expect(generateText({ model, prompt: "Hi", maxRetries: 0 })).rejects.toMatchObject({
      statusCode: 404,
      message: expect.stringContaining("other"),
    });
  });
});

describe.each([
  [false, "/v1/chat/completions"],
  [true, "/v1/responses"],
])("LangChain's ChatOpenAI with useResponsesApi: %s", (useResponsesApi, route) => {
  const modelOf = ({ url }: Serving, id = "hermes") =>
    new ChatOpenAI({
      model: id,
      apiKey: "none",
      useResponsesApi,
      maxRetries: 0,
      configuration: { baseURL: `${url}/v1` },
    });
  const weather = langchainTool(async () => "21", { name: "get_weather", description: "Weather", schema: parameters });

  test("calls a tool, takes its result, and streams", async () => {
    const server = await saying([...lines, lines[1]!]);
    const model = modelOf(server).bindTools([weather]);
    const question = new HumanMessage("How warm is it in Paris?");
    const first = await model.invoke([question]);
    expect(first.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Paris" } }]);
    const result = await weather.invoke(first.tool_calls![0]!);
    const second = await model.invoke([question, first, result]);
    expect(second.text).toBe(lines[1]);
    expect(second).toMatchObject({ usage_metadata: { output_tokens: expect.any(Number) } });
    const chunks = await gathered(await model.stream([question]));
    expect(chunks.map(({ text }) => text).join("")).toBe(lines[1]);
    expect(chunks.length).toBeGreaterThan(2);
    expect(await asked(server, route)).toBe(3);
  });

  test("gives an object of a schema", async () => {
    const model = modelOf(small, "smollm2").withStructuredOutput(Person, { method: "jsonSchema" });
    const value = await model.invoke("Anna is 31.");
    expect(Person.parse(value)).toEqual(value);
  });
});
