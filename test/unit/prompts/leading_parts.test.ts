// How much of a prompt its first messages have made, for every format; never a token too much.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ModelInfo, PromptPart } from "../../../src/engine/engine.js";
import { chooseFormat, type Conversation, type ConversationFormat } from "../../../src/format/conversation_format.js";
import { noFacts } from "../../../src/format/family/template_facts.js";
import { partsToText, type PromptMessage } from "../../../src/format/hermes/prompt/prompt.js";
import { commonParts } from "../../../src/format/leading_parts.js";
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { ScriptedEngine } from "../../support/engines/scripted_engine.js";

const chatml =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const add = { name: "add", description: "Adds", parameters: { type: "object", properties: { a: { type: "number" } } } };

function formatOf(
  chatTemplate: string | undefined,
  variant: "card" | "tool-use" = "card",
  hasTagTokens = false,
): ConversationFormat {
  const info: ModelInfo = { ...new ScriptedEngine().info, ...(chatTemplate === undefined ? {} : { chatTemplate }) };
  const vocabulary = {
    hasChatMl: true,
    hasTagTokens,
    hasToolsToken: false,
    isHermes2ProMistral: false,
    eosText: "</s>",
  };
  return chooseFormat({ info, vocabulary, facts: noFacts }, { format: "auto", variant }, renderTemplate);
}
const hermes = formatOf(undefined);
const template = formatOf(chatml);

const system: PromptMessage = { role: "system", content: "Be brief." };
const user = (content: string): PromptMessage => ({ role: "user", content });
const assistant = (content: string): PromptMessage => ({ role: "assistant", content });
const of = (messages: PromptMessage[], rest: Partial<Conversation> = {}): Conversation => ({
  messages,
  tools: [],
  ...rest,
});

/** The text of the parts that the first messages have made. */
async function leadingText(
  format: ConversationFormat,
  conversation: Conversation,
  count: number,
  from?: number,
): Promise<string | undefined> {
  const prompt =
    from === undefined
      ? await format.render(conversation)
      : ((await format.renderContinuation(conversation, from)) ?? []);
  const parts = await format.leadingParts(prompt, conversation, count, from);
  return parts === undefined ? undefined : partsToText(prompt.slice(0, parts));
}

describe("Hermes' format", () => {
  test.each<[string, PromptMessage[], number, string | undefined]>([
    ["a system message", [system, user("Hi")], 1, "<|im_start|>system\nBe brief.<|im_end|>\n"],
    ["no system message", [user("Hi")], 0, undefined],
    [
      "examples",
      [system, user("a"), assistant("b"), user("Hi")],
      3,
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n",
    ],
    [
      "the system turn of more",
      [system, user("a"), assistant("b"), user("Hi")],
      1,
      "<|im_start|>system\nBe brief.<|im_end|>\n",
    ],
    ["an answer that goes on", [user("Hi"), assistant("I")], 1, "<|im_start|>user\nHi<|im_end|>\n"],
  ])("%s", async (_, messages, count, expected) => {
    expect(await leadingText(hermes, of(messages), count)).toBe(expected);
  });

  test("tools make a system turn without any message, with and without tokens of their own for the tags", async () => {
    for (const format of [hermes, formatOf(undefined, "card", true), formatOf(undefined, "tool-use", true)]) {
      const conversation = of([user("Hi")], { tools: [add], schema: { type: "object" } });
      const whole = partsToText(await format.render(conversation));
      expect(await leadingText(format, conversation, 0)).toBe(whole.slice(0, whole.indexOf("<|im_start|>user")));
    }
  });

  test("of results that stand in one turn, the last is not part of it", async () => {
    const calls = ["x", "y"].map((id) => ({ id, name: "add", arguments: "{}" }));
    const messages: PromptMessage[] = [
      user("Hi"),
      { role: "assistant", content: "", toolCalls: calls },
      { role: "tool", toolCallId: "x", content: "1" },
      { role: "tool", toolCallId: "y", content: "2" },
    ];
    expect(await leadingText(hermes, of(messages), 3)).toMatch(/<\/tool_call><\|im_end\|>\n<\|im_start\|>$/);
  });

  test("of a continuation it counts what follows the tokens before", async () => {
    const messages = [system, user("a"), assistant("b"), user("c"), user("d")];
    expect(await leadingText(hermes, of(messages), 4, 3)).toBe("<|im_end|>\n<|im_start|>user\nc<|im_end|>\n");
    expect(await leadingText(hermes, of(messages.slice(0, 4)), 3, 3)).toBe("<|im_end|>\n");
  });
});

describe("the file's template", () => {
  test("ends in front of what the next message changes, and not inside a text", async () => {
    expect(await leadingText(template, of([system, user("Hi")]), 1)).toBe("<|im_start|>system\nBe brief.<|im_end|>\n");
    expect(await leadingText(template, of([user("Hi")]), 0)).toBeUndefined();
    expect(await leadingText(template, of([user("Hi")], { tools: [add] }), 0)).toMatch(
      /^<\|im_start\|>system\nYou are a function calling AI model\./,
    );
    expect(await leadingText(template, of([user("a"), assistant("b"), user("c"), user("d")]), 3, 2)).toBe(
      "<|im_end|>\n<|im_start|>user\nc<|im_end|>\n",
    );
  });

  test("that refuses to stop there says nothing", async () => {
    const strict = formatOf("{% if messages|length < 2 %}{{ raise_exception('too few') }}{% endif %}" + chatml);
    expect(await leadingText(strict, of([system, user("Hi")]), 1)).toBeUndefined();
  });
});

const text = fc
  .array(fc.constantFrom("<|im_start|>", "<|im_end|>", "[INST]", "Hello", " ", "\n", "é😀", "<tool_call>"), {
    minLength: 1,
    maxLength: 4,
  })
  .map((pieces) => pieces.join(""));

test.each([
  ["hermes", hermes],
  ["hermes with tag tokens", formatOf(undefined, "card", true)],
  ["a template", template],
] as const)(
  "whatever the last message says, the leading parts stay the same; Hermes' hold everything before it (%s)",
  async (_, format) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { maxLength: 4 }),
        text,
        text,
        fc.boolean(),
        async (before, last, other, hasTools) => {
          const earlier = before.map((content, index) => (index % 2 === 0 ? user(content) : assistant(content)));
          const tools = hasTools ? [add] : [];
          const whole = await format.render(of([...earlier, user(last)], { tools }));
          const parts = await format.leadingParts(whole, of([...earlier, user(last)], { tools }), earlier.length);
          expect((await format.render(of([...earlier, user(other)], { tools }))).slice(0, parts ?? 0)).toEqual(
            whole.slice(0, parts ?? 0),
          );
          // A template's parts end with a marker or with what follows it.
          if (format === template) return;
          const known = partsToText(whole.slice(0, parts ?? 0));
          expect(partsToText(whole)).toBe(`${known}<|im_start|>user\n${last}<|im_end|>\n<|im_start|>assistant\n`);
        },
      ),
    );
  },
);

test("every template of the pinned llama.cpp that can be rendered keeps to what both prompts share", async () => {
  const folder = new URL("../../../llama.cpp/source/models/templates/", import.meta.url);
  let counted = 0;
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".jinja"))) {
    const render = async (last: string): Promise<{ prompt: PromptPart[]; parts: number | undefined } | undefined> => {
      try {
        const format = formatOf(readFileSync(new URL(name, folder), "utf8"));
        const conversation = of([system, user("One?"), assistant("1"), user(last)]);
        const prompt = await format.render(conversation);
        return { prompt, parts: await format.leadingParts(prompt, conversation, 3) };
      } catch {
        return undefined; // Refusals have tests of their own.
      }
    };
    const [a, b] = [await render("Two?"), await render("Three, please.")];
    if (a?.parts === undefined || b === undefined) continue;
    counted++;
    expect([name, b.prompt.slice(0, a.parts)]).toEqual([name, a.prompt.slice(0, a.parts)]);
    expect([name, partsToText(a.prompt.slice(0, a.parts))]).not.toEqual([name, expect.stringContaining("Two?")]);
  }
  expect(counted).toBeGreaterThan(40);
}, 60_000);

test("there is no boundary between neighboring texts", async () => {
  const control = { control: "<|im_start|>" };
  expect(commonParts([control, { text: "a" }, { text: "b" }], [control, { text: "a" }])).toBe(1);
  expect(commonParts([{ text: "a" }, { text: "b" }], [{ text: "a" }])).toBeUndefined();
  expect(commonParts([control, { text: "a" }, control], [control, { text: "a" }, { text: "b" }])).toBe(2);
});
