// continueFinalMessage: the last message of the assistant is gone on with, and what is told is only what is new.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/index.js";
import { tool } from "../../../src/index.js";
import { partsToText } from "../../../src/format/hermes/prompt/prompt.js";
import { LoadedModel } from "../../../src/model/loading/loaded_model.js";
import { createHandler } from "../../../src/server/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers, ScriptedEngine, type Script } from "../../support/engines/scripted_engine.js";

const chatMl =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const messages: Message[] = [
  { role: "user", content: "Count to three." },
  { role: "assistant", content: "One, " },
];
const text = (parts: readonly object[] = []) => parts.map((part) => Object.values(part)[0] as string).join("");
const prompt = "<|im_start|>user\nCount to three.<|im_end|>\n<|im_start|>assistant\nOne, ";

describe.each<[string, Script]>([
  ["Hermes' format", { markers: hermesMarkers }],
  ["a template", { chatTemplate: chatMl }],
])("in %s", (_, script) => {
  const saying = (...lines: string[]) => scriptedModel({ ...script, answer: () => lines.shift() ?? "" });

  test("the prompt ends inside the message, and the reply is what is new", async () => {
    const { model, engine } = await saying("two, three.", "again");
    const reply = model.reply(messages, { continueFinalMessage: true });
    expect(await reply).toMatchObject({
      text: "two, three.",
      message: { role: "assistant", content: "two, three." },
      messages: [{ role: "assistant", content: "two, three." }],
    });
    expect(text(engine.requests[0]?.prompt)).toBe(prompt);
    expect((await model.explain(messages, { continueFinalMessage: true })).prompts[0]?.text).toBe(prompt);
    await model.reply(messages);
    expect(text(engine.requests[1]?.prompt)).toBe(`${prompt}<|im_end|>\n<|im_start|>assistant\n`);
  });

  test("a chat then has one message, and its next turn computes only its own tokens", async () => {
    const { model, engine } = await saying("Hm.", "two, three.", "Four.");
    const chat = model.chat();
    await chat.send("Hi");
    await chat.send([...messages], { continueFinalMessage: true });
    await chat.send("And?");
    expect(chat.messages.map(({ content }) => content)).toEqual([
      "Hi",
      "Hm.",
      "Count to three.",
      "One, two, three.",
      "And?",
      "Four.",
    ]);
    const [, second, third] = engine.requests;
    expect(second?.after).toBeDefined();
    expect(text(second?.prompt)).toBe(`<|im_end|>\n${prompt}`);
    expect(third?.after).toBeDefined();
    expect(text(third?.prompt)).toBe("<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n");
  });

  test("calls made in it follow the whole text in later rounds", async () => {
    const { model, engine } = await saying(
      'let me look.\n<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>',
      "Done.",
    );
    const look = tool({ name: "look", execute: () => "there" });
    const result = await model.reply(messages, { continueFinalMessage: true, tools: [look] });
    expect(result.messages[0]).toMatchObject({ content: "let me look.", tool_calls: [{ function: { name: "look" } }] });
    const told = text(engine.requests[1]?.prompt);
    if (engine.requests[1]?.after === undefined) expect(told).toContain("One, let me look.\n<tool_call>");
    expect(told).toContain("there");
    expect(told).toMatch(/<\|im_start\|>assistant\n$/);
  });

  test("a thought is none of it", async () => {
    const { model } = await saying("<think>Hm.</think>");
    expect(await model.reply(messages, { continueFinalMessage: true })).toMatchObject({ text: "<think>Hm.</think>" });
  });
});

test.each<[Message | undefined, string]>([
  [{ role: "user", content: "Hi" }, 'one of the role "user"'],
  [{ role: "assistant", content: " " }, "one without text"],
  [
    {
      role: "assistant",
      content: "Hm",
      tool_calls: [{ id: "a", type: "function", function: { name: "look", arguments: "{}" } }],
    },
    "one with calls",
  ],
])("%o cannot be continued: %s", async (last, received) => {
  const { model } = await scriptedModel();
  await expect(
    model.reply([{ role: "user", content: "Hi" }, last] as Message[], { continueFinalMessage: true }),
  ).rejects.toMatchObject({
    code: "INVALID_MESSAGES",
    param: "messages[1]",
    message: expect.stringContaining(received),
  });
});

test("a template that drops the message is refused, not gone on with", async () => {
  const { model } = await scriptedModel({ chatTemplate: "{{ messages[0].content }}" });
  await expect(model.reply(messages, { continueFinalMessage: true })).rejects.toMatchObject({
    code: "TEMPLATE_FAILED",
  });
});

describe("over HTTP", () => {
  const ask = async (body: object) => {
    const { model, engine } = await scriptedModel({ answer: () => "two.", markers: hermesMarkers });
    const handler = createHandler({ models: { m: model } });
    const post = async (path: string) => {
      const request = new Request(`http://localhost${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ messages, ...body }),
      });
      return (await (await handler.fetch(request)).json()) as {
        readonly choices: [{ readonly message: object }];
        readonly error?: object;
        readonly prompt: string;
      };
    };
    return { answer: await post("/v1/chat/completions"), template: await post("/apply-template"), engine };
  };

  test("continue_final_message does it, with add_generation_prompt: false as in vLLM or without", async () => {
    for (const more of [{}, { add_generation_prompt: false }]) {
      const { answer, template } = await ask({ continue_final_message: true, ...more });
      expect(answer.choices[0].message).toMatchObject({ content: "two." });
      expect(template.prompt).toBe(prompt);
    }
  });

  test("add_generation_prompt alone, or true with it, is refused", async () => {
    for (const body of [
      { add_generation_prompt: false },
      { continue_final_message: true, add_generation_prompt: true },
    ])
      expect((await ask(body)).answer.error).toMatchObject({ param: "add_generation_prompt" });
    expect((await ask({ add_generation_prompt: true, continue_final_message: false })).answer.error).toBeUndefined();
  });
});

describe("the templates in llama.cpp's tree", () => {
  const folder = new URL("../../../llama.cpp/source/models/templates/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".jinja") && !name.includes("firefunction"));
  test.each(names)("%s ends with the message, as it is", async (name) => {
    const engine = new ScriptedEngine({ chatTemplate: readFileSync(new URL(name, folder), "utf8") });
    const format = (await LoadedModel.of(engine)).format();
    const parts = await format.render({
      messages: messages.map(({ role, content }) => ({ role: role as "user", content: content as string })),
      tools: [],
      continueFinalMessage: true,
    });
    expect(partsToText(parts)).toMatch(/Count to three\.[^]+One,( )?$/);
  });
});
