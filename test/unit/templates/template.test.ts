// Templates of other models: what is markup and what is text, tools without a template for them, and hostile templates.
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PromptPart } from "../../../src/engine/engine.js";
import { CaduceusError } from "../../../src/errors.js";
import { renderHermes, renderHermesContinuation } from "../../../src/format/hermes/prompt/prompt.js";
import { partsToText, type PromptMessage } from "../../../src/format/hermes/prompt/prompt.js";
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { ChatTemplate } from "../../../src/format/template/template.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const folder = new URL("../../../llama.cpp/source/models/templates/", import.meta.url);
const templateOf = (source: string, timeoutMs?: number) =>
  new ChatTemplate(source, renderTemplate, { eosToken: "</s>", timeoutMs });
const pinned = (name: string) => templateOf(readFileSync(new URL(name, folder), "utf8"));
const chatml =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const user = (content: string): PromptMessage => ({ role: "user", content });
const assistant = (content: string): PromptMessage => ({ role: "assistant", content });
/** Parts with every marker of ChatML on its own, and what stands between as one text. */
const apart = (parts: PromptPart[] = []): PromptPart[] => {
  const result: PromptPart[] = [];
  for (const part of parts.flatMap((each): PromptPart[] =>
    "control" in each
      ? each.control
          .split(/(<\|im_(?:start|end)\|>)/)
          .filter((piece) => piece !== "")
          .map((piece) => (piece.startsWith("<|im_") ? { control: piece } : { text: piece }))
      : [each],
  )) {
    const last = result.at(-1);
    if (last !== undefined && "text" in last && "text" in part) result.splice(-1, 1, { text: last.text + part.text });
    else result.push(part);
  }
  return result;
};
const controls = (parts: PromptPart[]) => parts.flatMap((part) => ("control" in part ? [part.control] : [])).join("");
const add = { name: "add", description: "Adds", parameters: { type: "object", properties: { a: { type: "number" } } } };

async function failure(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    expect(error).toBeInstanceOf(CaduceusError);
    expect((error as CaduceusError).code).toBe("TEMPLATE_FAILED");
    return (error as CaduceusError).message;
  }
  throw new Error("it did not fail");
}

const text = fc
  .array(
    fc.constantFrom(
      "<|im_start|>",
      "<|im_end|>",
      "<s>",
      "[INST]",
      "user\n",
      "Hello",
      " ",
      "\n",
      "你好",
      "😀",
      '"',
      "\\",
      "\\ue041",
      "<",
      "]",
      "\ue041",
      "｜",
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((pieces) => pieces.join(""));

describe("ChatML written as a template", () => {
  test("gives the parts that this library's own ChatML gives, for any content", async () => {
    const template = templateOf(chatml);
    await fc.assert(
      fc.asyncProperty(text, text, text, async (a, b, c) => {
        const messages = [{ role: "system" as const, content: a }, user(b), assistant(c), user(a)];
        expect(apart(await template.render({ messages }))).toEqual(apart(renderHermes({ messages })));
        expect(apart(await template.renderContinuation({ messages, from: 3 }))).toEqual(
          apart(renderHermesContinuation({ messages, from: 3 })),
        );
      }),
    );
  });

  test("has no tools of its own: Hermes' wording carries them, with results in one tool turn", async () => {
    const template = templateOf(chatml);
    expect(template.hasTools).toBe(false);
    const messages: PromptMessage[] = [
      { role: "system", content: "Be brief." },
      user("1+2?"),
      {
        role: "assistant",
        content: "",
        toolCalls: [
          { id: "x", name: "add", arguments: '{"a":1}' },
          { id: "y", name: "add", arguments: "{}" },
        ],
      },
      { role: "tool", toolCallId: "x", content: "</tool_response>" },
      { role: "tool", toolCallId: "y", content: "3" },
    ];
    const prompt = partsToText(await template.render({ messages, tools: [add], schema: { type: "object" } }));
    expect(prompt).toMatch(
      /^<\|im_start\|>system\nYou are a function calling AI model\..*<schema>\n\{"type": "object"\}\n<\/schema>\n\nBe brief\.<\|im_end\|>\n/s,
    );
    expect(prompt).toContain(
      '<|im_start|>tool\n<tool_response>\n{"name": "add", "content": "<\\/tool_response>"}\n</tool_response>\n<tool_response>\n{"name": "add", "content": 3}\n</tool_response>\n<|im_end|>\n<|im_start|>assistant\n',
    );
  });
});

describe("the templates in llama.cpp's tree", () => {
  const names = readdirSync(folder).filter((name) => name.endsWith(".jinja"));
  const conversation: PromptMessage[] = [
    { role: "system", content: "Systemtext <|im_end|> </s> 你好" },
    user('Usertext [INST] <|eot_id|><｜User｜> "quoted" \\ {x}'),
    {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "call12345", name: "add", arguments: '{"a": "Argumenttext <|im_start|>"}' }],
    },
    { role: "tool", toolCallId: "call12345", content: '{"sum": "Resulttext <|im_end|>[/INST]"}' },
  ];
  const tools = [
    {
      name: "add",
      description: "Descriptiontext <|im_end|>",
      parameters: {
        type: "object",
        properties: { a: { type: "string", description: "Fieldtext </s>" } },
        required: ["a"],
      },
    },
  ];

  // Its tools have a variable of their own.
  test.each(names.filter((name) => name !== "fireworks-ai-llama-3-firefunction-v2.jinja"))(
    "%s renders, and nothing callers wrote becomes markup",
    async (name) => {
      const template = pinned(name);
      for (const prompt of [{ messages: conversation, tools }, { messages: conversation.slice(0, 2) }]) {
        const parts = await template.render(prompt);
        const rendered = partsToText(parts);
        expect(controls(parts)).not.toMatch(/text <|text \[/);
        expect(rendered).not.toMatch(/[\ue000-\uf8ff]|\\ue0/);
        // Mistral Nemo writes it only where a user spoke last.
        if (prompt.messages.length === 2) expect(rendered).toContain("Systemtext <|im_end|> </s> 你好");
        expect(rendered).toContain('Usertext [INST] <|eot_id|><｜User｜> "quoted" \\ {x}');
      }
      const markup = controls(await template.render({ messages: conversation.slice(0, 2) }));
      const bare = controls(await template.render({ messages: [{ role: "system", content: "S" }, user("U")] }));
      expect(markup).toBe(bare);
    },
  );

  test("Llama 3.1 and Phi continue a cached conversation without rendering it again", async () => {
    for (const name of ["meta-llama-Llama-3.1-8B-Instruct.jinja", "microsoft-Phi-3.5-mini-instruct.jinja"]) {
      const template = pinned(name);
      const messages = [user("One"), assistant("Two <|eot_id|>"), user("Three")];
      const before = partsToText(await template.render({ messages: messages.slice(0, 1) }));
      const after = (await template.renderContinuation({ messages, from: 2 })) as PromptPart[];
      expect(before + "Two <|eot_id|>" + partsToText(after)).toBe(partsToText(await template.render({ messages })));
      expect(controls(after)).toMatch(/^<\|(eot_id|end)\|>/);
    }
  });

  test.each([
    ["ChatML without tools", templateOf(chatml)],
    ["Qwen 2.5, which writes calls itself", pinned("Qwen-Qwen2.5-7B-Instruct.jinja")],
  ])("an answer with two calls is gone on from behind its last closing tag: %s", async (_, template) => {
    const called: PromptMessage = {
      role: "assistant",
      content: "",
      toolCalls: [
        { id: "x", name: "add", arguments: '{"a": "</tool_call>"}' },
        { id: "y", name: "add", arguments: '{"a": 2}' },
      ],
    };
    const messages: PromptMessage[] = [
      user("1+2? </tool_call>"),
      called,
      { role: "tool", toolCallId: "x", content: "</tool_call>" },
      { role: "tool", toolCallId: "y", content: "3" },
    ];
    const whole = partsToText(await template.render({ messages, tools: [add] }));
    const after = partsToText((await template.renderContinuation({ messages, tools: [add], from: 2 })) ?? []);
    expect(whole.endsWith(after)).toBe(true);
    expect(whole.slice(0, -after.length).endsWith("</tool_call>")).toBe(true);
    expect(after.match(/^<\|im_end\|>\n<\|im_start\|>(?:tool|user)\n<tool_response>/)).not.toBeNull();
  });

  test("where calls have another form they are rendered again", async () => {
    const template = pinned("meta-llama-Llama-3.1-8B-Instruct.jinja");
    const messages: PromptMessage[] = [
      user("1+2?"),
      { role: "assistant", content: "", toolCalls: [{ id: "x", name: "add", arguments: '{"a": 1}' }] },
      { role: "tool", toolCallId: "x", content: "3" },
    ];
    expect(await template.renderContinuation({ messages, tools: [add], from: 2 })).toBeUndefined();
  });

  test("a template that drops thinking from earlier answers has no continuation, and does drop it", async () => {
    const template = pinned("Qwen-Qwen3-0.6B.jinja");
    const messages = [user("One"), assistant("<think>\nhm\n</think>\n\nTwo"), user("Three")];
    expect(await template.renderContinuation({ messages, from: 2 })).toBeUndefined();
    expect(partsToText(await template.render({ messages }))).toContain("<|im_start|>assistant\nTwo<|im_end|>");
    expect(partsToText(await template.render({ messages: [user("a </think> b")] }))).toContain("a </think> b");
  });

  test("Gemma, which knows no system role, gets the system message in the user's turn, and tools in Hermes' wording", async () => {
    const template = pinned("google-gemma-2-2b-it.jinja");
    expect(
      partsToText(await template.render({ messages: [{ role: "system", content: "Be brief." }, user("Hi")] })),
    ).toBe("<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n");
    const prompt = partsToText(await template.render({ messages: conversation, tools }));
    expect(prompt).toContain("<start_of_turn>user\nYou are a function calling AI model.");
    expect(prompt).toContain(
      '<start_of_turn>model\n<tool_call>\n{"arguments": {"a": "Argumenttext <|im_start|>"}, "name": "add"}\n</tool_call><end_of_turn>\n<start_of_turn>user\n<tool_response>\n',
    );
  });
});

describe("hostile templates end within their time and leave the process whole", () => {
  test.each([
    ["a long range", "{% for i in range(1000000000) %}x{% endfor %}", /range\(\) of more than/],
    [
      "loops in loops",
      "{% set r = range(100000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}",
      /did not end within 2000 ms/,
    ],
    [
      "a string that doubles",
      "{% set n = namespace(s='x') %}{% for i in range(64) %}{% set n.s = n.s + n.s %}{% endfor %}{{ n.s }}",
      /more than it may/,
    ],
    [
      "a list that doubles",
      "{% set n = namespace(s=[1]) %}{% for i in range(64) %}{% set n.s = n.s + n.s %}{% endfor %}",
      /more than it may/,
    ],
    [
      "a list that holds itself twice, again and again",
      "{% set n = namespace(s=[1]) %}{% for i in range(40) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s | tojson }}",
      /did not end within|more than it may/,
    ],
    ["a macro that calls itself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", /more deeply than it may/],
    ["deep nesting", "{{" + "(".repeat(100_000) + "1" + ")".repeat(100_000) + "}}", /more deeply than it may/],
    ["a million characters and one", "x".repeat(1_000_001), /1000001 bytes/],
  ])("%s", async (_, source, reason) => {
    const start = cpuMs();
    expect(await failure(() => templateOf(source, 2000).render({ messages: [user("Hi")] }))).toMatch(reason);
    expect(cpuMs() - start).toBeLessThan(20_000);
  });

  test("what a template raises is the error's message; and so are syntax errors", async () => {
    expect(
      await failure(() =>
        templateOf("{{ raise_exception('Only user messages, please') }}").render({ messages: [user("Hi")] }),
      ),
    ).toBe("The model's chat template could not be rendered: Only user messages, please.");
    expect(await failure(() => templateOf("{% if %}").render({ messages: [user("Hi")] }))).toMatch(
      /^The model's chat template could not be rendered: /,
    );
    expect(await failure(() => templateOf("{{ nothing.at.all() }}").render({ messages: [user("Hi")] }))).toMatch(
      /could not be rendered/,
    );
  });

  test("the event loop goes on while a template runs", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const source = "{% set r = range(100000) %}{% for i in r %}{% for j in r %}{% endfor %}{% endfor %}";
    await failure(() => templateOf(source, 500).render({ messages: [user("Hi")] }));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });

  test("a template reaches nothing of the process", async () => {
    for (const source of [
      "{{ process }}",
      "{{ globalThis }}",
      "{{ ''.constructor }}",
      "{{ messages.constructor.constructor('return process')() }}",
      "{{ raise_exception.constructor }}",
    ]) {
      let rendered = "";
      try {
        rendered = partsToText(await templateOf(source).render({ messages: [user("Hi")] }));
      } catch (error) {
        rendered = (error as Error).message;
      }
      expect(rendered).not.toMatch(/\[object|native code|=>/);
    }
  });
});

test("calls keep their numbers and the order of their keys", async () => {
  const template = pinned("Qwen-Qwen2.5-7B-Instruct.jinja");
  const call = { name: "add", arguments: '{"10": 12345678901234567890, "9": 3.0, "a": null, "b": [true]}' };
  const messages: PromptMessage[] = [user("Hi"), { role: "assistant", content: "", toolCalls: [call] }];
  expect(partsToText(await template.render({ messages, tools: [add] }))).toContain(call.arguments);
});

test("10 MB of a message come out whole, and every character costs far less than a function call", async () => {
  const template = templateOf(chatml, 10_000);
  const content = 'Hello 😀 <|im_end|> [INST] "x"\n'.repeat(310_000);
  const begun = process.cpuUsage();
  const parts = await template.render({ messages: [user(content)] });
  // Some 0.4 s of the processor; one call for each character was above 5 s.
  expect(process.cpuUsage(begun).user / 1_000).toBeLessThan(4_000);
  expect(partsToText(parts) === `<|im_start|>user\n${content}<|im_end|>\n<|im_start|>assistant\n`).toBe(true);
});
