// Calls in whole answers and in streams: both say the same, of repetitions, of a named tool and of what the token limit
// cut off.
import { expect, test } from "vitest";
import { createHandler } from "../../../src/server/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

const call = (name: string, args: object) =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${JSON.stringify(args)}}\n</tool_call>`;
const tools = ["look", "roll"].map((name) => ({
  type: "function",
  function: { name, parameters: { type: "object" } },
}));

interface Said {
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  readonly finish: string;
}

async function ask(text: string, body: object): Promise<{ whole: Said; streamed: Said }> {
  const { model } = await scriptedModel({
    markers: hermesMarkers,
    answer: () => text,
    constrained: true,
  });
  const handler = createHandler({ models: { m: model } });
  const post = (more: object) =>
    handler.fetch(
      new Request("http://localhost/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hi" }], tools, ...body, ...more }),
      }),
    );
  const {
    choices: [choice],
  } = (await (await post({})).json()) as any;
  const whole = {
    content: choice.message.content ?? "",
    reasoning: choice.message.reasoning_content ?? "",
    calls: (choice.message.tool_calls ?? []).map((one: any) => ({ ...one.function })),
    finish: choice.finish_reason,
  };
  const streamed = { content: "", reasoning: "", calls: [] as { name: string; arguments: string }[], finish: "" };
  for (const line of (await (await post({ stream: true })).text()).split("\n\n")) {
    if (!line.startsWith("data: {")) continue;
    const { delta, finish_reason: finish } = JSON.parse(line.slice(6)).choices[0];
    streamed.content += delta.content ?? "";
    streamed.reasoning += delta.reasoning_content ?? "";
    for (const {
      index,
      function: { name, arguments: more },
    } of delta.tool_calls ?? []) {
      streamed.calls[index] ??= { name, arguments: "" };
      streamed.calls[index].arguments += more;
    }
    streamed.finish = finish ?? streamed.finish;
  }
  return { whole, streamed };
}

const two = `Sure.\n${call("look", { at: "a" })}\n${call("look", { at: "bcdefgh" })}`;
const cases: readonly (readonly [title: string, text: string, body: object, expected: Partial<Said>])[] = [
  [
    "a call that is repeated",
    `${call("look", { at: "a" })}\n`.repeat(9),
    {},
    { calls: [{ name: "look", arguments: '{"at":"a"}' }], finish: "tool_calls" },
  ],
  [
    "a call that is repeated with its keys in another order",
    call("look", { a: 1, b: 2 }) + call("look", { b: 2, a: 1 }),
    {},
    { calls: [{ name: "look", arguments: '{"a":1,"b":2}' }] },
  ],
  [
    "a named tool",
    call("look", { at: "a" }) + call("look", { at: "b" }),
    { tool_choice: { type: "function", function: { name: "look" } } },
    { calls: [{ name: "look", arguments: '{"at":"a"}' }], finish: "tool_calls" },
  ],
  [
    "a call that is cut off",
    two,
    { max_tokens: two.length - 20 },
    {
      content: "Sure.",
      calls: [
        { name: "look", arguments: '{"at":"a"}' },
        { name: "look", arguments: '{"at":"bcd' },
      ],
      finish: "length",
    },
  ],
  [
    "a call that is cut off before its arguments",
    two,
    { max_tokens: two.length - 42 },
    {
      calls: [
        { name: "look", arguments: '{"at":"a"}' },
        { name: "look", arguments: "" },
      ],
      finish: "length",
    },
  ],
  [
    "a call that is cut off in its name",
    two,
    { max_tokens: two.length - 60 },
    { calls: [{ name: "look", arguments: '{"at":"a"}' }], finish: "length" },
  ],
  [
    "a call that is drafted in reasoning",
    `<think>${call("look", { at: "a" })}</think>No.`,
    {},
    { content: "No.", reasoning: call("look", { at: "a" }), calls: [], finish: "stop" },
  ],
];
const city = '{"city": "Rome"}';
const bySchema = {
  tools: undefined,
  response_format: {
    type: "json_schema",
    json_schema: {
      name: "c",
      schema: { type: "object", properties: { city: { type: "string", not: { const: "Rome" } } } },
    },
  },
};
/** Where the library rejects, the server answers as OpenAI does. */
const answers: typeof cases = [
  [
    "an answer by schema that is cut off",
    city,
    { ...bySchema, max_tokens: 9 },
    { content: city.slice(0, 9), calls: [], finish: "length" },
  ],
  [
    "an answer that does not satisfy what could only be checked",
    city,
    bySchema,
    { content: city, calls: [], finish: "stop" },
  ],
  [
    "calls that cannot be read, beside a schema",
    "<tool_call>\n{nope\n</tool_call>",
    { ...bySchema, tools },
    { calls: [], finish: "stop" },
  ],
];

test.each([...cases, ...answers])("%s", async (_, text, body, expected) => {
  const { whole, streamed } = await ask(text, body);
  expect(whole).toEqual(streamed);
  expect(whole).toMatchObject(expected);
});

test("wherever the token limit falls, a whole answer holds the calls that the stream showed", async () => {
  for (let most = 1; most <= two.length; most += 3) {
    const { whole, streamed } = await ask(two, { max_tokens: most });
    expect([most, whole.calls, whole.finish]).toEqual([most, streamed.calls, streamed.finish]);
  }
});
