// The chat templates of llama.cpp's tree, and how the models behind them write calls.
import { readdirSync, readFileSync } from "node:fs";
import { renderTemplate } from "../../src/engine/addon/render_template.js";
import type { TemplateCalls } from "../../src/format/calls/call_reading.js";
import { templateCalls } from "../../src/format/calls/template_calls.js";
import { ChatTemplate } from "../../src/format/template/template.js";

const folder = new URL("../../llama.cpp/source/models/templates/", import.meta.url);

export const templateNames = readdirSync(folder)
  .filter((name) => name.endsWith(".jinja"))
  .map((name) => name.slice(0, -".jinja".length));

export const templateSource = (name: string): string => readFileSync(new URL(`${name}.jinja`, folder), "utf8");

/** Its model's calls cannot be told from text. */
export const unreadableTemplate =
  "{% if tools %}{% endif %}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ c.function.name }} {{ c.function.arguments }}{% endfor %}{% endfor %}";

/** What ends a turn in the vocabularies of these models. */
const turnEnds = [
  ...["</s>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|call|>", "<|calls|>", "<|return|>", "<|end|>"],
  ...["<|end_of_text|>", "<|endoftext|>", "<｜end▁of▁sentence｜>", "<|message_sep|>", "<turn|>", "<|tool_response>"],
  ...["[e~[", "<end_of_turn>", "<|END_OF_TURN_TOKEN|>", "<seed:eos>", "<|eot|>", "<|eom|>", "<｜hy_eos:opensource｜>"],
];

/** Those of LFM2 and Granite. */
const isToken = (text: string) => Promise.resolve(["<|tool_call_start|>", "<|tool_call|>"].includes(text));

export async function corpusTemplate(
  name: string,
): Promise<{ readonly template: ChatTemplate; readonly calls: TemplateCalls }> {
  const source = templateSource(name);
  const calls = await templateCalls(new ChatTemplate(source, renderTemplate, { eosToken: "</s>" }), turnEnds, isToken);
  return { template: new ChatTemplate(source, renderTemplate, { eosToken: "</s>", calls }), calls };
}
