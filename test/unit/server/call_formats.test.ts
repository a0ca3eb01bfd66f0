// Calls of models with formats of their own over HTTP: the same fields as those of Hermes, or a refusal.
import { expect, test } from "vitest";
import { templateSource, unreadableTemplate } from "../../support/template_corpus.js";
import { errorOf, hi, open, post } from "./scripted_handler.js";

const tools = [
  {
    type: "function",
    function: { name: "add", parameters: { type: "object", properties: { a: { type: "integer" } } } },
  },
];
const using = (chatTemplate: string, answer: string) =>
  open({}, { answer: () => answer, constrained: true, contextSize: 16_384, chatTemplate });

test.each([
  ["mistralai-Mistral-Nemo-Instruct-2407", '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}]'],
  ["meta-llama-Llama-3.1-8B-Instruct", '{"name": "add", "parameters": {"a": 1}}'],
  ["Qwen3-Coder", "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"],
  ["openai-gpt-oss-120b", '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": 1}'],
  ["LFM2.5-8B-A1B", "<|tool_call_start|>[add(a=1)]<|tool_call_end|>"],
  ["google-gemma-4-31B-it", "<|tool_call>call:add{a:1}<tool_call|>"],
])("%s: calls are tool_calls, whole and in pieces", async (template, answer) => {
  await using(templateSource(template), answer);
  const whole = (await (await post("/v1/chat/completions", { ...hi, tools })).json()) as {
    choices: [{ finish_reason: string; message: { content: string | null; tool_calls: object[] } }];
  };
  const [{ finish_reason: reason, message }] = whole.choices;
  expect(reason).toBe("tool_calls");
  expect(message.tool_calls).toMatchObject([{ type: "function", function: { name: "add", arguments: '{"a": 1}' } }]);
  expect(message.content ?? "").toBe("");
  const stream = await (await post("/v1/chat/completions", { ...hi, tools, stream: true })).text();
  const deltas = stream
    .split("\n\n")
    .filter((line) => line.startsWith("data: {"))
    .flatMap((line) => {
      const { choices } = JSON.parse(line.slice(6)) as {
        choices: { delta: { content?: string; tool_calls?: { function: { arguments?: string } }[] } }[];
      };
      return choices.map(({ delta }) => delta);
    });
  const pieces = deltas.flatMap(({ tool_calls: calls = [] }) => calls.map((call) => call.function.arguments ?? ""));
  expect(pieces.join("")).toBe('{"a": 1}');
  expect(deltas.map(({ content }) => content ?? "").join("")).toBe("");
});

test("tools of a model whose calls cannot be read are refused by name", async () => {
  await using(unreadableTemplate, "Hi");
  const { status, code, param, message } = await errorOf(post("/v1/chat/completions", { ...hi, tools }));
  expect([status, code, param]).toEqual([400, "unsupported_tools", "tools"]);
  expect(message).toContain("calls of this model cannot be read");
});
