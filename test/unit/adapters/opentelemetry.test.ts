// What OpenTelemetry is told: spans with the right parents, and names that the GenAI conventions have.
import diagnostics from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import * as conventions from "@opentelemetry/semantic-conventions/incubating";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { instrument } from "../../../src/adapters/opentelemetry/index.js";
import { tool } from "../../../src/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

const known = new Set<unknown>(Object.values(conventions).filter((value) => typeof value === "string"));
const spanExporter = new InMemorySpanExporter();
let metricExporter: InMemoryMetricExporter;
let reader: PeriodicExportingMetricReader;
let tracerProvider: BasicTracerProvider;
let meterProvider: MeterProvider;
let stop: () => void;

beforeEach(() => {
  spanExporter.reset();
  metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 1e8 });
  tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] });
  meterProvider = new MeterProvider({ readers: [reader] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  stop = instrument({ tracerProvider, meterProvider });
});
afterEach(async () => {
  stop();
  context.disable();
  await meterProvider.shutdown();
});

const call = (name: string, args: unknown) =>
  `<tool_call>\n{"arguments": ${JSON.stringify(args)}, "name": ${JSON.stringify(name)}}\n</tool_call>`;
const parentOf = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const idOf = (span: ReadableSpan | Span) => span.spanContext().spanId;

/** Runs in a span of the caller's. */
async function inSpan<T>(name: string, work: () => Promise<T>): Promise<{ span: Span; result: T }> {
  const span = tracerProvider.getTracer("test").startSpan(name);
  const result = await context.with(trace.setSpan(context.active(), span), work);
  span.end();
  return { span, result };
}

/** The spans that ended, without the caller's, and nothing that the conventions do not know. */
function spans(): ReadableSpan[] {
  const all = spanExporter
    .getFinishedSpans()
    .filter(({ instrumentationScope }) => instrumentationScope.name !== "test");
  const names = new Set(all.flatMap(({ attributes }) => Object.keys(attributes)));
  expect([...names].filter((name) => !known.has(name))).toEqual([]);
  return all;
}

async function points(metric: string) {
  await reader.forceFlush();
  const all = metricExporter
    .getMetrics()
    .at(-1)!
    .scopeMetrics.flatMap(({ metrics }) => metrics);
  expect(all.map(({ descriptor }) => descriptor.name).filter((name) => !known.has(name))).toEqual([]);
  return all.find(({ descriptor }) => descriptor.name === metric)!.dataPoints as {
    attributes: Record<string, unknown>;
    value: { count: number; sum: number };
  }[];
}

describe("a reply without calls", () => {
  test("is one span below the caller's, with what was asked for, used and measured", async () => {
    const { model } = await scriptedModel({ answer: () => "secret answer" });
    const { span, result } = await inSpan("request", async () =>
      model.reply("secret question", { temperature: 0.5, topK: 7, maxTokens: 50, seed: 3, requestId: "mine" }),
    );
    const [own, ...others] = spans();
    expect(others).toEqual([]);
    expect(own).toMatchObject({ name: "chat scripted.gguf", status: { code: SpanStatusCode.UNSET } });
    expect(parentOf(own!)).toBe(idOf(span));
    expect(own!.attributes).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "caduceus",
      "gen_ai.request.model": "scripted.gguf",
      "gen_ai.response.id": "mine",
      "gen_ai.request.temperature": 0.5,
      "gen_ai.request.top_k": 7,
      "gen_ai.request.top_p": 0.95,
      "gen_ai.request.frequency_penalty": 0,
      "gen_ai.request.presence_penalty": 0,
      "gen_ai.request.seed": 3,
      "gen_ai.request.max_tokens": 50,
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.response.time_to_first_chunk": result.timings.firstTokenMs / 1000,
      "gen_ai.usage.input_tokens": result.usage.promptTokens,
      "gen_ai.usage.output_tokens": result.usage.generatedTokens,
      "gen_ai.usage.cache_read.input_tokens": result.usage.cachedTokens,
    });
    expect(JSON.stringify(own!.attributes)).not.toContain("secret");
  });

  test("read in another context than it was asked in has the parent of where it was asked", async () => {
    const { model } = await scriptedModel({ answer: () => "abc" });
    const { span, result } = await inSpan("asking", async () => ({ reply: model.reply("Hi") }));
    await inSpan("reading", async () => {
      for await (const _ of result.reply.textStream);
    });
    expect(spans().map(parentOf)).toEqual([idOf(span)]);
  });

  test("many at once have their own parents and are not mixed up", async () => {
    const { model } = await scriptedModel({ answer: () => "abc ".repeat(20), paceMs: 1 });
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        inSpan(`request ${index}`, async () =>
          model.reply("Hi", { requestId: `id ${index % 10}`, maxTokens: 5 + index }),
        ),
      ),
    );
    expect(spans()).toHaveLength(20);
    for (const { span } of asked) expect(spans().filter((own) => parentOf(own) === idOf(span))).toHaveLength(1);
  });

  test("completions and chats say what they are", async () => {
    const { model } = await scriptedModel();
    await model.complete("Once", { maxTokens: 2 });
    await model.chat().send("Hi");
    expect(spans().map(({ name }) => name)).toEqual(["text_completion scripted.gguf", "chat scripted.gguf"]);
    expect(spans()[0]!.attributes["gen_ai.response.finish_reasons"]).toEqual(["length"]);
  });
});

describe("a reply that calls tools", () => {
  async function ask() {
    let round = 0;
    const lines = [[call("add", { a: 1, b: 2 }), call("broken", {})].join("\n"), "secret 3"];
    const { model } = await scriptedModel({ markers: hermesMarkers, answer: () => lines[round++] ?? "" });
    const inner: string[] = [];
    const add = tool({
      name: "add",
      parameters: z.object({ a: z.number(), b: z.number() }),
      execute: async ({ a, b }) => {
        await sleep(1);
        // What a handler does, such as a request of its own, belongs to its call.
        tracerProvider.getTracer("test").startSpan("inside").end();
        inner.push(trace.getActiveSpan()!.spanContext().spanId);
        return a + b;
      },
    });
    const broken = tool({
      name: "broken",
      execute: () => {
        throw new Error("secret");
      },
    });
    return { ...(await inSpan("request", async () => model.reply("secret", { tools: [add, broken] }))), inner };
  }

  test("is the run of an agent, with a span for each turn and each call below it", async () => {
    const { span, result, inner } = await ask();
    const own = spans();
    const agent = own.find(({ name }) => name === "invoke_agent")!;
    expect(parentOf(agent)).toBe(idOf(span));
    const below = own.filter((one) => parentOf(one) === idOf(agent));
    expect(below.map(({ name }) => name).sort()).toEqual([
      "chat scripted.gguf",
      "chat scripted.gguf",
      "execute_tool add",
      "execute_tool broken",
    ]);
    expect(own).toHaveLength(5);
    const turns = below.filter(({ name }) => name.startsWith("chat"));
    expect(turns.map(({ attributes }) => attributes["gen_ai.usage.output_tokens"])).toEqual(
      result.rounds.map(({ usage }) => usage.generatedTokens),
    );
    expect(agent.attributes).toMatchObject({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.usage.output_tokens": result.usage.generatedTokens,
      "gen_ai.response.finish_reasons": ["stop"],
    });
    const [added, broken] = ["add", "broken"].map((name) => below.find((one) => one.name === `execute_tool ${name}`)!);
    expect(added!.attributes).toEqual({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "add",
      "gen_ai.tool.call.id": expect.any(String),
      "gen_ai.tool.type": "function",
    });
    expect(broken).toMatchObject({
      attributes: { "error.type": "threw" },
      status: { code: SpanStatusCode.ERROR, message: "threw" },
    });
    expect(JSON.stringify(own.map(({ attributes, events }) => [attributes, events]))).not.toContain("secret");
    const inside = spanExporter.getFinishedSpans().find(({ name }) => name === "inside")!;
    expect([parentOf(inside), ...inner]).toEqual([idOf(added!), idOf(added!)]);
    // The turn that wrote the calls was over before they ran.
    const end = ({ endTime }: ReadableSpan) => endTime[0] * 1e9 + endTime[1];
    const start = ({ startTime }: ReadableSpan) => startTime[0] * 1e9 + startTime[1];
    expect(end(turns[0]!)).toBeLessThanOrEqual(start(added!) + 1e6);
  });

  test("counts in metrics by what was done", async () => {
    const { result } = await ask();
    const durations = await points("gen_ai.client.operation.duration");
    expect(
      durations.map(({ attributes, value }) => [
        attributes["gen_ai.operation.name"],
        attributes["error.type"],
        value.count,
      ]),
    ).toEqual(
      expect.arrayContaining([
        ["chat", undefined, 2],
        ["execute_tool", undefined, 1],
        ["execute_tool", "threw", 1],
        ["invoke_agent", undefined, 1],
      ]),
    );
    const tokens = await points("gen_ai.client.token.usage");
    const sum = (type: string) =>
      tokens.filter(({ attributes }) => attributes["gen_ai.token.type"] === type).map(({ value }) => value.sum);
    expect(sum("input")).toEqual([result.usage.promptTokens]);
    expect(sum("output")).toEqual([result.usage.generatedTokens]);
    expect((await points("gen_ai.server.time_to_first_token"))[0]!.value.count).toBe(2);
  });

  test("tells what was said only where that was asked for", async () => {
    stop();
    stop = instrument({ tracerProvider, meterProvider, captureContent: true });
    await ask();
    const agent = spans().find(({ name }) => name === "invoke_agent")!;
    const read = (name: string) => JSON.parse(agent.attributes[name] as string) as unknown;
    expect(read("gen_ai.input.messages")).toEqual([{ role: "user", parts: [{ type: "text", content: "secret" }] }]);
    expect(read("gen_ai.output.messages")).toEqual([
      {
        role: "assistant",
        parts: [
          { type: "tool_call", id: expect.any(String), name: "add", arguments: '{"a":1,"b":2}' },
          { type: "tool_call", id: expect.any(String), name: "broken", arguments: "{}" },
        ],
      },
      { role: "tool", parts: [{ type: "tool_call_response", id: expect.any(String), response: "3" }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: expect.any(String), response: expect.any(String) }] },
      { role: "assistant", parts: [{ type: "text", content: "secret 3" }] },
    ]);
    const added = spans().find(({ name }) => name === "execute_tool add")!;
    expect(added.attributes).toMatchObject({
      "gen_ai.tool.call.arguments": '{"a":1,"b":2}',
      "gen_ai.tool.call.result": "3",
    });
  });
});

test("a reply that fails, is refused or is left has the code of its error, never its message", async () => {
  const { model } = await scriptedModel({ contextSize: 100, answer: () => "abc ".repeat(50) });
  await model.reply("secret ".repeat(50)).catch(() => {});
  await model.reply("Hi", { temperature: -1 }).catch(() => {});
  for await (const _ of model.reply("Hi").textStream) break;
  const controller = new AbortController();
  const aborted = model.reply("Hi", { signal: controller.signal });
  controller.abort(new Error("secret"));
  await aborted.catch(() => {});
  expect(spans().map(({ attributes, status }) => [attributes["error.type"], status.code, status.message])).toEqual([
    ["CONTEXT_FULL", SpanStatusCode.ERROR, "CONTEXT_FULL"],
    ["INVALID_ARGUMENT", SpanStatusCode.ERROR, "INVALID_ARGUMENT"],
    ["ALREADY_CONSUMED", SpanStatusCode.ERROR, "ALREADY_CONSUMED"],
    ["Error", SpanStatusCode.ERROR, "Error"],
  ]);
  const durations = await points("gen_ai.client.operation.duration");
  expect(durations.map(({ attributes }) => attributes["error.type"])).toEqual([
    "CONTEXT_FULL",
    "INVALID_ARGUMENT",
    "ALREADY_CONSUMED",
    "Error",
  ]);
});

test("ended, it leaves no subscriber and no open span", async () => {
  const channels = ["reply:start", "reply:end", "reply:content", "round:start", "round:end"].concat([
    "tool:start",
    "tool:end",
    "tool:content",
  ]);
  const listeners = () => channels.filter((name) => diagnostics.channel(`caduceus:${name}`).hasSubscribers);
  const { model } = await scriptedModel({ answer: () => "abc ".repeat(50), paceMs: 1 });
  stop();
  expect(listeners()).toEqual([]);
  const end = instrument({ tracerProvider, meterProvider, captureContent: true });
  expect(listeners()).toEqual(channels);
  const reply = model.reply("Hi");
  await sleep(5);
  end();
  end();
  expect(listeners()).toEqual([]);
  expect(spans()).toHaveLength(1);
  await reply;
  await model.reply("Hi", { maxTokens: 2 });
  expect(spans()).toHaveLength(1);
});

test("wrong options are refused", () => {
  for (const [options, param] of [
    [{ captureContent: "yes" }, "captureContent"],
    [{ capture: true }, "capture"],
    [{ tracerProvider: {} }, "tracerProvider"],
    [{ meterProvider: 5 }, "meterProvider"],
  ] as const)
    expect(() => instrument(options as never)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", param }) as Error,
    );
});
