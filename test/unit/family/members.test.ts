// Each member of the family is recognized by its vocabulary and its template; names change nothing.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { partsToText } from "../../../src/format/hermes/prompt/prompt.js";
import type { FormatOptions } from "../../../src/format/conversation_format.js";
import { LoadedModel } from "../../../src/model/loading/loaded_model.js";
import { ScriptedEngine, type Script } from "../../support/engines/scripted_engine.js";

const pinned = (name: string) =>
  readFileSync(new URL(`../../../llama.cpp/source/models/templates/${name}.jinja`, import.meta.url), "utf8");
const deepThinking = /You are a deep thinking AI, you may use extremely long chains of thought/;

const chatMl =
  "{{bos_token}}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
// The default template of Hermes 3's tokenizer.
const hermes3 =
  "{{bos_token}}{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const llama3 =
  "{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";
// Written after the model card of Hermes 4, which tells of `thinking`; the published template itself is not here.
const hermes4 = `{%- if thinking is not defined %}{% set thinking = false %}{% endif %}
{%- set deep = 'You are a deep thinking AI, you may use extremely long chains of thought to deeply consider the problem and deliberate with yourself via systematic reasoning processes to help come to a correct solution prior to answering. You should enclose your thoughts and internal monologue inside <think> </think> tags, and then provide your solution or response to the problem.' %}
{%- if tools %}{{ bos_token + '<|start_header_id|>system<|end_header_id|>\n' }}{% if thinking %}{{ deep }}{% endif %}
You are a function-calling AI. Tools are provided inside <tools>{% for tool in tools %}{{ tool | tojson }}{% endfor %}</tools>.<|eot_id|>
{%- elif thinking %}{{ '<|start_header_id|>system<|end_header_id|>\n\n' + deep + '<|eot_id|>' }}{% endif %}
{%- for message in messages %}{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content + '<|eot_id|>' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}`;

const chatMlMarkers = ["<|im_end|>", "<|im_start|>", "</s>"];
const hermesTags = [...chatMlMarkers, "<tools>", "<tool_call>"];
const llamaTags = ["<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<tools>", "<tool_call>"];

const add = { name: "add", description: "Adds", parameters: { type: "object", properties: { a: { type: "number" } } } };
const messages = [{ role: "user", content: "Hi" } as const];

interface Member {
  readonly script: Script;
  readonly format: string;
  readonly reason: RegExp;
  readonly isHermes: boolean;
  readonly thinks: boolean;
  readonly plain: string;
  readonly tools: RegExp;
}

const user = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
const card =
  /^<\|im_start\|>system\nYou are a function calling AI model\.[\s\S]*\{"arguments": <args-dict>, "name": <function-name>\}\n<\/tool_call><\|im_end\|>\n<\|im_start\|>user/;
const published =
  /^<\|im_start\|>system\nYou are a function calling AI model\.[\s\S]*"description": "add\(a: float\) - Adds[\s\S]*\{"name": <function-name>, "arguments": <args-dict>\}\n<\/tool_call><\|im_end\|>\n<\|im_start\|>user/;
const qwen =
  /# Tools\n\nYou may call one or more functions to assist with the user query\.[\s\S]*\{"name": <function-name>, "arguments": <args-json-object>\}\n<\/tool_call><\|im_end\|>\n<\|im_start\|>user/;

const members: Record<string, Member> = {
  "Hermes 2 Pro on Llama 3, with the plain template of its file": {
    script: { chatTemplate: chatMl, markers: hermesTags },
    format: "hermes (card)",
    reason: /^The model is Hermes 2 Pro on Llama 3: its vocabulary/,
    isHermes: true,
    thinks: false,
    plain: user,
    tools: card,
  },
  "Hermes 2 Pro on Llama 3, with its template for tools as well": {
    script: {
      chatTemplate: chatMl,
      markers: hermesTags,
      metadata: { "tokenizer.chat_template.tool_use": pinned("NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use") },
    },
    format: "hermes (card)",
    reason: /^The model is Hermes 2 Pro on Llama 3: its vocabulary/,
    isHermes: true,
    thinks: false,
    plain: user,
    tools: card,
  },
  "Hermes 3": {
    script: { chatTemplate: hermes3, markers: hermesTags },
    format: "hermes (hermes3)",
    reason: /^The model is Hermes 3: its template/,
    isHermes: true,
    thinks: false,
    plain: `<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n${user}`,
    tools: published,
  },
  "Hermes 3, with its template for tools as well, and a vocabulary without tags": {
    script: {
      chatTemplate: hermes3,
      markers: chatMlMarkers,
      metadata: { "tokenizer.chat_template.tool_use": pinned("NousResearch-Hermes-3-Llama-3.1-8B-tool_use") },
    },
    format: "hermes (hermes3)",
    reason: /^The model is Hermes 3: its template/,
    isHermes: true,
    thinks: false,
    plain: `<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n${user}`,
    tools: published,
  },
  "a model with the published template for tools alone": {
    script: { chatTemplate: pinned("NousResearch-Hermes-3-Llama-3.1-8B-tool_use"), markers: chatMlMarkers },
    format: "hermes (tool-use)",
    reason: /published template/,
    isHermes: true,
    thinks: false,
    plain: user,
    tools: published,
  },
  "DeepHermes 3": {
    script: { chatTemplate: llama3, markers: llamaTags },
    format: "the file's template",
    reason: /^The model is DeepHermes 3: /,
    isHermes: true,
    thinks: true,
    plain: "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    tools: /^<\|start_header_id\|>system<\|end_header_id\|>\n\nYou are a function calling AI model\./,
  },
  "Hermes 4": {
    script: { chatTemplate: hermes4, markers: llamaTags.filter((tag) => tag !== "<tools>") },
    format: "the file's template",
    reason: /^The model is Hermes 4: /,
    isHermes: true,
    thinks: true,
    plain: "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    tools:
      /^<\|start_header_id\|>system<\|end_header_id\|>\nYou are a function-calling AI\. Tools are provided inside <tools>/,
  },
  "Qwen2.5": {
    script: { chatTemplate: pinned("Qwen-Qwen2.5-7B-Instruct"), markers: [...chatMlMarkers, "<tool_call>"] },
    format: "the file's template",
    reason: /^The model is Qwen2\.5: /,
    isHermes: false,
    thinks: false,
    plain: `<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n${user}`,
    tools: qwen,
  },
  Qwen3: {
    script: { chatTemplate: pinned("Qwen-Qwen3-0.6B"), markers: [...chatMlMarkers, "<tool_call>", "<think>"] },
    format: "the file's template",
    reason: /^The model is Qwen3: /,
    isHermes: false,
    thinks: true,
    plain: user,
    tools: qwen,
  },
};

const formatOf = async (script: Script, options: FormatOptions = { format: "auto", variant: undefined }) =>
  (await LoadedModel.of(new ScriptedEngine(script), options)).format();
const promptOf = async (script: Script, more: object, options?: FormatOptions) =>
  partsToText(await (await formatOf(script, options)).render({ messages, tools: [], ...more }));

describe.each(Object.entries(members))("%s", (_, member) => {
  // Its own, one of another member, and none.
  test.each(["Hermes 2 Pro Mistral 7B", "Qwen3 4B", "Hermes 4 70B", "a.gguf"])(
    "is recognized under the name %s",
    async (name) => {
      const { format, reason, isHermes } = member;
      const metadata = { ...member.script.metadata, "general.name": name, "general.basename": name };
      const chosen = await formatOf({ ...member.script, metadata });
      expect(chosen).toMatchObject({ name: format, reason: expect.stringMatching(reason), isHermes });
      expect(chosen.thought?.opening).toBe(member.thinks ? "<think>" : undefined);
    },
  );

  test("has its own system message and its own wording of tools", async () => {
    expect(await promptOf(member.script, {})).toBe(member.plain);
    expect(await promptOf(member.script, { tools: [add] })).toMatch(member.tools);
  });
});

test("a plain ChatML model is none of them, whatever its name says", async () => {
  const script = { chatTemplate: chatMl, metadata: { "general.name": "Hermes 2 Pro" } };
  expect(await formatOf(script)).toMatchObject({ name: "the file's template", isHermes: false });
  const llama = pinned("meta-llama-Llama-3.1-8B-Instruct");
  expect(await formatOf({ chatTemplate: llama, metadata: { "general.name": "Hermes 4 70B" } })).toMatchObject({
    name: "the file's template",
    isHermes: false,
    reason: "The model is not Hermes, and its file holds a template.",
  });
});

test("a template that thinks is used, although the vocabulary has Hermes' tags", async () => {
  const thinking = chatMl.replace("assistant\n'", "assistant\n<think>\n'");
  expect(await formatOf({ chatTemplate: thinking, markers: hermesTags })).toMatchObject({
    name: "the file's template",
    thought: { opening: "<think>" },
  });
});

describe("reasoning", () => {
  test("of Hermes 4 begins by its template's variable, of DeepHermes 3 by its system message before the caller's", async () => {
    const system = { role: "system", content: "Be brief." } as const;
    for (const [member, count] of [
      ["Hermes 4", 1],
      ["DeepHermes 3", 1],
    ] as const) {
      const { script } = members[member]!;
      const on = await promptOf(script, { messages: [system, ...messages], reasoning: true });
      expect(on.match(new RegExp(deepThinking, "g"))).toHaveLength(count);
      expect(on).toMatch(/deep thinking AI[\s\S]*Be brief\./);
      const off = await promptOf(script, { messages: [system, ...messages], reasoning: false });
      expect(off).not.toMatch(deepThinking);
      expect(await promptOf(script, { messages: [system, ...messages] })).toBe(off);
    }
  });
});

describe("by hand", () => {
  const base: Script = { markers: ["</s>"] };

  test("a model without a template takes one that is given, and otherwise says what to do", async () => {
    await expect(formatOf(base)).rejects.toMatchObject({
      code: "TEMPLATE_FAILED",
      remedy: expect.stringContaining("chatTemplate"),
    });
    const given = { format: "auto", variant: undefined, chatTemplate: "{{ messages[0].content }}!" } as const;
    expect(await promptOf(base, {}, given)).toBe("Hi!");
    expect(await formatOf(base, given)).toMatchObject({
      reason: expect.stringMatching(/^The option chatTemplate gives it\./),
    });
    const model = await LoadedModel.of(new ScriptedEngine(base), given);
    expect(model.info.chatTemplate).toBe(given.chatTemplate);
  });

  test("a template that is given is used before any that the file holds, for conversations with tools too", async () => {
    const { script } = members["Hermes 2 Pro on Llama 3, with its template for tools as well"]!;
    const given = {
      format: "auto",
      variant: undefined,
      chatTemplate: "{{ messages[0].content }}{{ tools | length }}",
    } as const;
    expect(await promptOf(script, { tools: [add] }, given)).toBe("Hi1");
  });

  test("a wording that is asked for is used in the place of the member's own", async () => {
    const { script } = members["Hermes 3"]!;
    expect(await promptOf(script, { tools: [add] }, { format: "auto", variant: "card" })).toMatch(card);
  });

  test("the template for tools of a file is used for conversations with tools", async () => {
    const script: Script = {
      chatTemplate: "plain {{ messages[-1].content }}",
      metadata: { "tokenizer.chat_template.tool_use": "{{ tools[0].function.name }} {{ messages[-1].content }}" },
    };
    expect(await promptOf(script, {})).toBe("plain Hi");
    expect(await promptOf(script, { tools: [add] })).toBe("add Hi");
  });
});
