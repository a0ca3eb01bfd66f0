// What a server reads of a request before it makes it: the same as the reply would, but in time slices.
import { describe, expect, test, vi } from "vitest";
import type { CaduceusError, ReplyOptions } from "../../../src/index.js";
import { properties, schemas, tools } from "../../hostile/schema_inputs.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

const turn = () => Promise.resolve();

describe("tools and schemas that were read ahead", () => {
  const schema = { type: "object", properties: { a: { type: "integer", multipleOf: 3 } }, required: ["a"] };

  test.each<[string, ReplyOptions]>([
    ["nothing", {}],
    ["a schema", { schema }],
    ["tools", { tools: tools(3) }],
    ["tools and a schema", { tools: tools(3), schema, toolChoice: { name: "tool_1" } }],
    ["open objects", { schema, undeclaredProperties: "allow" }],
    ["tools that are not called", { tools: tools(3), toolChoice: "none" }],
  ])("%s: the prompt, the constraint and what is not enforced are the same", async (_, options) => {
    const { model } = await scriptedModel({ answer: () => "", constrained: true });
    const explained = await model.explain("Hi", options);
    expect(await model.explain("Hi", await model.readAhead(options, turn))).toEqual(explained);
    await model.close();
  });

  test.each<[string, unknown]>([
    ["a tool of a wrong name", { tools: [{ type: "function", function: { name: "no name" } }] }],
    ["two tools of one name", { tools: [...tools(1), ...tools(1)] }],
    ["a schema of a wrong form", { schema: { type: "object", properties: 1 } }],
    [
      "parameters that are no object",
      { tools: [{ type: "function", function: { name: "a", parameters: { type: "string" } } }] },
    ],
    ["too many tools", { tools: tools(2_000) }],
    [
      "a tool of too many references",
      {
        tools: [
          ...tools(2),
          {
            type: "function",
            function: {
              name: "a",
              parameters: { ...schemas["80 schemas that refer to each other"]![0], type: "object" },
            },
          },
        ],
      },
    ],
    ["no schema at all", { schema: 1 }],
  ])("%s is refused in the same words", async (_, options) => {
    const { model } = await scriptedModel({ answer: () => "", constrained: true });
    const refusal = (error: CaduceusError) => ({ code: error.code, message: error.message, param: error.param });
    const expected = await Promise.resolve(model.reply("Hi", options as ReplyOptions)).then(String, refusal);
    expect(await model.readAhead(options as ReplyOptions, turn).then(String, refusal)).toEqual(expected);
    expect(expected).toHaveProperty("code");
    await model.close();
  });

  test("are not read again: what is changed in them afterwards changes nothing", async () => {
    const { model } = await scriptedModel({ answer: () => "", constrained: true });
    const own = structuredClone(schema);
    const given = await model.readAhead({ schema: own }, turn);
    own.properties.a.multipleOf = 5;
    expect(await model.explain("Hi", given)).toEqual(await model.explain("Hi", { schema }));
    await model.close();
  });
});

test("others have their turn between reading, checking and working out a large schema, and an end of the wait ends the reading", async () => {
  const { model } = await scriptedModel({ answer: () => "", constrained: true });
  const turns = vi.fn(turn);
  await model.readAhead({ schema: properties(5_000), tools: tools(200) }, turns);
  expect(turns.mock.calls.length).toBeGreaterThan(1);
  const gone = new Error("The client went away.");
  await expect(model.readAhead({ schema: properties(5_000) }, () => Promise.reject(gone))).rejects.toBe(gone);
  await model.close();
});
