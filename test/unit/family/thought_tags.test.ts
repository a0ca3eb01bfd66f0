// How the models of llama.cpp's templates mark their thoughts, as far as a template shows it.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { templateFacts } from "../../../src/format/family/template_facts.js";
import { ThoughtReader, type ThoughtTags } from "../../../src/format/thought.js";

const folder = new URL("../../../llama.cpp/source/models/templates/", import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith(".jinja"));
const sourceOf = (name: string) => readFileSync(new URL(name, folder), "utf8");
const factsOf = (template: string) => templateFacts({ template, toolTemplate: template }, renderTemplate);

const think = "<think> </think>";
/** The two tags, and what begins an answer. */
const expected: Record<string, string> = {
  "Apertus-8B-Instruct": "<|inner_prefix|> <|inner_suffix|>",
  "Apriel-1.6-15b-Thinker-fixed": "Here are my reasoning steps: [BEGIN FINAL RESPONSE]",
  "unsloth-Apriel-1.5": "Here are my reasoning steps: [BEGIN FINAL RESPONSE]",
  "ByteDance-Seed-OSS": "<seed:think> </seed:think>",
  Cohere2MoE: "<|START_THINKING|> <|END_THINKING|> <|START_TEXT|>",
  "CohereForAI-c4ai-command-r7b-12-2024-tool_use": "<|START_THINKING|> <|END_THINKING|>",
  "Kimi-K3": "<|open|>think<|sep|> <|close|>think<|sep|> <|open|>response<|sep|>",
  "MiniMax-M3": "<mm:think> </mm:think>",
  "google-gemma-4-31B-it": "<|channel>thought <channel|>",
  "google-gemma-4-31B-it-interleaved": "<|channel>thought <channel|>",
  "mistralai-Ministral-3-14B-Reasoning-2512": "[THINK] [/THINK]",
  "muse-glimmer": "to=self<|message|> <|eom|> <|start|>assistant to=user<|message|>",
  "openai-gpt-oss-120b": "<|channel|>analysis<|message|> <|end|> <|start|>assistant<|channel|>final<|message|>",
  "tencent-Hy3": "<think:opensource> </think:opensource>",
  "upstage-Solar-Open-100B": "<|think|> <|end|> <|begin|>assistant<|content|>",
};
const thinkers =
  /^(Bielik|GLM|HuggingFaceTB-SmolLM3|Kimi-K2-Thinking|LFM2.5-8B|MiniMax-M2|NVIDIA|Qwen-QwQ|Qwen-Qwen3|Qwen3.5|Reka|Spark|StepFun|deepseek|ibm-granite-granite-3.3|inclusionai|llama-cpp|openbmb|poolside)/;

test.each(names)("%s", async (name) => {
  const short = name.slice(0, -6);
  const { thoughtTags: tags } = await factsOf(sourceOf(name));
  const found = tags && [tags.opening, tags.closing, tags.answer].join(" ").trim();
  expect(found).toBe(expected[short] ?? (thinkers.test(short) ? think : undefined));
  if (tags !== undefined)
    expect(tags.end.replaceAll(/\s/g, "")).toBe(`${tags.closing}${tags.answer}`.replaceAll(/\s/g, ""));
});

test("an earlier thought is a part of its message where a template writes no other", async () => {
  const facts = await Promise.all(names.map(async (name) => [name, (await factsOf(sourceOf(name))).takesThoughtParts]));
  expect(facts.flatMap(([name, takes]) => (takes ? [name] : []))).toEqual([
    "mistralai-Ministral-3-14B-Reasoning-2512.jinja",
  ]);
});

test("a template's own text never makes a tag of what is none", async () => {
  const turns = (thought: string) =>
    `{% for m in messages %}<{{ m.role }}>${thought}{{ m.content }}{% endfor %}<assistant>`;
  expect((await factsOf(turns(""))).thoughtTags).toBeUndefined();
  expect((await factsOf(turns("{{ m.reasoning_content }}"))).thoughtTags).toBeUndefined();
  expect(
    (await factsOf(turns("{% if m.reasoning_content %}<a>{{ m.reasoning_content }}<b>{% endif %}"))).thoughtTags,
  ).toMatchObject({ opening: "<a>", closing: "<b>", answer: "", end: "<b>" });
  expect((await factsOf("{{ raise_exception('No.') }}")).thoughtTags).toBeUndefined();
});

describe("a reader of thoughts", () => {
  const harmony: ThoughtTags = {
    opening: "<|channel|>analysis<|message|>",
    closing: "<|end|>",
    answer: "<|start|>assistant<|channel|>final<|message|>",
    end: "",
  };
  const apertus: ThoughtTags = {
    opening: "<|inner_prefix|>",
    closing: "<|inner_suffix|>",
    answer: "",
    end: "<|inner_suffix|>",
    holdsCalls: true,
  };
  const mistral: ThoughtTags = { opening: "[THINK]", closing: "[/THINK]", answer: "", end: "" };
  test.each<[ThoughtTags, boolean, string, string, string]>([
    [
      harmony,
      false,
      "<|channel|>analysis<|message|>Hm. <|x|><|end|><|start|>assistant<|channel|>final<|message|>Yes.",
      "Hm. <|x|>",
      "Yes.",
    ],
    [harmony, false, "<|channel|>final<|message|>Yes.", "", "Yes."],
    [
      harmony,
      false,
      "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=f<|message|>{}",
      "Hm.",
      "<|start|>assistant<|channel|>commentary to=f<|message|>{}",
    ],
    [harmony, false, "<|channel|>commentary<|message|>Hi", "", "<|channel|>commentary<|message|>Hi"],
    [harmony, false, "<|channel|>analysis<|message|>Hm.<|end|>", "Hm.", ""],
    [harmony, false, "Yes. <|channel|>final<|message|>", "", "Yes. <|channel|>final<|message|>"],
    [apertus, false, "<|inner_prefix|>a<|inner_suffix|>b<|tools_prefix|>[{", "a", "b<|tools_prefix|>[{"],
    [apertus, false, "<|inner_prefix|>a <|tools_pre\n<|tools_prefix|>[{", "a <|tools_pre", "<|tools_prefix|>[{"],
    [apertus, false, "<|tools_prefix|>[{}]<|inner_prefix|>", "", "<|tools_prefix|>[{}]<|inner_prefix|>"],
    [mistral, false, "[THINK]a<|tools_prefix|>[{[/THINK]b", "a<|tools_prefix|>[{", "b"],
    [mistral, false, "[THINK]a [/THIN[/THINK]b", "a [/THIN", "b"],
    [mistral, true, "a[/THINK]\n b", "a", "b"],
    [mistral, false, "\n[/THINK]\nb", "", "b"],
    [mistral, false, "[/THI", "", "[/THI"],
    [mistral, false, "[THINKS]a[/THINK]", "", "[THINKS]a[/THINK]"],
    [mistral, false, "[THI", "", "[THI"],
  ])("%j, %s: %s", (tags, isOpen, text, reasoning, answer) => {
    for (let size = 1; size <= text.length; size++) {
      const reader = new ThoughtReader(isOpen, tags, ["<|tools_prefix|>["]);
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
        reader.read(text.slice(index * size, (index + 1) * size)),
      );
      pieces.push(reader.end());
      expect(pieces.map((piece) => piece.reasoning).join("")).toBe(reasoning);
      expect(pieces.map((piece) => piece.text).join("")).toBe(answer);
    }
  });
});
