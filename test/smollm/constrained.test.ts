// Constraints on a model that means something by what it writes: each kind, each mode, and what is refused.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Constraint, Engine, ToolConstraint } from "../../src/engine/engine.js";
import { greedy, openEngine, userTurn, write } from "../support/constrained.js";
import { smollm2Model } from "../support/models.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine(await smollm2Model(), { contextSize: 1024 });
});
afterAll(() => engine.close());

const object = (properties: Record<string, unknown>) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const weather = {
  name: "get_weather",
  parameters: object({ city: { type: "string", maxLength: 20 }, unit: { enum: ["celsius", "fahrenheit"] } }),
};
const news = { name: "get_news", parameters: object({ topic: { type: "string", maxLength: 20 } }) };
const tools: ToolConstraint = {
  kind: "tools",
  tools: [weather, news],
  mode: "required",
  parallel: false,
  order: "name-first",
  bareFurtherCalls: false,
};
const ask = (constraint: Constraint, question = "How warm is it in Paris?", more = {}) =>
  write(engine, constraint, { prompt: userTurn(question), ...more });

test("the engine says that it enforces constraints", () => {
  expect(engine.capabilities.constrained).toBe(true);
});

describe("JSON", () => {
  test("by a schema has Python's spacing and ends with itself", async () => {
    const { text, end } = await ask({
      kind: "json",
      schema: object({
        name: { type: "string", maxLength: 20 },
        ages: { type: "array", items: { type: "integer", minimum: 0, maximum: 120 }, minItems: 2, maxItems: 2 },
      }),
    });
    const value = JSON.parse(text) as { name: string; ages: number[] };
    expect(text).toBe(`{"name": ${JSON.stringify(value.name)}, "ages": [${value.ages.join(", ")}]}`);
    expect(end).toMatchObject({ finishReason: "stop", constraint: { complete: true } });
    expect(end.constraint!.forcedTokens).toBeGreaterThan(0);
  });

  test("of any shape is JSON", async () => {
    const { text, end } = await ask({ kind: "json", schema: true }, "Give me JSON.", { maxTokens: 300 });
    if (end.constraint?.complete) expect(() => JSON.parse(text)).not.toThrow();
    expect(text).not.toMatch(/^\s/);
  });

  test("cut off by the limit is not complete", async () => {
    const { end } = await ask({ kind: "json", schema: object({ story: { type: "string" } }) }, "Tell me a story.", {
      maxTokens: 6,
    });
    expect(end).toMatchObject({ finishReason: "length", constraint: { complete: false } });
  });
});

describe("tools", () => {
  test("required: one call, in the order of keys that was asked for", async () => {
    const nameFirst = await ask(tools);
    expect(nameFirst.text).toMatch(
      /^<tool_call>\n\{"name": "get_(weather|news)", "arguments": \{.*\}\}\n<\/tool_call>$/,
    );
    expect(nameFirst.end.constraint).toMatchObject({ complete: true });
    const argumentsFirst = await ask({ ...tools, order: "arguments-first" });
    expect(argumentsFirst.text).toMatch(
      /^<tool_call>\n\{"arguments": \{.*\}, "name": "get_(weather|news)"\}\n<\/tool_call>$/,
    );
    const either = await ask({ ...tools, order: "either" });
    expect(either.text).toMatch(/^<tool_call>\n\{"(arguments|name)": .*\}\n<\/tool_call>$/);
  });

  test("required and parallel: nothing but calls, one below the other", async () => {
    const { text } = await ask({ ...tools, parallel: true }, "How warm is it in Paris and in Rome?", {
      maxTokens: 120,
    });
    expect(text).toMatch(/^<tool_call>\n\{"name".*\}\n<\/tool_call>(\n<tool_call>(\n\{"name".*|$)|\n|$)/);
  });

  test("auto: text stays free, and the same as without a constraint", async () => {
    const question = "What is the capital of France?";
    const free = await write(engine, undefined, { prompt: userTurn(question) });
    const auto = await ask({ ...tools, mode: "auto" }, question);
    expect(auto.text).toBe(free.text);
    expect(auto.end.constraint).toMatchObject({ complete: true, forcedTokens: 0, rejectedTokens: 0 });
  });

  test("with a schema of the answer: calls or the answer, never prose", async () => {
    const schema = object({ answer: { type: "string", maxLength: 20 } });
    for (const question of ["What is the capital of France?", "How warm is it in Paris?"]) {
      const { text, end } = await ask({ ...tools, mode: "auto", schema }, question);
      expect(text).toMatch(/^(<tool_call>\n\{"name": .*\}\n<\/tool_call>|\{"answer": ".*"\})$/);
      expect(end.constraint?.complete).toBe(true);
    }
  });

  test("a named tool's own schema binds its arguments", async () => {
    const { text } = await ask({ ...tools, tools: [news] });
    const call = JSON.parse(text.slice("<tool_call>\n".length, -"\n</tool_call>".length)) as {
      name: string;
      arguments: object;
    };
    expect(call.name).toBe("get_news");
    expect(Object.keys(call.arguments)).toEqual(["topic"]);
  });
});

test("a regular expression holds from the first character to the last", async () => {
  for (const pattern of ["\\d{3}-\\d{4}", "\\d{3}-\\d{4}|x/y"]) {
    expect((await ask({ kind: "regex", pattern })).text).toMatch(/^(\d{3}-\d{4}|x\/y)$/);
  }
});

test("a Lark grammar holds", async () => {
  const { text, end } = await ask(
    { kind: "lark", grammar: 'start: "The answer is " ("yes" | "no") "."' },
    "Is it warm?",
  );
  expect(text).toMatch(/^The answer is (yes|no)\.$/);
  expect(end.constraint?.complete).toBe(true);
});

test.each<[string, Constraint]>([
  ["a schema that nothing satisfies", { kind: "json", schema: { type: "integer", minimum: 2, maximum: 1 } }],
  ["the schema false", { kind: "json", schema: false }],
  ["an unknown type", { kind: "json", schema: { type: "text" } }],
  ["a keyword that is not enforced", { kind: "json", schema: { not: { type: "string" } } }],
  ["a broken pattern", { kind: "regex", pattern: "(" }],
  ["a broken grammar", { kind: "lark", grammar: "start: (" }],
  ["no tools", { ...tools, tools: [] }],
  ["a tool that nothing satisfies", { ...tools, tools: [{ name: "f", parameters: false }] }],
])("%s fails the run with CONSTRAINT_INVALID and one sentence", async (_, constraint) => {
  await expect(ask(constraint)).rejects.toMatchObject({
    name: "CaduceusError",
    code: "CONSTRAINT_INVALID",
    message: expect.stringMatching(/^The constraint [^\n]*\.$|^Expected [^\n]*\.$/),
  });
});

const deep = (levels: number): Record<string, unknown> =>
  levels === 0 ? { type: "string", maxLength: 3 } : object({ a: deep(levels - 1) });

test.each<[string, Constraint]>([
  [
    "10,000 enum strings",
    { kind: "json", schema: { enum: Array.from({ length: 10_000 }, (_, i) => `value number ${(i * 7919) % 10_000}`) } },
  ],
  [
    "1,000 optional properties",
    {
      kind: "json",
      schema: {
        type: "object",
        properties: Object.fromEntries(
          Array.from({ length: 1000 }, (_, i) => [`p${i}`, { type: "string", maxLength: 4 }]),
        ),
        additionalProperties: false,
      },
    },
  ],
  ["a string of at most 100,000 characters", { kind: "json", schema: { type: "string", maxLength: 100_000 } }],
  [
    "an array of at least 100,000 strings",
    { kind: "json", schema: { type: "array", items: { type: "string" }, minItems: 100_000 } },
  ],
  [
    "recursion through definitions",
    {
      kind: "json",
      schema: {
        $ref: "#/$defs/tree",
        $defs: { tree: object({ left: { anyOf: [{ $ref: "#/$defs/tree" }, { type: "null" }] } }) },
      },
    },
  ],
  [
    "a definition that is only itself",
    { kind: "json", schema: { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/a" } } } },
  ],
  ["a hundred levels", { kind: "json", schema: deep(100) }],
  ["a pattern of a million states", { kind: "regex", pattern: "(?:a{1000}){1000}" }],
  ["a pattern that doubles with each step", { kind: "regex", pattern: "(?:[ab]*a[ab]{30}c|[ab]*b[ab]{29}d)" }],
  ["forced text without end", { kind: "lark", grammar: 'start: "a" start' }],
  [
    "a grammar of 10,000 rules",
    {
      kind: "lark",
      grammar: `start: r0\n${Array.from({ length: 10_000 }, (_, i) => `r${i}: "x" r${i + 1}?`).join("\n")}\nr10000: "y"\n`,
    },
  ],
  ["ten thousand brackets", { kind: "lark", grammar: `start: ${"(".repeat(10_000)}"a"${")".repeat(10_000)}` }],
])("%s is enforced or refused within bounds, and a neighbor goes on meanwhile", async (_, constraint) => {
  const neighbor = write(engine, undefined, {
    prompt: userTurn("Tell me a story."),
    maxTokens: 20,
    sampling: {
      ...greedy,
      logitBias: [
        [0, -Infinity],
        [2, -Infinity],
      ],
    },
  });
  const outcome = await ask(constraint, "Go on.", { maxTokens: 40 }).then(
    ({ end }) => end.finishReason as string,
    (error: { code: string }) => error.code,
  );
  expect(["stop", "length", "CONSTRAINT_INVALID", "CONSTRAINT_TOO_COMPLEX"]).toContain(outcome);
  expect((await neighbor).tokens).toHaveLength(20);
});
