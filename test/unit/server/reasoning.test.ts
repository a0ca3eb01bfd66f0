// Reasoning over HTTP: in whole answers, in streams and in histories, and the fields that turn it on and off.
import { describe, expect, test } from "vitest";
import { createHandler } from "../../../src/server/index.js";
import { thinkTags } from "../../../src/format/thought.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers, type Script } from "../../support/engines/scripted_engine.js";

const chatTemplate =
  "{{ enable_thinking }}{% for m in messages %}<|im_start|>{{ m.reasoning_content }}|{{ m.content }}<|im_end|>{% endfor %}<think>";
const thinker: Script = { answer: () => "Hm.\n</think>\n\nYes.", constrained: true, chatTemplate };
const hermes: Script = { answer: () => "<think>Hm.</think>Yes.", markers: hermesMarkers };

async function ask(body: object, script = thinker) {
  const { model, engine } = await scriptedModel(script);
  const handler = createHandler({ models: { m: model } });
  const response = await handler.fetch(
    new Request("http://localhost/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hi" }], ...body }),
    }),
  );
  const text = await response.text();
  const [request] = engine.requests;
  const prompt = request?.prompt.map((part) => ("text" in part ? part.text : "control" in part ? part.control : ""));
  return { status: response.status, text, prompt: prompt?.join("") ?? "", request };
}

test("whole answers and streams tell it as reasoning_content, apart from the content", async () => {
  for (const script of [thinker, hermes]) {
    const { message } = JSON.parse((await ask({}, script)).text).choices[0];
    expect(message).toEqual({ role: "assistant", content: "Yes.", refusal: null, reasoning_content: "Hm." });
    const { text } = await ask({ stream: true, logprobs: true }, script);
    const chunks = text
      .split("\n\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)).choices[0]);
    const joined = (name: string) => chunks.map(({ delta }) => delta[name] ?? "").join("");
    expect([joined("reasoning_content"), joined("content")]).toEqual(["Hm.", "Yes."]);
    expect(chunks.some(({ delta }) => delta.reasoning_content && delta.content)).toBe(false);
    const tokens = chunks.flatMap(({ logprobs }) => logprobs?.content ?? []).map(({ token }) => token);
    expect(tokens.join("")).toBe(script.answer!(""));
  }
});

test("sent back with its message it is there for the template, as text", async () => {
  const messages = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Yes.", reasoning_content: "Hm." },
    { role: "user", content: "And?" },
  ];
  expect((await ask({ messages })).prompt).toContain("Hm.|Yes.");
  expect((await ask({ messages }, hermes)).prompt).not.toContain("Hm.");
});

describe("a field of a request", () => {
  test.each<[object, string, object | undefined]>([
    [{}, "", { open: true }],
    [{ chat_template_kwargs: { enable_thinking: true } }, "True", { open: true }],
    [{ chat_template_kwargs: { enable_thinking: false } }, "False", undefined],
    [{ chat_template_kwargs: { thinking: false } }, "False", undefined],
    [{ chat_template_kwargs: {} }, "", { open: true }],
    [{ enable_thinking: false }, "False", undefined],
    [{ reasoning_effort: "none" }, "False", undefined],
    [{ reasoning_effort: "high" }, "True", { open: true }],
    [{ thinking_budget_tokens: 7 }, "True", { open: true, maxTokens: 7 }],
    [{ reasoning_budget_tokens: 0 }, "False", undefined],
    [{ thinking_token_budget: -1 }, "", { open: true }],
    [{ reasoning_effort: "low", thinking_token_budget: 7 }, "True", { open: true, maxTokens: 7 }],
    [{ reasoning_effort: "none", thinking_token_budget: 7 }, "False", undefined],
  ])("%j turns thoughts on or off, or limits them", async (body, variable, thought) => {
    const { status, prompt, request } = await ask(body);
    expect(status).toBe(200);
    expect(prompt.split("<|im_start|>")[0]).toBe(variable);
    expect(request!.thought).toEqual(thought && { ...thinkTags, ...thought });
    expect(prompt.endsWith("</think>\n\n")).toBe(thought === undefined);
  });

  test("reasoning_effort reaches a template that knows it", async () => {
    const chatTemplate = "{{ reasoning_effort }}{% if false %}<think>{% endif %}<|im_start|>{{ messages[0].content }}";
    for (const effort of ["low", "high", "max"])
      expect((await ask({ reasoning_effort: effort }, { ...thinker, chatTemplate })).prompt).toBe(
        `${effort}<|im_start|>Hi`,
      );
  });

  test.each<[object, string, RegExp]>([
    [
      { chat_template_kwargs: { enable_thinking: true } },
      "chat_template_kwargs",
      /chat_template_kwargs: reasoning, which/,
    ],
    [{ reasoning_effort: "medium" }, "reasoning_effort", /reasoning_effort: reasoning, which/],
    [{ chat_template_kwargs: { enable_thinking: "no" } }, "chat_template_kwargs.enable_thinking", /true or false/],
    [{ chat_template_kwargs: { tools: [] } }, "chat_template_kwargs.tools", /enable_thinking only/],
    [{ chat_template_kwargs: 5 }, "chat_template_kwargs", /an object/],
    [{ reasoning_effort: "lots" }, "reasoning_effort", /"minimal"/],
    [{ thinking_token_budget: 1.5 }, "thinking_token_budget", /whole number/],
  ])("a model without thoughts refuses %j, naming %s", async (body, param, message) => {
    const { status, text } = await ask(body, hermes);
    expect(status).toBe(400);
    const { error } = JSON.parse(text);
    expect(error).toMatchObject({ param, message: expect.stringMatching(message) });
  });

  test("that turn reasoning off are no matter to a model without thoughts", async () => {
    for (const body of [{ reasoning_effort: "none" }, { chat_template_kwargs: { enable_thinking: false } }])
      expect((await ask(body, hermes)).status).toBe(200);
  });
});
