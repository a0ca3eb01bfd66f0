// Errors carry what code needs: where it is, what helps. Nobody has to read a message.
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { unenforcedOf } from "../../../../src/chat/tools/round_constraint.js";
import { contextFull } from "../../../../src/errors.js";
import { CaduceusError, tool, type Message, type Model, type ReplyOptions } from "../../../../src/index.js";
import { scriptedModel } from "../../../support/engines/scripted_model.js";

let model: Model;
beforeEach(async () => {
  ({ model } = await scriptedModel({ answer: () => "Hello.", constrained: true }));
});
afterEach(() => model.close());

async function errorOf(work: () => unknown): Promise<CaduceusError> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(CaduceusError);
    return error as CaduceusError;
  }
  throw new Error("nothing was thrown");
}

const bad = { type: "object", properties: 5 } as never;
const good = { type: "object", properties: {} } as const;
const named = (name: string, parameters: Readonly<Record<string, unknown>> = good) =>
  ({ type: "function", function: { name, parameters } }) as const;

describe("param is the path of the option as it was given", () => {
  test.each<[ReplyOptions, string]>([
    [{ maxTokens: -5 }, "maxTokens"],
    [{ temperature: "1" as never }, "temperature"],
    [{ stop: ["a", ""] }, "stop[1]"],
    [{ stopTokens: [1, -1] }, "stopTokens[1]"],
    [{ logitBias: [[-5, 1]] }, "logitBias[0][0]"],
    [{ signal: 5 as never }, "signal"],
    [{ temprature: 1 } as never, "temprature"],
    [5 as never, "options"],
    [{ regex: "(?=a)" }, "regex"],
    [{ grammar: "rule: x" }, "grammar"],
    [{ regex: "a", grammar: "start: x" }, "grammar"],
    [{ schema: bad }, "schema"],
    [{ schema: { type: "object", properties: { a: { type: "nothing" } } } as never }, "schema"],
    [{ tools: [named("a"), named("b", bad)] }, "tools[1].parameters"],
    [{ tools: [named("a"), named("a")] }, "tools[1].name"],
    [{ tools: [named("no spaces")] }, "tools[0].name"],
    [{ tools: [5 as never] }, "tools[0]"],
    [{ tools: 5 as never }, "tools"],
    [{ tools: [named("a")], toolChoice: { name: "b" } }, "toolChoice.name"],
  ])("%j: %s", async (options, param) => {
    const error = await errorOf(() => model.reply("Hi", options));
    expect(error.param).toBe(param);
  });

  test.each<[unknown, string]>([
    [[], "messages"],
    [5, "messages"],
    [[{ role: "robot" }], "messages[0].role"],
    [
      [
        { role: "user", content: "a" },
        { role: "user", content: "\ud800" },
      ],
      "messages[1].content",
    ],
    [[{ role: "user", content: [{ type: "text", text: 5 }] }], "messages[0].content[0].text"],
    [[{ role: "tool", content: "x" }], "messages[0]"],
    ["\ud800", "messages"],
    ["", "messages"],
  ])("of a conversation: %j: %s", async (messages, param) => {
    expect(await errorOf(() => model.reply(messages as Message[]))).toMatchObject({ code: "INVALID_MESSAGES", param });
  });

  test("of a raw prompt and of a tool", async () => {
    expect((await errorOf(() => model.complete("\ud800"))).param).toBe("prompt");
    expect((await errorOf(() => model.complete([{ tokens: [-1] }]))).param).toBe("prompt[0].tokens[0]");
    expect((await errorOf(() => tool({ name: "f", parameters: bad }))).param).toBe("parameters");
    expect((await errorOf(() => tool({ name: "f", timeoutMs: -1 }))).param).toBe("timeoutMs");
  });

  test("a tool made before is named by its place in the request, also by what is worked out only then", () => {
    const made = tool({ name: "schema", parameters: good });
    const problem = new CaduceusError("CONSTRAINT_TOO_COMPLEX", "Reading schema.parameters takes too much work.", {
      param: "schema.parameters",
    });
    const broken = {
      ...made,
      schema: {
        ...made.schema,
        *enforcedInSlices() {
          yield;
          throw problem;
        },
      },
    };
    const settings = {
      tools: new Map([
        ["a", made],
        ["schema", broken],
      ]),
      isConstrained: true,
      undeclaredProperties: "refuse",
    } as never;
    expect(() => unenforcedOf(settings, { calls: { kind: "hermes" } }, { capabilities: {} as never })).toThrow(
      expect.objectContaining({ code: "CONSTRAINT_TOO_COMPLEX", param: "tools[1].parameters" }) as Error,
    );
  });
});

describe.each(["schema", "prompt", "maxTokens", "messages"])("a tool called %s", (name) => {
  test("is named by its place, whatever its name", async () => {
    const error = await errorOf(() =>
      model.reply("Hi", { tools: [named("a"), named(name, bad)], schema: { type: "object" } }),
    );
    expect(error).toMatchObject({
      code: "INVALID_SCHEMA",
      param: "tools[1].parameters",
      message: `Invalid value for ${name}.parameters.properties: 5. Expected an object.`,
    });
  });
});

test("the remedy is a sentence, and the message ends with it", async () => {
  const typo = await errorOf(() => model.reply("Hi", { temprature: 1 } as never));
  expect(typo).toMatchObject({
    remedy: "Did you mean temperature?",
    message: 'Unknown option of reply: "temprature". Did you mean temperature?',
  });
  const full = contextFull(900, 256);
  expect(full).toMatchObject({
    code: "CONTEXT_FULL",
    problem: expect.stringMatching(/shorten it by 645\.$/),
    remedy: expect.stringContaining("contextSize"),
  });
  expect(full.message.endsWith(` ${full.remedy}`)).toBe(true);
});

test("a log shows what an error carries and nothing twice", async () => {
  const error = await errorOf(() => model.reply("Hi", { temprature: 1 } as never));
  expect(Object.keys(error).sort()).toEqual(["code", "name", "param", "remedy"]);
  expect(inspect(error)).toMatch(/code: 'INVALID_ARGUMENT'/);
  expect(inspect(error)).toMatch(/param: 'temprature'/);
  expect(inspect(error)).toMatch(/remedy: 'Did you mean temperature\?'/);
  const plain = new CaduceusError("MODEL_CLOSED", "The model is closed.");
  expect("param" in plain || "remedy" in plain).toBe(false);
});
