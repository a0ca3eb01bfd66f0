// What a reader of the stream may rely on: order, early text, partial arguments, the name before any argument.

import { describe, expect, test } from "vitest";
import { ReplyParser } from "../../../src/format/hermes/index.js";
import type { ToolCallDeltaEvent, ReplyEvent } from "../../../src/format/hermes/index.js";
import { inPieces, parseInPieces } from "../../support/parser/reply_pieces.js";

const weather = {
  name: "get_weather",
  parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
};
const ping = { type: "function", function: { name: "ping" } };
const two = { tools: [weather, ping] };
const one = { tools: [weather] };

const loneSurrogate = /\p{Surrogate}/u;

const types = (events: ReplyEvent[]): string[] => events.map((event) => event.type);
const deltas = (events: ReplyEvent[]): string[] =>
  events.filter((event) => event.type === "tool-call-delta").map((event) => event.textDelta);

describe("text", () => {
  test("is given out at once when it can't touch a call", () => {
    const parser = new ReplyParser(two);
    expect(parser.push("Hello wor")).toEqual([{ type: "text", text: "Hello wor" }]);
    expect(parser.push("ld. ")).toEqual([{ type: "text", text: "ld." }]);
    expect(parser.push("a < b")).toEqual([{ type: "text", text: " a < b" }]);
  });

  test("is held back no longer than it may be a tag", () => {
    const parser = new ReplyParser(two);
    expect(parser.push("see <tool_")).toEqual([{ type: "text", text: "see" }]);
    expect(parser.push("box>")).toEqual([{ type: "text", text: " <tool_box>" }]);
  });

  test("never comes with half a character", () => {
    const { events } = parseInPieces(inPieces('a😀b <tool_call>{"name":"ping","arguments":{"x":"😀"}}', 1), two);
    for (const event of events) {
      if (event.type === "text") expect(event.text).not.toMatch(loneSurrogate);
      if (event.type === "tool-call-delta") expect(event.textDelta).not.toMatch(loneSurrogate);
    }
  });

  test("half a character at the very end comes out as it is", () => {
    expect(parseInPieces(["a\ud83d"]).reply.content).toBe("a\ud83d");
  });
});

describe("calls", () => {
  test("stream their arguments as strict JSON, repaired on the way", () => {
    const parser = new ReplyParser(two);
    parser.push("<tool_call>\n{'name': 'get_weather', 'arguments': {'location': 'Par");
    const events = parser.push("is', 'now': True, # soon\n}}\n</tool_call>");
    expect(deltas(events).join("")).toBe('is", "now": true }');
    expect(parser.end().calls).toEqual([
      { name: "get_weather", arguments: { location: "Paris", now: true }, repaired: true },
    ]);
    expect(parser.callDetails[0]?.argumentsText).toBe('{"location": "Paris", "now": true }');
  });

  test("show no argument before the name while two tools are possible", () => {
    const parser = new ReplyParser(two);
    expect(parser.push('<tool_call>\n{"arguments": {"location": "Paris"}, "na')).toEqual([]);
    const events = parser.push('me": "get_weather"}');
    expect(types(events)).toEqual(["tool-call-start", "tool-call-delta"]);
    expect(deltas(events)).toEqual(['{"location": "Paris"}']);
  });

  test("show arguments before the name when there is one tool", () => {
    const parser = new ReplyParser(one);
    const events = parser.push('<tool_call>\n{"arguments": {"location": "Par');
    expect(types(events)).toEqual(["tool-call-start", "tool-call-delta"]);
    expect((events[1] as ToolCallDeltaEvent).partial).toEqual({ location: "Par" });
  });

  test("have partial arguments that grow and are the reader's own copy", () => {
    const parser = new ReplyParser(two);
    const [, delta] = parser.push('<tool_call>\n{"name": "get_weather", "arguments": {"a": [1, {"b": "x') as [
      ReplyEvent,
      ToolCallDeltaEvent,
    ];
    const first = delta.partial as { a: unknown[] };
    expect(first).toEqual({ a: [1, { b: "x" }] });
    first.a.length = 0;
    parser.push('y", "c": 12');
    expect(delta.partial).toEqual({ a: [1, { b: "xy" }] });
    parser.push('3}], "d": "');
    expect(delta.partial).toEqual({ a: [1, { b: "xy", c: 123 }], d: "" });
    parser.push('"}}</tool_call>');
    expect(parser.end().calls[0]?.arguments).toEqual({ a: [1, { b: "xy", c: 123 }], d: "" });
  });

  test("keep `__proto__` an ordinary name in partial and final arguments", () => {
    const parser = new ReplyParser();
    const events = parser.push('<tool_call>{"name": "a", "arguments": {"__proto__": {"x": "y');
    const partial = (events[1] as ToolCallDeltaEvent).partial as object;
    expect(JSON.stringify(partial)).toBe('{"__proto__":{"x":"y"}}');
    parser.push('"}, "constructor": {"prototype": 1}}}</tool_call>');
    const args = parser.end().calls[0]?.arguments as object;
    expect(JSON.stringify(args)).toBe('{"__proto__":{"x":"y"},"constructor":{"prototype":1}}');
    expect(Object.getPrototypeOf(args)).toBe(Object.prototype);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  test("start again when the model writes its arguments twice", () => {
    const { events } = parseInPieces(
      ['<tool_call>{"name":"ping","arguments":{"a":1},', '"arguments":{"b":2}}</tool_call>'],
      two,
    );
    expect(types(events)).toEqual([
      "tool-call-start",
      "tool-call-delta",
      "tool-call-start",
      "tool-call-delta",
      "tool-call",
    ]);
    expect(events[2]).toMatchObject({ restart: true, id: "call_0" });
  });

  test("are told of once their repair is known", () => {
    const parser = new ReplyParser(two);
    expect(types(parser.push('<tool_call>{"name":"ping","arguments":{}}</tool_call>'))).toEqual([
      "tool-call-start",
      "tool-call-delta",
    ]);
    expect(parser.push("</tool_call>")).toEqual([]);
    expect(parser.push("So")).toMatchObject([
      { type: "tool-call", name: "ping", repaired: true },
      { type: "text", text: "So" },
    ]);
  });

  test("say in a sentence what is wrong with them", () => {
    const text =
      '<tool_call>{"name":"get_weather","arguments":{}}</tool_call><tool_call>{"name":"nope","arguments":{}}</tool_call>';
    const { parser } = parseInPieces([text], two);
    expect(parser.callDetails.map((call) => call.problemMessage)).toEqual([
      "The argument location is required.",
      'There is no tool named "nope"; there is "get_weather", "ping".',
    ]);
  });

  test("that break are reported whole, under the index they had", () => {
    const { events } = parseInPieces(['a <tool_call>\n{"name": "ping", "arguments": {"x" 1}}\n</tool_call> b'], two);
    expect(events).toMatchObject([
      { type: "text", text: "a" },
      { type: "tool-call-start", id: "call_0" },
      { type: "malformed", id: "call_0", text: '<tool_call>\n{"name": "ping", "arguments": {"x" 1}}\n</tool_call>' },
      { type: "text", text: "\nb" },
    ]);
  });

  test("keep the digits of large integers in text and value", () => {
    const { parser } = parseInPieces(
      ['<tool_call>{"name":"ping","arguments":{"n":12345678901234567890}}</tool_call>'],
      two,
    );
    expect(parser.callDetails[0]).toMatchObject({
      argumentsText: '{"n":12345678901234567890}',
      arguments: { n: 12345678901234567890n },
    });
  });
});

describe("the end of the turn", () => {
  test("is told as soon as the model invents a result", () => {
    const parser = new ReplyParser(two);
    expect(types(parser.push("a\n<tool_response>"))).toEqual(["text", "turn-end"]);
    expect(parser.turnEnded).toBe(true);
    expect(parser.push("more")).toEqual([]);
    expect(parser.end()).toEqual({ content: "a", calls: [] });
  });

  test("can be asked for twice, and takes nothing more", () => {
    const parser = new ReplyParser();
    parser.push("a");
    expect(parser.end()).toBe(parser.end());
    expect(() => parser.push("b")).toThrow("push was called after end.");
  });
});

describe("reasoning", () => {
  test("streams while the scratch pad is open", () => {
    const parser = new ReplyParser();
    expect(parser.push("<scratch_pad>\nGoal: x")).toEqual([{ type: "reasoning", text: "Goal: x" }]);
    expect(parser.push(" y\n</scratch_pad>\nHi")).toEqual([
      { type: "reasoning", text: " y" },
      { type: "text", text: "Hi" },
    ]);
  });
});

describe("wrong options are refused", () => {
  test.each([
    [{ tools: {} }, "Invalid value for tools: an object. Expected an array of tools."],
    [{ tools: [{}] }, "Invalid value for tools: an object. Expected a tool with a name."],
    [{ untaggedCalls: true }, 'Invalid value for untaggedCalls: true. Expected "accept" or "off".'],
  ])("%j", (options, message) => {
    expect(() => new ReplyParser(options as never)).toThrow(message);
  });

  test("chunks that are no text and unknown finishes", () => {
    expect(() => new ReplyParser().push(undefined as never)).toThrow(
      "Invalid value for chunk: undefined. Expected a string.",
    );
    expect(() => new ReplyParser().end({ finish: "done" as never })).toThrow(
      'Invalid value for finish: "done". Expected "stop" or "length".',
    );
  });
});
