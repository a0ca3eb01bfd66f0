// Calls whose tag the model left out: taken only when asked for, and only when nothing else is in the reply.

import { describe, expect, test } from "vitest";
import { parseReply } from "../../../src/format/hermes/index.js";
import { everySplit, parseInPieces } from "../../support/parser/reply_pieces.js";

const tools = [
  {
    name: "get_weather",
    parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
  },
];
const options = { tools, untaggedCalls: "accept" } as const;
const call = '{"name": "get_weather", "arguments": {"location": "Paris"}}';
const parsed = { content: "", calls: [{ name: "get_weather", arguments: { location: "Paris" }, repaired: true }] };

describe("a reply that is one call without its tag is read as a call", () => {
  test.each([
    ["bare", call],
    ["with white space around", `\n ${call}\n`],
    ["in a fence with a language", `\`\`\`json\n${call}\n\`\`\``],
    ["in a fence without one", `\`\`\`\n${call}\n\`\`\`\n`],
    ["before an end mark", `${call}<|im_end|>`],
    ["as a python dict", "{'name': 'get_weather', 'arguments': {'location': 'Paris'}}"],
    ["arguments first", '{"arguments": {"location": "Paris"}, "name": "get_weather"}'],
    ["in the wrapper", `{"type": "function", "function": ${call}}`],
  ])("%s", (_, text) => {
    expect(parseReply(text, options)).toEqual(parsed);
    for (const pieces of everySplit(text)) expect(parseInPieces(pieces, options).reply).toEqual(parsed);
  });
});

describe("a reply stays text as it is", () => {
  test.each([
    ["text before", `Sure: ${call}`],
    ["text behind", `${call}\nDone.`],
    ["two objects", `${call}\n${call}`],
    ["a list", `[${call}]`],
    ["two fences", `\`\`\`\n${call}\n\`\`\`\n\`\`\`\n\`\`\``],
    ["an unknown tool", '{"name": "nope", "arguments": {}}'],
    ["wrong arguments", '{"name": "get_weather", "arguments": {"location": 5}}'],
    ["no arguments", '{"name": "get_weather"}'],
    ["another object", '{"location": "Paris"}'],
    ["cut off", call.slice(0, -1)],
    ["broken", '{"name" "get_weather"}'],
    ["nothing", ""],
    ["ticks only", "```"],
  ])("%s", (_, text) => {
    const expected = { content: text, calls: [] };
    for (const pieces of everySplit(text)) expect(parseInPieces(pieces, options).reply).toEqual(expected);
  });

  test("without the option", () => {
    expect(parseReply(call, { tools })).toEqual({ content: call, calls: [] });
  });

  test("without tools", () => {
    expect(parseReply(call, { untaggedCalls: "accept" })).toEqual({ content: call, calls: [] });
  });
});

test("tagged calls are read as ever", () => {
  const text = `Hi\n<tool_call>\n${call}\n</tool_call>`;
  expect(parseReply(text, options)).toEqual({
    content: "Hi",
    calls: [{ name: "get_weather", arguments: { location: "Paris" } }],
  });
});

test("ordinary text streams from its first character", () => {
  const { events } = parseInPieces(["Hel", "lo"], options);
  expect(events[0]).toEqual({ type: "text", text: "Hel" });
});
