// Calls and JSON of a real model that is too small to write them unaided: the grammar guarantees them.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { load, tool, type AnswerError, type CaduceusError, type Model, type ReplyEvent } from "../../src/index.js";

let model: Model;
beforeAll(async () => {
  model = await load("smollm2", { format: "hermes", prefixFolder: false });
});
afterAll(() => model.close());

const add = tool({
  name: "add",
  description: "Adds two numbers",
  parameters: {
    type: "object",
    properties: { a: { type: "number", minimum: 0, maximum: 1000 }, b: { type: "number", minimum: 0, maximum: 1000 } },
    required: ["a", "b"],
    additionalProperties: false,
  },
  execute: ({ a, b }) => a + b,
});
const person = z.strictObject({
  name: z.string().max(20),
  age: z.int().min(0).max(150),
  kind: z.enum(["human", "robot"]),
});

test("a required call is made, runs, and the reply ends; its events stream name first", async () => {
  const events: ReplyEvent[] = [];
  for await (const event of model.reply("What is 17 plus 25?", {
    tools: [add],
    toolChoice: "required",
    parallelToolCalls: false,
    maxTokens: 120,
    seed: 1,
  }))
    events.push(event);
  const kinds = events.map(({ type }) => type);
  expect(kinds[0]).toBe("tool-call-start");
  expect(kinds.filter((type) => type === "tool-call")).toHaveLength(1);
  expect(events.find(({ type }) => type === "tool-call")).toMatchObject({ name: "add", repaired: false });
  expect(events.find(({ type }) => type === "tool-result")).toMatchObject({ result: expect.any(Number) as unknown });
  const finish = events.at(-1);
  if (finish?.type !== "finish") throw new Error("no finish");
  expect(finish.rounds.length).toBeGreaterThan(1);
  expect(finish.rounds[1]!.usage.cachedTokens).toBeGreaterThan(finish.rounds[0]!.usage.promptTokens);
});

test("in the words of the file's own template, too, a round goes on from the tokens of the one before", async () => {
  await using own = await load("smollm2", { prefixFolder: false });
  const { rounds } = await own.reply("What is 17 plus 25?", {
    tools: [add],
    toolChoice: "required",
    parallelToolCalls: false,
    maxTokens: 120,
    seed: 1,
  });
  const [first, second] = rounds;
  // All but the end of the call, which was certain and never computed.
  expect(second!.usage.cachedTokens).toBeGreaterThan(first!.usage.promptTokens + 0.6 * first!.usage.generatedTokens);
});

test.each(["name-first", "arguments-first", "either"] as const)(
  "with callOrder %s every call parses and validates",
  async (callOrder) => {
    for (let seed = 0; seed < 4; seed++) {
      const tools = [tool({ ...add, execute: undefined })];
      const { toolCalls, finishReason, incomplete } = await model.reply("Add 2 and 3, and 4 and 5.", {
        tools,
        toolChoice: "required",
        callOrder,
        seed,
        temperature: 1.5,
        maxTokens: 200,
      });
      if (incomplete) expect(finishReason).toBe("length");
      else expect(toolCalls.length).toBeGreaterThan(0);
      for (const call of toolCalls) expect([call.name, call.problem]).toEqual(["add", undefined]);
      // Further calls of a model that is not Hermes may leave their tag out, which is supplied; and the limit may fall
      // before a closing one.
      if (!incomplete) expect(toolCalls[0]?.repaired).toBe(false);
    }
  },
);

test.each([5, 0.5, 2.5])("a number between bounds that steps by %d is written", async (step) => {
  const { value } = await model.reply("How many per cent?", {
    schema: z.number().min(0).max(100).multipleOf(step),
    seed: 1,
    maxTokens: 20,
  });
  expect(value! % step).toBe(0);
  expect(value).toBeGreaterThanOrEqual(0);
  expect(value).toBeLessThanOrEqual(100);
});

test("a required call that the limit cuts off at any token is incomplete, and nothing of it is text", async () => {
  const tools = [tool({ ...add, execute: undefined })];
  for (let maxTokens = 1; maxTokens <= 24; maxTokens++) {
    const { text, toolCalls, incomplete } = await model.reply("Add 2 and 3.", {
      tools,
      toolChoice: "required",
      seed: 1,
      maxTokens,
    });
    expect(text).toBe("");
    if (toolCalls.length === 0) expect(incomplete).toBe(true);
  }
});

test("a named tool is the one that is called", async () => {
  const say = tool({ name: "say", parameters: z.strictObject({ text: z.string().max(10) }) });
  const { toolCalls } = await model.reply("What is 1 plus 1?", {
    tools: [tool({ ...add, execute: undefined }), say],
    toolChoice: { name: "say" },
    parallelToolCalls: false,
    maxTokens: 100,
  });
  expect(toolCalls.map(({ name }) => name)).toEqual(["say"]);
});

describe("JSON by schema", () => {
  test("fits at any temperature, and streams values that grow into it", async () => {
    for (let seed = 0; seed < 4; seed++) {
      const reply = model.reply("Anna is 31.", { schema: person, seed, temperature: 1.5, maxTokens: 120 });
      expect(reply.unenforced).toEqual([]);
      let last: unknown;
      for await (const value of reply.valueStream) last = value;
      expect(person.parse(last)).toEqual((await reply).value);
      expect((await reply).text).not.toMatch(/^\s|\n/);
    }
  });

  test("cut off by the token limit is incomplete, never a success", async () => {
    await expect(model.reply("Anna is 31.", { schema: person, maxTokens: 5 })).rejects.toMatchObject({
      code: "INCOMPLETE",
      result: { finishReason: "length", incomplete: true, value: undefined },
    });
  });

  test("with tools, a turn is calls or the object, and never free text", async () => {
    for (let seed = 0; seed < 3; seed++) {
      const reply = model.reply("Add 1 and 2 for Anna, who is 31.", {
        tools: [tool({ ...add, execute: undefined })],
        schema: person,
        seed,
        temperature: 1,
        maxTokens: 200,
      });
      const { text, value, toolCalls, incomplete } = await reply.then(
        (result) => result,
        (error: AnswerError) => error.result,
      );
      if (toolCalls.length > 0) expect(text).toBe("");
      else if (!incomplete) expect(person.parse(value)).toEqual(JSON.parse(text));
    }
  });
});

describe("complete", () => {
  test("a regular expression is matched whole", async () => {
    const { text } = await model.complete("The date of the moon landing: ", {
      regex: "\\d{4}-(0[1-9]|1[0-2])-[0-3]\\d",
      seed: 1,
    });
    expect(text).toMatch(/^\d{4}-(0[1-9]|1[0-2])-[0-3]\d$/);
  });

  test("a reply with a grammar satisfies it", async () => {
    const { text } = await model.complete("Is the sky blue? ", { grammar: 'start: "yes" | "no"' });
    expect(["yes", "no"]).toContain(text);
  });

  // Words of our own sentences in its names, and a reason of several lines.
  test.each([
    ["start: limit_x", 'unknown name: "limit_x"'],
    ["start: panic_x", 'unknown name: "panic_x"'],
    ["start: /(/", "error: unclosed group"],
  ])("the grammar %s is CONSTRAINT_INVALID with the whole reason", async (grammar, reason) => {
    const refused = await model.complete("x", { grammar, maxTokens: 5 }).then(
      () => undefined,
      (error: CaduceusError) => error,
    );
    expect(refused).toMatchObject({ name: "CaduceusError", code: "CONSTRAINT_INVALID", param: "grammar" });
    expect(refused!.message).toContain(reason);
    expect(refused!.message).not.toMatch(/its compiler failed|\n/);
  });
});
