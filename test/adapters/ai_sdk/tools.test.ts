// `caduceus/ai-sdk`: tools over several steps, choices, reasoning, and what else stands in a conversation.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { caduceus } from "../../../src/adapters/ai_sdk/index.js";
import { load, type Model } from "../../../src/index.js";
import { call, gathered } from "../../server/clients/answering.js";
import { speakingModel } from "../../support/engines/speaking_engine.js";
import { thinkingModel } from "../../support/thinking_model.js";
import { versions } from "./versions.js";

const lines = [`One moment.\n${call("get_weather", { city: "Paris" })}`, "It is 21 degrees in Paris."];
const inputSchema = z.object({ city: z.enum(["Paris", "Rome"]) });

async function saying<T>(said: readonly string[], use: (model: Model) => Promise<T>): Promise<T> {
  const { model } = await speakingModel("control", said);
  try {
    return await use(model);
  } finally {
    await model.close();
  }
}

let small: Model;
beforeAll(async () => {
  small = await load("smollm2", { contextSize: 2048, cacheTokens: 8192, prefixFolder: false });
});
afterAll(() => small.close());

describe.each(versions)("ai %s", (_, ai) => {
  const asked = (model: Model) => {
    const cities: string[] = [];
    const get_weather = ai.tool({
      description: "Weather",
      inputSchema,
      execute: ({ city }) => {
        cities.push(city satisfies "Paris" | "Rome");
        return { celsius: 21 };
      },
    });
    const settings = {
      model: caduceus(model),
      tools: { get_weather },
      stopWhen: ai.stepCountIs(3),
      prompt: "How warm is it in Paris?",
      maxRetries: 0,
    };
    return { cities, settings };
  };

  test("runs a tool and goes on with its result, and the second step reads only what is new", () =>
    saying(lines, async (model) => {
      const { cities, settings } = asked(model);
      const { text, steps } = await ai.generateText(settings);
      expect([text, cities]).toEqual([lines[1], ["Paris"]]);
      expect(steps.map(({ finishReason }) => finishReason)).toEqual(["tool-calls", "stop"]);
      expect(steps[0]!.text).toBe("One moment.");
      expect(steps[0]!.toolCalls).toMatchObject([{ toolName: "get_weather", input: { city: "Paris" } }]);
      expect(steps[0]!.toolResults).toMatchObject([{ output: { celsius: 21 } }]);
      expect(steps[1]!.usage.inputTokenDetails.cacheReadTokens).toBeGreaterThan(steps[0]!.usage.inputTokens! - 10);
    }));

  test("streams the text, the arguments as they grow, the call and the answer, each in its block", () =>
    saying(lines, async (model) => {
      const { cities, settings } = asked(model);
      const parts = await gathered(ai.streamText(settings).fullStream);
      expect(cities).toEqual(["Paris"]);
      const kinds = parts.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
      const step = (...inside: string[]) => [
        "start-step",
        "text-start",
        "text-delta",
        "text-end",
        ...inside,
        "finish-step",
      ];
      const calling = ["tool-input-start", "tool-input-delta", "tool-input-end", "tool-call", "tool-result"];
      expect(kinds).toEqual(["start", ...step(...calling), ...step(), "finish"]);
      const input = parts.flatMap((part) => (part.type === "tool-input-delta" ? [part.delta] : [])).join("");
      expect(JSON.parse(input)).toEqual({ city: "Paris" });
    }));

  test("a small model makes a call where one is required, and of the tool that is named", async () => {
    const other = ai.tool({
      description: "Time",
      inputSchema: z.object({ zone: z.enum(["UTC", "CET"]) }),
      execute: () => 12,
    });
    const get_weather = ai.tool({ description: "Weather", inputSchema, execute: () => 21 });
    const ask = (toolChoice: object) =>
      ai.generateText({
        model: caduceus(small),
        tools: { get_weather, other },
        toolChoice: toolChoice as never,
        prompt: "Hello!",
        maxOutputTokens: 100,
        maxRetries: 0,
      });
    const named = await ask({ type: "tool", toolName: "other" });
    expect(named.finishReason).toBe("tool-calls");
    expect(named.toolCalls).toMatchObject([
      { toolName: "other", input: { zone: expect.stringMatching(/^(UTC|CET)$/) } },
    ]);
    const required = await ask("required" as never);
    expect(required.toolCalls.length).toBeGreaterThan(0);
    expect(required.toolCalls.every(({ invalid }) => invalid !== true)).toBe(true);
    const none = await ask("none" as never);
    expect(none.toolCalls).toEqual([]);
  });

  test("errors of tools, refusals and what is no text reach the model as what they are", async () => {
    const results: { role: string; content: unknown }[] = [];
    const model = {
      info: small.info,
      capabilities: small.capabilities,
      reply: ((messages: { role: string; content: unknown }[], options: object) => {
        results.push(...messages.filter(({ role }) => role === "tool"));
        return small.reply(messages as never, options);
      }) as Model["reply"],
    };
    const outputs = [
      { type: "error-text", value: "no such city" },
      { type: "execution-denied", reason: "not today" },
      { type: "json", value: { celsius: 21 } },
      {
        type: "content",
        value: [
          { type: "text", text: "A map:" },
          { type: "image-data", data: "AA==", mediaType: "image/png" },
        ],
      },
    ];
    await ai.generateText({
      model: caduceus(model),
      maxOutputTokens: 2,
      messages: [
        { role: "user", content: "How warm is it?" },
        ...outputs.flatMap((output, index) => [
          {
            role: "assistant" as const,
            content: [{ type: "tool-call" as const, toolCallId: `c${index}`, toolName: "get_weather", input: {} }],
          },
          {
            role: "tool" as const,
            content: [
              {
                type: "tool-result" as const,
                toolCallId: `c${index}`,
                toolName: "get_weather",
                output: output as never,
              },
            ],
          },
        ]),
      ],
    });
    expect(results.map(({ content }) => content)).toEqual([
      '{"error":"no such city"}',
      '{"error":"not today"}',
      '{"celsius":21}',
      "A map:\n[Left out: image/png. This model reads text only.]",
    ]);
  });
});

test("a call that the limit cut off is not made, and its beginning is never ended", async () => {
  const options = {
    prompt: [{ role: "user" as const, content: [{ type: "text" as const, text: "How warm is it in Paris?" }] }],
    tools: [{ type: "function" as const, name: "get_weather", inputSchema: z.toJSONSchema(inputSchema) as object }],
    toolChoice: { type: "required" as const },
    maxOutputTokens: 20,
  };
  const { content, finishReason } = await caduceus(small).doGenerate(options);
  expect([content, finishReason.unified]).toEqual([[], "length"]);
  const parts = await gathered((await caduceus(small).doStream(options)).stream);
  const kinds = parts.map(({ type }) => type);
  expect(kinds).toEqual(expect.arrayContaining(["tool-input-start", "finish"]));
  expect(kinds).not.toEqual(expect.arrayContaining(["tool-input-end"]));
});

describe.each(versions)("a model that thinks, in ai %s", (version, ai) => {
  let model: Model;
  beforeAll(async () => {
    model = await thinkingModel();
  });
  afterAll(() => model.close());

  const thinking = { providerOptions: { caduceus: { reasoning: { maxTokens: 8 }, regex: "yes|no" } }, temperature: 0 };

  test("its thought is a part of its own, whole and in a stream", async () => {
    const options = { model: caduceus(model), prompt: "Is it warm in Paris?", ...thinking };
    const { reasoningText, text } = await ai.generateText(options);
    expect(reasoningText).not.toBe("");
    expect(["yes", "no"]).toContain(text);
    const stream = ai.streamText(options);
    const kinds = (await gathered(stream.fullStream)).map(({ type }) => type);
    expect([await stream.reasoningText, await stream.text]).toEqual([reasoningText, text]);
    const order = ["reasoning-start", "reasoning-delta", "reasoning-end", "text-start", "text-delta", "text-end"];
    expect(kinds.filter((kind, index) => order.includes(kind) && kind !== kinds[index - 1])).toEqual(order);
  });

  test("the next turn takes the thought back", async () => {
    const messages = [{ role: "user" as const, content: "Is it warm in Paris?" }];
    const { response } = await ai.generateText({ model: caduceus(model), messages, ...thinking });
    const { text } = await ai.generateText({
      model: caduceus(model),
      messages: [...messages, ...response.messages, { role: "user", content: "And in Rome?" }],
      maxOutputTokens: 5,
    });
    expect(typeof text).toBe("string");
  });

  test.runIf(version === "7")("takes no effort, and says so; none turns its thoughts off", async () => {
    const ask = (reasoning: string) =>
      ai.generateText({ model: caduceus(model), prompt: "Hi", maxOutputTokens: 4, reasoning } as never);
    expect((await ask("high")).warnings).toMatchObject([{ type: "unsupported", feature: "reasoning: high" }]);
    expect((await ask("none")).warnings).toEqual([]);
  });
});
