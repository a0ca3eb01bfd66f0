// Calls, JSON and other texts of a given form. Random weights: what nothing enforces comes out wrong.
import { expect } from "vitest";
import { tool, type JsonSchema, type Model, type ReplyOptions } from "../../src/index.js";
import { claimed, codeOf, refused, type Behaviors, type Outcome } from "./outcome.js";
import type { Subject } from "./subject.js";

const parameters = {
  type: "object",
  properties: { city: { enum: ["Rome", "Oslo"] }, days: { type: "integer", minimum: 1, maximum: 9 } },
  required: ["city", "days"],
  additionalProperties: false,
} as const satisfies JsonSchema;
const fits = (value: unknown) => {
  const { city, days, ...others } = value as { city?: unknown; days?: unknown };
  return (
    (city === "Rome" || city === "Oslo") &&
    Number.isInteger(days) &&
    (days as number) >= 1 &&
    (days as number) <= 9 &&
    Object.keys(others).length === 0
  );
};
const tools = [
  tool({ name: "weather", description: "Tells the weather.", parameters }),
  tool({ name: "news", description: "Tells the news.", parameters }),
];
const seeds = [1, 2, 3];

/** Calls that are told are always right; where they are enforced, one is told. */
async function called(
  { model }: Subject,
  outcome: Outcome,
  more: ReplyOptions,
  names: readonly string[] = ["weather", "news"],
): Promise<Outcome> {
  for (const seed of seeds) {
    const { toolCalls, finishReason } = await model.reply("What is new in Rome?", {
      tools,
      maxTokens: 300,
      temperature: 1,
      seed,
      parallelToolCalls: false,
      ...more,
    });
    const right = toolCalls.filter(({ problem }) => problem === undefined);
    for (const { name, arguments: given } of right) {
      expect(names).toContain(name);
      expect(fits(given), JSON.stringify(given)).toBe(true);
    }
    if (outcome === "enforced") expect([right.length, toolCalls.length, finishReason]).toEqual([1, 1, "tool-calls"]);
  }
  return outcome;
}

/** The model writes what opens a call and the brace behind it in any order, until both stand as in a call. */
async function openings({ model, callToken }: Subject): Promise<ReplyOptions> {
  const brace = (await model.tokenize("a{")).at(-1)!;
  return {
    temperature: 2,
    logitBias: [
      [callToken, 60],
      [brace, 60],
    ],
  };
}

async function written(model: Model, option: "regex" | "grammar", form: string): Promise<Outcome> {
  const outcome = claimed(model, "grammar");
  if (outcome === "no") return refused(model.complete("Go:", { [option]: form, maxTokens: 30 }));
  for (const seed of seeds)
    expect((await model.complete("Go:", { [option]: form, maxTokens: 30, temperature: 1, seed })).text).toMatch(
      /^(yes|no){2,3}!$/,
    );
  return outcome;
}

export const constrainedBehaviors: Behaviors = {
  "a call when the model begins one": async (subject) =>
    called(subject, claimed(subject.model, "tool-arguments"), await openings(subject)),
  "a call where one is required": async (subject) => {
    const outcome = claimed(subject.model, "tool-choice");
    const options = { tools, toolChoice: "required" } as const;
    return outcome === "no" ? refused(subject.model.reply("Hi", options)) : called(subject, outcome, options);
  },
  "a call of the tool that is named": async (subject) => {
    const outcome = claimed(subject.model, "tool-choice");
    const options = { tools, toolChoice: { name: "news" } } as const;
    return outcome === "no" ? refused(subject.model.reply("Hi", options)) : called(subject, outcome, options, ["news"]);
  },
  "a call that a limit cuts off is none": async (subject) => {
    const isForced = claimed(subject.model, "tool-choice") === "enforced";
    const cut = isForced ? ({ toolChoice: "required", temperature: 0 } as const) : await openings(subject);
    const { toolCalls, finishReason, text } = await subject.model.reply("Hi", { tools, maxTokens: 14, ...cut });
    expect([toolCalls, finishReason]).toEqual([[], "length"]);
    if (isForced) expect(text).toBe("");
    return "yes";
  },
  "an answer by a schema": async ({ model }) => {
    const outcome = claimed(model, "schema");
    for (const seed of seeds) {
      const reply = model.reply("Hi", { schema: parameters, maxTokens: 200, temperature: 1, seed });
      if (outcome === "enforced") expect(fits(await reply.then(({ value }) => value))).toBe(true);
      else expect(await codeOf(reply)).toMatch(/^(SCHEMA_MISMATCH|INCOMPLETE)$/);
    }
    return outcome;
  },
  "a text by a regular expression": ({ model }) => written(model, "regex", "(yes|no){2,3}!"),
  "a text by a grammar in GBNF": ({ model }) => written(model, "grammar", 'root ::= w w w? "!"\nw ::= "yes" | "no"'),
  "a text by a grammar in Lark": async ({ model }) => {
    const grammar = 'start: w w w? "!"\nw: "yes" | "no"';
    const code = await codeOf(model.complete("Go:", { grammar, maxTokens: 30 }));
    if (code === undefined) return written(model, "grammar", grammar);
    expect(code).toMatch(/^(CONSTRAINT_INVALID|UNSUPPORTED|INVALID_ARGUMENT)$/);
    return "no";
  },
};
