// The prompts word for word: the card's own text, and the published templates' with each correction named.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  partsToText,
  renderHermes,
  type HermesVariant,
  type PromptMessage,
} from "../../../src/format/hermes/prompt/prompt.js";

const folder = new URL("../../support/golden/prompts/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), "utf8");

interface Conversation {
  tools: { function: { name: string; description: string; parameters: Record<string, unknown> } }[];
  messages: {
    role: PromptMessage["role"];
    content: string;
    tool_call_id?: string;
    tool_calls?: { id: string; function: { name: string; arguments: string } }[];
  }[];
}
const conversations = JSON.parse(read("conversations.json")) as Record<string, Conversation>;
const corrections = JSON.parse(read("corrections.json")) as { why: string; from: string; to: string }[];
const goldens = readdirSync(folder).filter((name) => /^(tool_use|hermes3)\..*\.txt$/.test(name));

// The published templates leave wrapping a result in its name to the caller; ours does it.
function ours(conversation: Conversation, variant: HermesVariant): string {
  const messages = conversation.messages.map(
    (message): PromptMessage => ({
      role: message.role,
      content:
        message.role === "tool"
          ? JSON.stringify((JSON.parse(message.content) as { content: unknown }).content)
          : message.content,
      toolCallId: message.tool_call_id,
      toolCalls: message.tool_calls?.map(({ id, function: call }) => ({ id, ...call })),
    }),
  );
  return partsToText(renderHermes({ messages, tools: conversation.tools.map((tool) => tool.function), variant }));
}

test("there are goldens of both templates for every conversation", () => {
  expect(goldens).toHaveLength(2 * Object.keys(conversations).length);
});

test.each(goldens)("%s differs from ours by the listed corrections alone", (golden) => {
  const [file, name] = golden.split(".") as [string, string];
  const variant = file.replace("_", "-") as HermesVariant;
  const corrected = corrections.reduce((text, { from, to }) => text.replaceAll(from, to), read(golden));
  expect(ours(conversations[name] as Conversation, variant)).toBe(corrected);
});

test.each(corrections)("a published template really has this slip: $why", ({ from }) => {
  expect(goldens.some((golden) => read(golden).includes(from))).toBe(true);
});

test("the variant card is the model card's text, with two spaces before </tools> and valid JSON for the result", () => {
  const symbol = { type: "object", properties: { symbol: { type: "string" } }, required: ["symbol"] };
  const description =
    "get_stock_fundamentals(symbol: str) -> dict - Get fundamental data for a given stock symbol using yfinance API.\n\n    Args:\n        symbol (str): The stock symbol.";
  const prompt = renderHermes({
    tools: [{ name: "get_stock_fundamentals", description, parameters: symbol }],
    messages: [
      { role: "user", content: "Fetch the stock fundamentals data for Tesla (TSLA)" },
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: "1", name: "get_stock_fundamentals", arguments: '{"symbol":"TSLA"}' }],
      },
      { role: "tool", toolCallId: "1", content: '{"symbol":"TSLA"}' },
    ],
  });
  expect(partsToText(prompt)).toBe(read("card.one_tool.txt"));
});

test("the scratch pad of hermes3 stands before the example of a call, and nothing else changes", () => {
  const messages: PromptMessage[] = [{ role: "user", content: "Hi" }];
  const tools = [{ name: "now" }];
  const without = partsToText(renderHermes({ messages, tools, variant: "hermes3" }));
  const withPad = partsToText(renderHermes({ messages, tools, variant: "hermes3", scratchPad: true }));
  const pad = /\. You must use <scratch_pad> <\/scratch_pad> XML tags [\s\S]*\n<\/scratch_pad>\n(?=<tool_call>)/;
  expect(withPad).toMatch(/\nGoal: .*\nActions:\n(.*\n)+Observation: .*\nReflection: /);
  expect(withPad.replace(pad, " as follows:\n")).toBe(without);
  expect(partsToText(renderHermes({ messages, tools, variant: "tool-use", scratchPad: true }))).toBe(without);
});
