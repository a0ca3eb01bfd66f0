// The adapters for frameworks on a model in a process of its own: each has a tool called, and what the tool gave goes
// back to the model.
import { HumanMessage } from "@langchain/core/messages";
import { tool as langChainTool } from "@langchain/core/tools";
import { Agent, run, setTracingDisabled, tool as agentTool } from "@openai/agents";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { generateText, stepCountIs, streamText, tool as aiTool } from "ai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { caduceus } from "../../src/adapters/ai_sdk/index.js";
import { ChatCaduceus } from "../../src/adapters/langchain/index.js";
import { mcpTools, serveMcp } from "../../src/adapters/mcp/index.js";
import { caduceusModel } from "../../src/adapters/openai_agents/index.js";
import { load, type Model } from "../../src/index.js";
import { toolServer } from "../adapters/mcp/tool_server.mjs";
import { hermesModel } from "../support/models.js";
import { enginesOf } from "./child_processes.js";

setTracingDisabled(true);
const name = "get_weather";
const description = "The weather in a city now";
const schema = z.object({ city: z.enum(["Paris", "Rome"]) });
const question = "How warm is it in Paris?";
// Random weights make calls without end.
const parallelToolCalls = false;
const maxTokens = 40;

let model: Model;
beforeAll(async () => {
  model = await load(await hermesModel(), { isolate: true, contextSize: 2048, prefixFolder: false });
});
afterAll(() => model.close());

/** Each gives how many turns the model had. */
const frameworks: Record<string, (run: (city: string) => string) => Promise<number>> = {
  "ai-sdk": async (execute) => {
    const { steps } = await generateText({
      model: caduceus(model),
      prompt: question,
      maxOutputTokens: maxTokens,
      providerOptions: { caduceus: { parallelToolCalls } },
      tools: { [name]: aiTool({ description, inputSchema: schema, execute: ({ city }) => execute(city) }) },
      prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "none" }),
      stopWhen: stepCountIs(2),
    });
    return steps.length;
  },
  langchain: async (execute) => {
    const weather = langChainTool(({ city }) => execute(city), { name, description, schema });
    const llm = new ChatCaduceus({ model, maxTokens, parallelToolCalls });
    const asked = await llm.bindTools([weather], { tool_choice: "any" }).invoke(question);
    const results = await Promise.all(asked.tool_calls!.map((call) => weather.invoke({ ...call, type: "tool_call" })));
    const answer = await llm.invoke([new HumanMessage(question), asked, ...results]);
    return asked.tool_calls!.length > 0 && answer.text !== "" ? 2 : 1;
  },
  "openai-agents": async (execute) => {
    const weather = agentTool({ name, description, parameters: schema, execute: async ({ city }) => execute(city) });
    const modelSettings = { toolChoice: "required", parallelToolCalls } as const;
    const agent = new Agent({ name: "A", model: caduceusModel(model, { maxTokens }), tools: [weather], modelSettings });
    return (await run(agent, question)).rawResponses.length;
  },
  mcp: async (execute) => {
    const { client, close } = await connected((transport) => toolServer("tests").connect(transport));
    const [weather] = await mcpTools(client, { filter: (tool) => tool.name === name });
    const tools = [weather!];
    const { messages, rounds } = await model.reply(question, {
      tools,
      toolChoice: "required",
      parallelToolCalls,
      maxRounds: 2,
      maxTokens,
    });
    for (const { content } of messages.filter(({ role }) => role === "tool"))
      execute(/^It is 21 degrees in (\w+)\.$/.exec(String(content))![1]!);
    await close();
    return rounds.length;
  },
};

async function connected(serve: (transport: InMemoryTransport) => Promise<unknown>) {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: "host", version: "1.0.0" });
  await Promise.all([serve(theirs), client.connect(ours)]);
  return { client, close: () => client.close() };
}

test.each(Object.entries(frameworks))("%s has a tool called, and the model goes on", async (_, turns) => {
  const cities: string[] = [];
  expect(await turns((city) => (cities.push(city), "21 degrees"))).toBe(2);
  expect(cities.length).toBeGreaterThan(0);
  expect(cities.filter((city) => !schema.shape.city.options.includes(city as "Paris"))).toEqual([]);
  expect(enginesOf()).toHaveLength(1);
});

test("an isolated model can be an MCP server", async () => {
  const { client, close } = await connected((transport) => serveMcp(model, transport));
  const result = await client.callTool({ name: "generate", arguments: { prompt: "Hi", maxTokens: 8 } });
  expect(result).toMatchObject({ content: [{ type: "text", text: expect.stringMatching(/./) }] });
  await close();
});

test("what a framework aborts ends in the other process", async () => {
  const aborting = new AbortController();
  const { textStream } = streamText({
    model: caduceus(model),
    prompt: "Count to a thousand.",
    abortSignal: aborting.signal,
  });
  for await (const _ of textStream) aborting.abort();
  await expect.poll(() => model.stats().running).toBe(0);
});
