// Properties of any text whatever: no splitting changes anything, nothing throws, prose comes out as it went in.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseReply, ReplyParser } from "../../../src/format/hermes/index.js";
import type { ReplyFinish, ToolDefinition } from "../../../src/format/hermes/index.js";
import { hostileShapes } from "../../support/parser/hostile_shapes.mjs";
import { ownCases } from "../../support/parser/own_cases.js";
import { inPieces, parseInPieces } from "../../support/parser/reply_pieces.js";

const file = new URL("../../support/cases/tool-calls.json", import.meta.url);
const { tools, cases } = JSON.parse(readFileSync(file, "utf8")) as {
  tools: ToolDefinition[];
  cases: { text: string }[];
};

/** What replies are made of, in an order no model would choose. */
const scraps = [
  "<tool_call>",
  "</tool_call>",
  "<tool_call",
  ' id="1">',
  "<tool_response>",
  "<scratch_pad>",
  "</scratch_pad>",
  "<think>",
  "</think>",
  "<thinking>",
  "</thinking>",
  "<|im_end|>",
  "<",
  ">",
  "\n",
  " ",
  "{",
  "}",
  "[",
  "]",
  '"',
  "'",
  ",",
  ":",
  "\\",
  "`",
  "```",
  "```json\n",
  '"name": ',
  '"arguments": ',
  '"ping"',
  "'get_weather'",
  "{}",
  '{"name": "ping", "arguments": {}}',
  '{"location": "Paris"}',
  "True",
  "null",
  "NaN",
  "12",
  "9007199254740993",
  "-",
  "1e5",
  "//",
  "/*",
  "*/",
  "#",
  "\\u00e9",
  "\\ud83d",
  "😀",
  "é",
  "text",
  "it's",
  "\ufeff",
  "\r\n",
  "\u0000",
  '"function": ',
  '"parameters": ',
];
const chaos = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...scraps) },
      { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));

/** A known reply with a stretch of it lost, doubled or replaced. */
const texts = [...cases, ...ownCases].map(({ text }) => text);
const damaged = fc
  .tuple(
    fc.constantFrom(...texts),
    fc.nat(),
    fc.nat({ max: 12 }),
    fc.oneof(fc.constant(""), fc.constantFrom(...scraps), fc.constantFrom(...texts)),
  )
  .map(
    ([text, at, length, put]) =>
      text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + length),
  );

const finishes = fc.constantFrom<ReplyFinish>("stop", "length");
const cutting = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });

function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const length = lengths[i % lengths.length] as number;
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

describe.each([
  ["chaotic", chaos],
  ["damaged", damaged],
] as const)("%s replies", (_, replies) => {
  test("give the same from any splitting, with deltas that join to the arguments", () => {
    fc.assert(
      fc.property(replies, cutting, finishes, fc.boolean(), (text, lengths, finish, untagged) => {
        const options = { tools, finish, untaggedCalls: untagged ? ("accept" as const) : ("off" as const) };
        const whole = parseReply(text, options);
        expect(parseInPieces(cut(text, lengths), options).reply).toEqual(whole);
        expect(parseInPieces([...text], options).reply).toEqual(whole);
      }),
      { numRuns: 600 },
    );
  });

  test("cost a bounded number of readings of each character", () => {
    fc.assert(
      fc.property(replies, (text) => {
        const parser = new ReplyParser({ tools });
        parser.push(text);
        parser.end();
        expect(parser.charactersRead).toBeLessThanOrEqual(4 * text.length + 8192);
      }),
      { numRuns: 300 },
    );
  });
});

test("prose without markup comes out byte for byte", () => {
  const prose = fc.string({ unit: "grapheme", maxLength: 200 }).filter((text) => !text.includes("<"));
  fc.assert(
    fc.property(prose, cutting, (text, lengths) => {
      expect(parseInPieces(cut(text, lengths), { tools }).reply).toEqual({ content: text, calls: [] });
    }),
  );
});

test("arguments of any JSON come back equal, and their text unchanged", () => {
  // Beyond 2^53 the values are BigInt, which is another test's matter.
  const json = fc.jsonValue().filter((value) => !/\d{16}/.test(JSON.stringify(value)));
  fc.assert(
    fc.property(fc.dictionary(fc.string(), json), cutting, fc.boolean(), (args, lengths, nameFirst) => {
      const argumentsText = JSON.stringify(args);
      const members = [`"name": "x"`, `"arguments": ${argumentsText}`];
      const text = `<tool_call>\n{${(nameFirst ? members : members.reverse()).join(", ")}}\n</tool_call>`;
      const { reply, parser } = parseInPieces(cut(text, lengths));
      expect(reply).toEqual({ content: "", calls: [{ name: "x", arguments: JSON.parse(argumentsText) as unknown }] });
      expect(parser.callDetails[0]?.argumentsText).toBe(argumentsText);
    }),
  );
});

describe("hostile text is read in linear time", () => {
  test.each(Object.keys(hostileShapes))("%s", (name) => {
    const text = (hostileShapes[name] as (size: number) => string)(1024 * 1024);
    for (const size of [text.length, 1024]) {
      const parser = new ReplyParser({ tools });
      for (const piece of inPieces(text, size)) parser.push(piece);
      parser.end();
      expect(parser.charactersRead).toBeLessThanOrEqual(4 * text.length + 8192);
    }
  });
});
