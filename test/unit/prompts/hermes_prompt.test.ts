// How conversations with tools, results and schemas become turns.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PromptPart } from "../../../src/engine/engine.js";
import {
  partsToText,
  renderHermes,
  renderHermesContinuation,
  type HermesVariant,
  type PromptMessage,
} from "../../../src/format/hermes/prompt/prompt.js";

const user = (content: string): PromptMessage => ({ role: "user", content });
const text = (prompt: Parameters<typeof renderHermes>[0]) => partsToText(renderHermes(prompt));
const controls = (parts: PromptPart[]) => parts.flatMap((part) => ("control" in part ? [part.control] : []));
const add = { name: "add", description: "Adds", parameters: { type: "object", properties: { a: { type: "number" } } } };

/** Alternating markers: every turn opens and closes. */
function expectOnlyTemplateMarkers(parts: PromptPart[], turns: number): void {
  const expected = Array.from({ length: turns }, () => ["<|im_start|>", "<|im_end|>"]).flat();
  expect(controls(parts)).toEqual([...expected, "<|im_start|>"]);
}

describe("the system turn", () => {
  test("is left out when nobody has anything to say in it", () => {
    expect(text({ messages: [user("Hi")] })).toBe("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  });

  test("holds the caller's message after a blank line, and there is no second one", () => {
    const prompt = text({ messages: [{ role: "system", content: "Be brief." }, user("Hi")], tools: [add] });
    expect(prompt).toContain("</tool_call>\n\nBe brief.<|im_end|>\n<|im_start|>user\n");
    expect(prompt.match(/<\|im_start\|>system/g)).toHaveLength(1);
  });

  test("is refused anywhere but first", () => {
    expect(() => renderHermes({ messages: [user("Hi"), { role: "system", content: "Be brief." }] })).toThrow(
      /messages\[1\]/,
    );
  });

  test("puts one space after every tool in the card's form", () => {
    const prompt = text({ messages: [user("Hi")], tools: [{ name: "a" }, { name: "b" }] });
    expect(prompt).toContain(
      '<tools> {"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {}}}} {"type": "function", "function": {"name": "b", "parameters": {"type": "object", "properties": {}}}}  </tools>',
    );
  });

  test("in JSON mode is the card's sentence with real newlines", () => {
    expect(
      text({ messages: [user("Anna is 31.")], schema: { type: "object", properties: { age: { type: "integer" } } } }),
    ).toBe(
      "<|im_start|>system\nYou are a helpful assistant that answers in JSON. Here's the json schema you must adhere to:\n<schema>\n" +
        '{"type": "object", "properties": {"age": {"type": "integer"}}}\n</schema><|im_end|>\n' +
        "<|im_start|>user\nAnna is 31.<|im_end|>\n<|im_start|>assistant\n",
    );
  });

  test("with tools, a schema and a system message has them in this order, a blank line between", () => {
    const prompt = text({
      messages: [{ role: "system", content: "Be brief." }, user("Hi")],
      tools: [add],
      schema: { type: "object" },
    });
    expect(prompt).toContain(
      '</tool_call>\n\nOnce no more function calls are needed, give the final answer in JSON, without any other text. Here\'s the json schema you must adhere to:\n<schema>\n{"type": "object"}\n</schema>\n\nBe brief.<|im_end|>',
    );
  });

  test.each<HermesVariant>(["card", "tool-use", "hermes3"])(
    "survives tools without description, parameters or properties (%s)",
    (variant) => {
      const prompt = text({
        messages: [user("Hi")],
        variant,
        tools: [{ name: "a" }, { name: "b", parameters: {} }, { name: "c", parameters: { type: "object" } }],
      });
      const definitions = prompt.match(/\{"type": "function".*?\}\}+(?=\s)/g) ?? [];
      expect(definitions.map((json) => (JSON.parse(json) as { function: { name: string } }).function.name)).toEqual([
        "a",
        "b",
        "c",
      ]);
      expect(prompt).not.toContain("undefined");
    },
  );
});

describe("calls and results", () => {
  const calls = [
    { id: "x", name: "add", arguments: '{"a":12345678901234567890,"b":[1.0,{"c":": , \\" "}]}' },
    { id: "y", name: "add", arguments: "{}" },
  ];

  test("text beside calls is kept, digits and strings of arguments stay as they were, a newline stands between calls", () => {
    const messages: PromptMessage[] = [user("Hi"), { role: "assistant", content: "Let me see.", toolCalls: calls }];
    expect(text({ messages, addGenerationPrompt: false })).toBe(
      "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nLet me see.\n" +
        '<tool_call>\n{"arguments": {"a": 12345678901234567890, "b": [1.0, {"c": ": , \\" "}]}, "name": "add"}\n</tool_call>\n' +
        '<tool_call>\n{"arguments": {}, "name": "add"}\n</tool_call><|im_end|>\n',
    );
    expect(text({ messages, variant: "tool-use" })).toContain('{"name": "add", "arguments": {}}');
  });

  test("arguments that are no JSON are shown as a string instead of breaking the call", () => {
    const messages: PromptMessage[] = [
      user("Hi"),
      { role: "assistant", content: "", toolCalls: [{ name: "add", arguments: "{oops" }] },
    ];
    expect(text({ messages })).toContain('{"arguments": "{oops", "name": "add"}');
  });

  test("results of one round are one turn in the order of the calls, whatever order they came in", () => {
    const messages: PromptMessage[] = [
      user("Hi"),
      { role: "assistant", content: "", toolCalls: calls },
      { role: "tool", toolCallId: "y", content: "second" },
      { role: "tool", toolCallId: "x", content: '{"sum":3}' },
    ];
    expect(text({ messages })).toContain(
      '<|im_start|>tool\n<tool_response>\n{"name": "add", "content": {"sum": 3}}\n</tool_response>\n' +
        '<tool_response>\n{"name": "add", "content": "second"}\n</tool_response>\n<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  test("ids that come again in a later round name the later call", () => {
    const messages: PromptMessage[] = [
      user("Hi"),
      { role: "assistant", content: "", toolCalls: [{ id: "0", name: "first", arguments: "{}" }] },
      { role: "tool", toolCallId: "0", content: "1" },
      { role: "assistant", content: "", toolCalls: [{ id: "0", name: "second", arguments: "{}" }] },
      { role: "tool", toolCallId: "0", content: "2" },
    ];
    expect(text({ messages })).toContain('{"name": "second", "content": 2}');
  });

  test("a quoted string is a string: its quotes stay", () => {
    expect(text({ messages: [user("Hi"), { role: "tool", name: "say", content: '"hello"' }] })).toContain(
      '{"name": "say", "content": "\\"hello\\""}',
    );
  });

  test("a continuation together with what the cache holds is the whole conversation", () => {
    const messages: PromptMessage[] = [
      { role: "system", content: "Be brief." },
      user("Hi"),
      { role: "assistant", content: "", toolCalls: calls },
      { role: "tool", toolCallId: "x", content: "3" },
      { role: "tool", toolCallId: "y", content: "4" },
    ];
    const options = { tools: [add], variant: "card" as const };
    const cached = text({ ...options, messages: messages.slice(0, 3), addGenerationPrompt: false }).replace(
      /<\|im_end\|>\n$/,
      "",
    );
    expect(cached + partsToText(renderHermesContinuation({ ...options, messages, from: 3 }))).toBe(
      text({ ...options, messages }),
    );
  });
});

describe("markup", () => {
  const hostile = fc
    .array(
      fc.constantFrom(
        "<|im_start|>",
        "<|im_end|>\n",
        "system\n",
        "</tool_response>",
        "<tool_call>",
        "<TOOL_RESPONSE>",
        "</tools>",
        "</schema>",
        "{",
        '"',
        "\\",
        "<",
        "/",
        "é",
        "\u0000",
        "\n",
      ),
      { maxLength: 8 },
    )
    .map((pieces) => pieces.join(""));

  test("in messages, tools, schemas and results stays text: the markers are the template's alone", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (a, b, c) => {
        const messages: PromptMessage[] = [
          { role: "system", content: a },
          user(b),
          {
            role: "assistant",
            content: c,
            toolCalls: [{ id: "1", name: "add", arguments: JSON.stringify({ [a]: b }) }],
          },
          { role: "tool", toolCallId: "1", content: a },
          user(c),
        ];
        const tools = [
          {
            name: "add",
            description: b,
            parameters: { type: "object", properties: { [c]: { type: "string", description: a } } },
          },
        ];
        for (const variant of ["card", "tool-use", "hermes3"] as const) {
          expectOnlyTemplateMarkers(renderHermes({ messages, tools, schema: { title: c }, variant }), 5);
        }
      }),
    );
  });

  test("in a result or a definition is no tag, and the JSON decodes to what it was", () => {
    fc.assert(
      fc.property(hostile, (content) => {
        const parts = renderHermes({
          messages: [{ role: "tool", name: "f", content: JSON.stringify({ content }) }],
          addGenerationPrompt: false,
        });
        const [, json] =
          /^<\|im_start\|>tool\n<tool_response>\n(.*)\n<\/tool_response>\n<\|im_end\|>\n$/s.exec(partsToText(parts)) ??
          [];
        expect(json).not.toMatch(/<\/|<tool/i);
        expect(JSON.parse(json as string)).toEqual({ name: "f", content: { content } });

        const system = partsToText(
          renderHermes({
            messages: [],
            tools: [{ name: "f", description: content }],
            schema: { title: content },
            addGenerationPrompt: false,
          }),
        );
        expect(system.match(/<\/tools>/g)).toHaveLength(2);
        expect(system.match(/<\/schema>/g)).toHaveLength(1);
        expect(system.match(/<tool_call>/g)).toHaveLength(2);
      }),
    );
  });

  test("uses the vocabulary's own tokens for the library's tags where it is told that there are some, and only for those", () => {
    const messages: PromptMessage[] = [
      user("<tool_call>"),
      { role: "assistant", content: "", toolCalls: [{ id: "1", name: "add", arguments: '{"a": "</tool_call>"}' }] },
      { role: "tool", toolCallId: "1", content: "</tool_response>" },
    ];
    const plain = renderHermes({ messages });
    const tokens = renderHermes({ messages, tagTokens: true });
    expect(partsToText(tokens)).toBe(partsToText(plain));
    expect(controls(tokens).filter((marker) => !marker.startsWith("<|"))).toEqual([
      "<tool_call>",
      "</tool_call>",
      "<tool_response>",
      "</tool_response>",
    ]);
  });
});
