// What templates demand of a conversation: ids of nine letters, one call in a turn. What they refuse, they refuse
// before a handler has run.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { tool } from "../../../src/chat/tools/tool.js";
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { newCallId } from "../../../src/format/call_id.js";
import { partsToText, type PromptMessage } from "../../../src/format/hermes/prompt/prompt.js";
import { ChatTemplate } from "../../../src/format/template/template.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

const folder = new URL("../../../llama.cpp/source/models/templates/", import.meta.url);
const sourceOf = (name: string) => readFileSync(new URL(name, folder), "utf8");
const add = { name: "add", description: "Adds", parameters: { type: "object", properties: { a: { type: "number" } } } };

function conversation(ids: readonly string[]): PromptMessage[] {
  return [
    { role: "user", content: "1+2?" },
    {
      role: "assistant",
      content: "",
      toolCalls: ids.map((id, index) => ({ id, name: "add", arguments: `{"a": ${index}}` })),
    },
    ...ids.map((id, index): PromptMessage => ({ role: "tool", toolCallId: id, content: `result ${index}` })),
  ];
}

const render = async (name: string, messages: PromptMessage[]) =>
  partsToText(await new ChatTemplate(sourceOf(name), renderTemplate).render({ messages, tools: [add] }));

test("ids are nine letters or digits, and no two of ten thousand are equal", () => {
  const ids = Array.from({ length: 10_000 }, newCallId);
  expect(ids.filter((id) => !/^[A-Za-z0-9]{9}$/.test(id))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each(["mistralai-Mistral-Nemo-Instruct-2407.jinja", "Mistral-Small-3.2-24B-Instruct-2506.jinja"])(
  "%s takes ids of other models, each as one of nine letters, and its own as they are",
  async (name) => {
    const foreign = await render(name, conversation(["call_0123456789abcdef", "toolu_01"]));
    const [first, second] = [...foreign.matchAll(/"id": ?"([^"]*)"|\[TOOL_CALLS\].*?\[CALL_ID\](\w+)/g)].map(
      ([, id, other]) => id ?? other,
    );
    expect([first, second]).toEqual([expect.stringMatching(/^[a-z0-9]{9}$/), expect.stringMatching(/^[a-z0-9]{9}$/)]);
    expect(first).not.toBe(second);
    expect(foreign.split(first!).length).toBe(3);
    expect(await render(name, conversation(["Abcdefg01"]))).toContain("Abcdefg01");
  },
);

test("a template that takes any id gets those of the conversation", async () => {
  const template = new ChatTemplate(
    "{{ tools }}{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.id }};{% endfor %}{% endfor %}",
    renderTemplate,
  );
  const messages = conversation(["call_0123456789abcdef", "x"]);
  expect(partsToText(await template.render({ messages, tools: [add] }))).toMatch(/call_0123456789abcdef;x;$/);
});

test.each(["meta-llama-Llama-3.1-8B-Instruct.jinja", "meta-llama-Llama-3.3-70B-Instruct.jinja"])(
  "%s, which knows one call in a turn, gets two as two turns with their results",
  async (name) => {
    const text = await render(name, conversation(["aaaaaaaa1", "aaaaaaaa2"]));
    const order = ['"a": 0', "result 0", '"a": 1', "result 1"].map((part) => text.indexOf(part));
    expect(order.every((at) => at > 0)).toBe(true);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  },
);

test("a template that can't write results fails before a handler runs", async () => {
  const chatTemplate =
    '{% for m in messages %}{% if m.role == \'tool\' %}{{ raise_exception(\'No results, please\') }}{% endif %}<|im_start|>{{ m.role }}\n{{ m.content }}{% for c in m.tool_calls %}<tool_call>\n{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}{% if tools %}{% endif %}<|im_start|>assistant\n';
  const { model } = await scriptedModel({
    chatTemplate,
    answer: () => '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>',
  });
  let runs = 0;
  const tools = [tool({ ...add, execute: () => runs++ })];
  await expect(Promise.resolve(model.reply("1 + 2?", { tools }))).rejects.toMatchObject({
    code: "TEMPLATE_FAILED",
    message: expect.stringContaining("No results, please") as unknown,
  });
  expect(runs).toBe(0);
});
