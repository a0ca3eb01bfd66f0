// Further calls whose tag the model left out, behind one that has it: taken only when asked for.
import { describe, expect, test } from "vitest";
import { FurtherCall } from "../../../src/format/hermes/calls/further_call.js";
import { parseReply, ReplyParser } from "../../../src/format/hermes/index.js";
import { everySplit, parseInPieces } from "../../support/parser/reply_pieces.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const tools = [{ name: "add", parameters: { type: "object", properties: { a: { type: "number" } }, required: ["a"] } }];
const options = { tools, untaggedCalls: "accept" } as const;
const json = (a: number) => `{"name": "add", "arguments": {"a": ${a}}}`;
const tagged = (a: number) => `<tool_call>\n${json(a)}\n</tool_call>`;
const repaired = (a: number) => ({ name: "add", arguments: { a }, repaired: true });
const whole = (a: number) => ({ name: "add", arguments: { a } });

describe("further calls without their tag are read as calls", () => {
  test.each([
    ["with its closing tag", `${tagged(1)}\n${json(2)}\n</tool_call>`, [whole(1), repaired(2)]],
    ["without it, at the end", `${tagged(1)}\n${json(2)}`, [whole(1), repaired(2)]],
    [
      "three of them",
      `${tagged(1)}\n${json(2)}\n</tool_call>\n${json(3)}\n</tool_call>`,
      [whole(1), repaired(2), repaired(3)],
    ],
    [
      "arguments first, with other white space",
      `${tagged(1)}\n\n  { "arguments": {"a": 2}, "name": "add"}\n</tool_call>`,
      [whole(1), repaired(2)],
    ],
    ["between tagged ones", `${tagged(1)}\n${json(2)}\n</tool_call>\n${tagged(3)}`, [whole(1), repaired(2), whole(3)]],
  ])("%s", (_, text, calls) => {
    expect(parseReply(text, options)).toEqual({ content: "", calls });
    for (const pieces of everySplit(text)) expect(parseInPieces(pieces, options).reply).toEqual({ content: "", calls });
  });
});

describe("what follows a call is left as text", () => {
  test.each([
    ["on the same line", `${tagged(1)} ${json(2)}`],
    ["another object", `${tagged(1)}\n{"city": "Paris"}`],
    ["a key that only begins like one", `${tagged(1)}\n{"names": 1}`],
    ["behind text", `${tagged(1)}\nAnd ${json(2)}`],
    ["the beginning of one at the end", `${tagged(1)}\n{"nam`],
  ])("%s", (_, text) => {
    for (const pieces of everySplit(text)) {
      const { reply } = parseInPieces(pieces, options);
      expect(reply.calls).toEqual([whole(1)]);
      expect(reply.content.trim()).toBe(text.slice(tagged(1).length).trim());
    }
  });

  test("without the option", () => {
    expect(parseReply(`${tagged(1)}\n${json(2)}`, { tools }).calls).toEqual([whole(1)]);
  });
});

test("where only calls could be written, what the token limit cut off is never text: two calls cut after each character", () => {
  const text = `${tagged(1)}\n${tagged(2)}`;
  const bare = `${tagged(1)}\n${json(2)}`;
  for (const [whole, untaggedCalls] of [
    [text, "off"],
    [text, "accept"],
    [bare, "accept"],
  ] as const) {
    for (let end = 0; end <= whole.length; end++) {
      const { content, calls, incomplete } = parseReply(whole.slice(0, end), {
        tools,
        untaggedCalls,
        callsOnly: true,
        finish: "length",
      });
      expect(content, whole.slice(0, end)).toBe("");
      expect(calls.length > 0 || incomplete === true, whole.slice(0, end)).toBe(end > 0);
    }
  }
  expect(parseReply("<tool", { tools, callsOnly: true, finish: "stop" }).content).toBe("<tool");
  expect(parseReply("<tool", { tools, finish: "length" })).toEqual({ content: "<tool", calls: [] });
});

test("a broken further call is reported as the model wrote it", () => {
  const parser = new ReplyParser(options);
  parser.push(`${tagged(1)}\n{"name" "add"}\n</tool_call>`);
  expect(parser.end()).toMatchObject({ calls: [whole(1)], malformed: 1 });
  expect(parser.malformedTexts[0]).not.toContain("supplied");
  expect(parser.suppliedTags).toBe(true);
});

test.each(["\n", " ", "</tool_call>", "</tool_call>\n{", "<", '{"name"'])(
  "a megabyte of %j is passed on in linear time",
  (piece) => {
    const text = `</tool_call>${piece.repeat(Math.ceil(1_000_000 / piece.length))}`;
    const begun = cpuMs();
    const filter = new FurtherCall();
    let passed = "";
    for (let at = 0; at < text.length; at += 4096) passed += filter.feed(text.slice(at, at + 4096));
    passed += filter.end();
    expect(passed.length).toBeGreaterThanOrEqual(text.length);
    expect(cpuMs() - begun).toBeLessThan(10_000);
  },
);
