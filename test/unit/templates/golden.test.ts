// The templates of llama.cpp's tree, and of models that tests load, give what transformers gives: prompts made by
// Python's Jinja.
// test/support/golden/templates/make_golden.py makes them, and prints one that differs.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { renderTemplate } from "../../../src/engine/addon/render_template.js";
import { partsToText, type PromptMessage, type PromptTool } from "../../../src/format/hermes/prompt/prompt.js";
import { ChatTemplate } from "../../../src/format/template/template.js";

const golden = new URL("../../support/golden/templates/", import.meta.url);
const folder = new URL("../../../llama.cpp/source/models/templates/", import.meta.url);
const read = (name: string, base = golden) => readFileSync(new URL(name, base), "utf8");

const given = JSON.parse(read("conversations.json")) as {
  readonly tools: Record<string, PromptTool[]>;
  readonly conversations: {
    readonly name: string;
    readonly tools?: string;
    readonly addGenerationPrompt?: boolean;
    readonly messages: PromptMessage[];
  }[];
};
const prompts = JSON.parse(read("prompts.json")) as Record<string, Record<string, string | null>>;

/** The prompt with the formats of dates where the dates of today stand, as the reference has them. */
function withFormats(prompt: string, source: string): string {
  const now = new Date();
  const named = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en", options).format(now);
  const fields: Record<string, string> = {
    Y: `${now.getFullYear()}`,
    m: `${now.getMonth() + 1}`.padStart(2, "0"),
    d: `${now.getDate()}`.padStart(2, "0"),
    b: named({ month: "short" }),
    B: named({ month: "long" }),
    A: named({ weekday: "long" }),
  };
  return [...source.matchAll(/strftime_now\((["'])(.*?)\1\)/g)].reduce(
    (text, [, , format = ""]) =>
      text.replaceAll(
        format.replace(/%([YmdbBA])/g, (_, field: string) => fields[field]!),
        format,
      ),
    prompt,
  );
}

const namesIn = (base: URL) => readdirSync(base).filter((name) => name.endsWith(".jinja"));
const own = namesIn(golden);
const names = [...namesIn(folder), ...own];
const sourceOf = (name: string) => read(name, own.includes(name) ? golden : folder);

test("the reference has all templates", () => {
  expect(Object.keys(prompts).sort()).toEqual(names.sort());
  const all = Object.values(prompts).flatMap((one) => Object.values(one));
  expect(all.length).toBeGreaterThan(840);
  expect(all.filter((prompt) => prompt === null).length).toBeLessThan(50);
});

describe.each(names)("%s", (file) => {
  const source = sourceOf(file);
  const template = new ChatTemplate(source, renderTemplate, { eosToken: "</s>" });
  const conversations = given.conversations.filter(({ name }) => typeof prompts[file]?.[name] === "string");
  // One of them has its tools in a variable of its own, without which it refuses everything.
  if (conversations.length === 0) return test("is refused by the reference", () => {});
  test.each(conversations)("$name", async ({ name, messages, tools, addGenerationPrompt }) => {
    const parts = await template.render({
      messages,
      tools: tools === undefined ? undefined : given.tools[tools],
      addGenerationPrompt,
    });
    const prompt = withFormats(partsToText(parts), source);
    const hash = createHash("sha256").update(prompt).digest("hex").slice(0, 16);
    expect({ prompt, hash }).toEqual({ prompt, hash: prompts[file]?.[name] });
  });
});
