// `caduceus/openai-agents`: agents, handoffs and guardrails in this process, over a real engine.
import {
  addTraceProcessor,
  Agent,
  handoff,
  InputGuardrailTripwireTriggered,
  MemorySession,
  run,
  Runner,
  setTracingDisabled,
  tool,
  type Span,
} from "@openai/agents";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { caduceusModel } from "../../../src/adapters/openai_agents/index.js";
import { load, type Model } from "../../../src/index.js";
import { call, gathered } from "../../server/clients/answering.js";
import { speakingModel } from "../../support/engines/speaking_engine.js";
import { thinkingModel } from "../../support/thinking_model.js";

setTracingDisabled(true);
const Person = z.object({ name: z.string().max(12), age: z.int().min(0).max(120) });

let small: Model;
beforeAll(async () => {
  small = await load("smollm2", { contextSize: 2048, cacheTokens: 8192, prefixFolder: false });
});
afterAll(() => small.close());

async function saying(...lines: string[]): Promise<Model> {
  const { model } = await speakingModel("control", lines);
  onTestFinished(() => model.close());
  return model;
}

const weather = (execute: (city: string) => unknown) =>
  tool({
    name: "get_weather",
    description: "Weather",
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => execute(city),
  });
const lines = [`One moment.\n${call("get_weather", { city: "Paris" })}`, "It is 21 degrees in Paris."];

test.each([false, true])("an agent runs a tool and ends with the answer, streamed: %s", async (stream) => {
  const cities: string[] = [];
  const agent = new Agent({
    name: "Weather",
    instructions: "Be brief.",
    model: caduceusModel(await saying(...lines)),
    tools: [weather((city) => (cities.push(city), { celsius: 21 }))],
  });
  if (stream) {
    const result = await run(agent, "How warm is it in Paris?", { stream: true });
    const text = (await gathered(result.toTextStream())).join("");
    await result.completed;
    expect(text).toBe(`One moment.${lines[1]}`);
    expect(result.finalOutput).toBe(lines[1]);
  } else {
    const { finalOutput, rawResponses } = await run(agent, "How warm is it in Paris?");
    expect(finalOutput).toBe(lines[1]);
    expect(rawResponses.map(({ output }) => output.map(({ type }) => type))).toEqual([
      ["message", "function_call"],
      ["message"],
    ]);
    const [first, second] = rawResponses.map(({ usage }) => usage);
    expect(second!.inputTokensDetails[0]!["cached_tokens"]).toBeGreaterThan(first!.inputTokens - 10);
  }
  expect(cities).toEqual(["Paris"]);
});

test("an agent hands off to another, which goes on with the conversation", async () => {
  const spanish = new Agent({ name: "Spanish", model: caduceusModel(await saying("Hola.")) });
  const triage = new Agent({
    name: "Triage",
    model: caduceusModel(await saying(call("transfer_to_Spanish", {}))),
    handoffs: [handoff(spanish)],
  });
  const { finalOutput, lastAgent } = await run(triage, "¡Buenos días!");
  expect([finalOutput, lastAgent?.name]).toEqual(["Hola.", "Spanish"]);
});

test("a guardrail, itself an agent with a typed output, stops a run", async () => {
  const Verdict = z.object({ isMath: z.boolean() });
  const judge = new Agent({
    name: "Judge",
    instructions: "Say whether the user asks for math.",
    model: caduceusModel(small, { temperature: 0 }),
    outputType: Verdict,
  });
  const seen: unknown[] = [];
  const guarded = new Agent({
    name: "Helper",
    model: caduceusModel(await saying("Hello.")),
    inputGuardrails: [
      {
        name: "no math",
        execute: async ({ input }) => {
          const { finalOutput } = await run(judge, input);
          seen.push(finalOutput);
          return { outputInfo: finalOutput, tripwireTriggered: true };
        },
      },
    ],
  });
  await expect(run(guarded, "What is 2 + 3?")).rejects.toBeInstanceOf(InputGuardrailTripwireTriggered);
  expect(seen.map((one) => Verdict.parse(one))).toEqual(seen);
});

test("a small model gives an output of a type, and the call that is required or named", async () => {
  const typed = new Agent({ name: "Typed", model: caduceusModel(small), outputType: Person });
  const { finalOutput } = await run(typed, "Anna is 31.");
  expect(Person.parse(finalOutput)).toEqual(finalOutput);
  const made: string[] = [];
  const named = (name: string) =>
    tool({
      name,
      description: name,
      parameters: z.object({ zone: z.enum(["UTC", "CET"]) }),
      execute: async () => (made.push(name), "noon"),
    });
  const agent = new Agent({
    name: "Time",
    model: caduceusModel(small, { temperature: 0, maxTokens: 60 }),
    tools: [named("first"), named("second")],
    toolUseBehavior: "stop_on_first_tool",
    modelSettings: { toolChoice: "second" },
  });
  expect((await run(agent, "Hello!")).finalOutput).toBe("noon");
  expect(made).toEqual(["second"]);
});

test("a session keeps the conversation, and the model's options and the agent's hold", async () => {
  const session = new MemorySession();
  const agent = new Agent({
    name: "Chat",
    model: caduceusModel(small, { temperature: 0, maxTokens: 8 }),
    modelSettings: { providerData: { regex: "red|blue" } },
  });
  expect((await run(agent, "A color?", { session })).finalOutput).toMatch(/^(red|blue)$/);
  expect((await run(agent, "Another?", { session })).finalOutput).toMatch(/^(red|blue)$/);
  expect(await session.getItems()).toHaveLength(4);
  const plain = new Agent({ name: "Plain", model: caduceusModel(small, { maxTokens: 8 }) });
  const { rawResponses } = await run(plain, "Write a long story.");
  expect(rawResponses[0]!.usage.outputTokens).toBeLessThanOrEqual(8);
});

test("a thought is an item of its own, and goes back with the next turn", async () => {
  const model = await thinkingModel();
  onTestFinished(() => model.close());
  const agent = new Agent({
    name: "Thinker",
    model: caduceusModel(model, { reasoning: { maxTokens: 8 }, regex: "yes|no" }),
  });
  const first = await run(agent, "Is it warm?");
  expect(first.rawResponses[0]!.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
  const next = await run(agent, [...first.history, { role: "user", content: "And now?" }]);
  expect(next.finalOutput).toMatch(/^(yes|no)$/);
});

test("aborting ends the model's work, whole and in a stream", async () => {
  const agent = new Agent({ name: "Endless", model: caduceusModel(small, { ignoreEos: true }) });
  const idle = () => expect.poll(() => small.stats()).toMatchObject({ running: 0, queued: 0 });
  await expect(run(agent, "Go on.", { signal: AbortSignal.timeout(200) })).rejects.toThrow();
  await idle();
  const aborting = new AbortController();
  const stream = await run(agent, "Go on.", { stream: true, signal: aborting.signal });
  for await (const _ of stream.toTextStream()) aborting.abort();
  await stream.completed.catch(() => {});
  await idle();
});

test("what is stored elsewhere, images and tools of others are refused by their place", async () => {
  const agent = (more: object = {}) =>
    new Agent({ name: "Plain", model: caduceusModel(small, { maxTokens: 3 }), ...more });
  const image = {
    role: "user" as const,
    content: [{ type: "input_image" as const, image: "data:image/png;base64,AA==" }],
  };
  await expect(run(agent(), [image])).rejects.toMatchObject({ code: "INVALID_MESSAGES", param: "input[0].content[0]" });
  await expect(run(agent(), "Hi", { previousResponseId: "resp_1" })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    param: "previousResponseId",
  });
  const search = { type: "hosted_tool", name: "web_search", providerData: { type: "web_search" } };
  await expect(run(agent({ tools: [search] }), "Hi")).rejects.toMatchObject({
    code: "INVALID_TOOL",
    param: "tools[0]",
  });
  await expect(run(agent({ modelSettings: { providerData: { tools: [] } } }), "Hi")).rejects.toMatchObject({
    param: "modelSettings.providerData",
  });
});

test("a result with an image reaches the model as a note, and a tool's error as its text", async () => {
  const model = await saying(
    call("get_weather", { city: "Rome" }),
    "Well.",
    call("get_weather", { city: "Rome" }),
    "Oh.",
  );
  const asked: string[] = [];
  const watched = {
    info: model.info,
    capabilities: model.capabilities,
    reply: ((messages: { role: string; content: string }[], options: object) => {
      asked.push(...messages.filter(({ role }) => role === "tool").map(({ content }) => content));
      return model.reply(messages as never, options);
    }) as Model["reply"],
  };
  const agent = (execute: () => unknown) =>
    new Agent({ name: "A", model: caduceusModel(watched), tools: [weather(execute)] });
  await run(
    agent(() => ({ type: "image", image: "data:image/png;base64,AA==" })),
    "Draw",
  );
  await run(
    agent(() => {
      throw new Error("no such city");
    }),
    "Go",
  );
  expect(asked).toEqual([expect.stringContaining("Left out"), expect.stringContaining("no such city")]);
});

test("a run that is traced has a span for each request, with its usage and output", async () => {
  const spans: Span<any>[] = [];
  addTraceProcessor({
    onTraceStart: async () => {},
    onTraceEnd: async () => {},
    onSpanStart: async () => {},
    onSpanEnd: async (span) => void spans.push(span),
    shutdown: async () => {},
    forceFlush: async () => {},
  });
  setTracingDisabled(false);
  onTestFinished(() => setTracingDisabled(true));
  vi.stubEnv("OPENAI_AGENTS_DISABLE_TRACING", "0");
  const model = await saying("Hi.", "Hi.");
  const runner = new Runner();
  await runner.run(new Agent({ name: "A", model: caduceusModel(model) }), "Hello");
  const stream = await runner.run(new Agent({ name: "B", model: caduceusModel(model) }), "Hello", { stream: true });
  await stream.completed;
  const generations = spans.map(({ spanData }) => spanData).filter(({ type }) => type === "generation");
  expect(generations).toHaveLength(2);
  for (const { usage, output, model: name } of generations) {
    expect(usage).toMatchObject({ output_tokens: expect.any(Number), input_tokens: expect.any(Number) });
    expect(output).toMatchObject([{ type: "message", content: [{ text: "Hi." }] }]);
    expect(name).not.toBe("");
  }
});
