// `caduceus/ai-sdk` with a small real model: text, streams, JSON, what is counted, and how calls end.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { caduceus, type CaduceusProviderOptions } from "../../../src/adapters/ai_sdk/index.js";
import { load, type Model } from "../../../src/index.js";
import { gathered } from "../../server/clients/answering.js";
import { versions } from "./versions.js";

const Person = z.object({ name: z.string().max(12), age: z.int().min(0).max(120) });
const own = (options: CaduceusProviderOptions) => ({ providerOptions: { caduceus: options as never } });
const failure = (promise: PromiseLike<unknown>) =>
  Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );

let model: Model;
beforeAll(async () => {
  model = await load("smollm2", { contextSize: 2048, cacheTokens: 16_384, prefixFolder: false });
});
afterAll(() => model.close());

describe.each(versions)("ai %s", (version, ai) => {
  const settings = () => ({ model: caduceus(model), maxRetries: 0, temperature: 0 });

  test("generates what the library itself generates, and says how it ended and what was cached", async () => {
    const prompt = `Why is the sky blue? (${version})`;
    const plain = await model.reply(prompt, { temperature: 0, maxTokens: 12, cacheScope: "plain" });
    const first = await ai.generateText({
      ...settings(),
      prompt,
      maxOutputTokens: 12,
      ...own({ cacheScope: version }),
    });
    expect(first.text).toBe(plain.text);
    expect(first.finishReason).toBe("length");
    expect(first.usage).toMatchObject({ inputTokens: plain.usage.promptTokens, outputTokens: 12 });
    expect(first.usage.inputTokenDetails).toMatchObject({
      cacheReadTokens: 0,
      noCacheTokens: plain.usage.promptTokens,
    });
    expect(first.response.modelId).toBe(model.info.name);
    expect(first.warnings ?? []).toEqual([]);
    const again = await ai.generateText({
      ...settings(),
      prompt,
      maxOutputTokens: 12,
      ...own({ cacheScope: version }),
    });
    expect(again.usage.inputTokenDetails.cacheReadTokens).toBeGreaterThan(10);
    expect(again.providerMetadata?.["caduceus"]).toMatchObject({ timings: { generationMs: expect.any(Number) } });
  });

  test("streams the same text in pieces, and ends at a stop string", async () => {
    const prompt = "Count from one to ten.";
    const options = { ...settings(), prompt, maxOutputTokens: 20, ...own({ deterministic: true }) };
    const { text, usage } = await ai.generateText(options);
    const result = ai.streamText(options);
    const pieces = await gathered(result.textStream);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe(text);
    expect((await result.usage).outputTokens).toBe(usage.outputTokens);
    const word = text.split(" ")[3]!;
    const stopped = ai.streamText({ ...options, stopSequences: [word] });
    expect(await stopped.text).toBe(text.slice(0, text.indexOf(word)));
    expect(await stopped.finishReason).toBe("stop");
  });

  test("gives an object, an array and a choice, and shows an object while it grows", async () => {
    const prompt = "Anna is 31.";
    const { object } = await ai.generateObject({ ...settings(), schema: Person, prompt });
    expect(Person.parse(object)).toEqual(object);
    const list = await ai.generateObject({
      ...settings(),
      output: "array",
      schema: z.object({ city: z.enum(["Paris", "Rome"]) }),
      prompt: "Paris and Rome.",
      maxOutputTokens: 60,
    });
    expect(list.object.every(({ city }) => city === "Paris" || city === "Rome")).toBe(true);
    const choice = await ai.generateObject({ ...settings(), output: "enum", enum: ["warm", "cold"], prompt: "Ice is" });
    expect(["warm", "cold"]).toContain(choice.object);
    const stream = ai.streamObject({ ...settings(), schema: Person, prompt });
    const partial = await gathered(stream.partialObjectStream);
    expect(partial.length).toBeGreaterThan(1);
    expect(partial.at(-1)).toEqual(await stream.object);
    expect(Person.parse(await stream.object)).toEqual(object);
    const { output } = await ai.generateText({ ...settings(), prompt, output: ai.Output.object({ schema: Person }) });
    expect(output).toEqual(object);
    const anything = await ai
      .generateObject({ ...settings(), output: "no-schema", prompt, maxOutputTokens: 80 })
      .catch((error: { text: string }) => error);
    expect("object" in anything ? typeof anything.object : anything.text.trimStart()[0]).toMatch(/^(object|\{)$/);
  });

  test("an answer that the limit cut off is the SDK's own error, with the text and the reason", async () => {
    const error = await failure(
      ai.generateObject({ ...settings(), schema: Person, prompt: "Anna.", maxOutputTokens: 3 }),
    );
    expect(ai.NoObjectGeneratedError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ text: expect.stringMatching(/^\{/), finishReason: "length" });
  });

  test("aborting ends the model's work, and leaving a stream does", async () => {
    const idle = () => expect.poll(() => model.stats()).toMatchObject({ running: 0, queued: 0 });
    const endless = { prompt: "Write a long story.", ...own({ ignoreEos: true }) };
    const aborting = new AbortController();
    const stream = ai.streamText({ ...settings(), ...endless, abortSignal: aborting.signal });
    const kinds: string[] = [];
    for await (const part of stream.fullStream) {
      kinds.push(part.type);
      if (part.type === "text-delta") aborting.abort();
    }
    expect(kinds.at(-1)).toBe("abort");
    await idle();
    const signal = AbortSignal.timeout(100);
    const error = await failure(ai.generateText({ ...settings(), ...endless, abortSignal: signal }));
    expect(error).toBe(signal.reason);
    await idle();
    const { stream: parts } = await caduceus(model).doStream({
      ...endless,
      prompt: [{ role: "user", content: [{ type: "text", text: endless.prompt }] }],
    });
    const reader = parts.getReader();
    while ((await reader.read()).value?.type !== "text-delta");
    await expect.poll(() => model.stats().running).toBe(1);
    await reader.cancel();
    await idle();
  });

  test("warns of settings without effect, and passes on errors of the library", async () => {
    const search = { type: "provider" as const, id: "openai.web_search" as const, name: "web_search", args: {} };
    const { warnings } = await ai.generateText({
      ...settings(),
      prompt: "Hi",
      maxOutputTokens: 2,
      tools: { web_search: search as never },
    });
    expect(warnings).toMatchObject([{ type: "unsupported", feature: "tool web_search" }]);
    const json = await ai.generateObject({
      ...settings(),
      schema: Person,
      prompt: "Anna",
      stopSequences: ["x"],
    } as never);
    expect(json.warnings).toMatchObject([{ type: "unsupported", feature: "stopSequences" }]);
    const ask = (more: object) =>
      failure(ai.generateText({ ...settings(), prompt: "Hi", maxOutputTokens: 2, ...more }));
    expect(await ask(own({ minP: 7 }))).toMatchObject({ code: "INVALID_ARGUMENT", param: "minP" });
    expect(await ask(own({ tools: [] } as never))).toMatchObject({ param: "providerOptions.caduceus" });
    expect(await ask({ prompt: "word ".repeat(3000) })).toMatchObject({ code: "CONTEXT_FULL" });
    const image = { type: "image" as const, image: new Uint8Array([1]), mediaType: "image/png" };
    expect(await ask({ prompt: undefined, messages: [{ role: "user", content: [image] }] })).toMatchObject({
      code: "INVALID_MESSAGES",
      message: expect.stringMatching(/prompt\[0\]\.content\[0\].*image\/png/),
    });
    const errors: unknown[] = [];
    await ai
      .streamText({ ...settings(), prompt: "Hi", ...own({ minP: 7 }), onError: ({ error }) => void errors.push(error) })
      .consumeStream();
    expect(errors).toMatchObject([{ code: "INVALID_ARGUMENT" }]);
  });
});

test("the options of a provider reach the sampler", async () => {
  const [, ai] = versions[1]!;
  const ask = (options: CaduceusProviderOptions) =>
    ai.generateText({ model: caduceus(model), prompt: "Name a color.", maxOutputTokens: 8, ...own(options) });
  const { text } = await ask({ regex: "(red|green|blue)" });
  expect(["red", "green", "blue"]).toContain(text);
  // One candidate is no choice, at any temperature.
  const greedy = await model.reply("Name a color.", { temperature: 0, maxTokens: 8 });
  expect((await ask({ topK: 1, temperature: 2, priority: 3 })).text).toBe(greedy.text);
});

test("the model has the version of the specification that is asked for, and a name of its own", () => {
  expect(caduceus(model)).toMatchObject({ specificationVersion: "v3", provider: "caduceus", modelId: model.info.name });
  expect(caduceus(model, { specification: "v4", modelId: "small" })).toMatchObject({
    specificationVersion: "v4",
    modelId: "small",
  });
});
