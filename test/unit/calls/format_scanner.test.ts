// Replies in formats other than Hermes': the text around calls, calls that are cut off or broken, and what only looks
// like a call.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CallFormat } from "../../../src/engine/call_format.js";
import { ReplyParser, type ReplyEvent, type ReplyFinish } from "../../../src/format/hermes/index.js";
import { corpusTemplate } from "../../support/template_corpus.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const tools = [
  {
    name: "say",
    parameters: { type: "object", properties: { text: { type: "string" }, count: { type: "integer" } } },
  },
  { name: "now", parameters: { type: "object", properties: {} } },
];

async function formatOf(name: string): Promise<CallFormat> {
  const { calls } = await corpusTemplate(name);
  if (calls.kind !== "own") throw new Error(`The calls of ${name} are not known.`);
  return calls.format;
}
const names = {
  list: "mistralai-Mistral-Nemo-Instruct-2407",
  named: "Mistral-Small-3.2-24B-Instruct-2506",
  bare: "meta-llama-Llama-3.1-8B-Instruct",
  xml: "Qwen3-Coder",
  keyed: "GLM-4.6",
  section: "moonshotai-Kimi-K2",
  typed: "deepseek-ai-DeepSeek-V3.2",
  fenced: "llama-cpp-deepseek-r1",
  python: "LFM2.5-8B-A1B",
  quoted: "google-gemma-4-31B-it",
  told: "Kimi-K3",
  elements: "MiniMax-M3",
} as const;
const formats = Object.fromEntries(
  await Promise.all(Object.entries(names).map(async ([key, name]) => [key, await formatOf(name)] as const)),
) as Record<keyof typeof names, CallFormat>;

interface Read {
  readonly text: string;
  readonly calls: readonly unknown[];
  readonly malformed: readonly string[];
  readonly incomplete: boolean;
  readonly events: readonly ReplyEvent[];
}

function read(format: CallFormat, text: string, { finish = "stop" as ReplyFinish, size = text.length + 1 } = {}): Read {
  const parser = new ReplyParser({ tools }, format);
  const events: ReplyEvent[] = [];
  for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
  const { content, calls, incomplete = false } = parser.end({ finish });
  events.push(...parser.takeEvents());
  return { text: content, calls, malformed: parser.malformedTexts, incomplete, events };
}

const say = (text: string) => ({ name: "say", arguments: { text } });
const now = { name: "now", arguments: {} };

/** Two calls as each format has them. */
const written: Record<Exclude<keyof typeof names, "bare">, string> = {
  list: '[TOOL_CALLS][{"name": "say", "arguments": {"text": "hi"}}, {"name": "now", "arguments": {}, "id": "abcdefgaa"}]',
  named: '[TOOL_CALLS]say[CALL_ID]abcdefgaa[ARGS]{"text": "hi"}[TOOL_CALLS]now[CALL_ID]abcdefgab[ARGS]{}',
  xml: "<tool_call>\n<function=say>\n<parameter=text>\nhi\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>",
  keyed:
    "<tool_call>say\n<arg_key>text</arg_key>\n<arg_value>hi</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>",
  section:
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.say:0<|tool_call_argument_begin|>{"text": "hi"}<|tool_call_end|><|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>',
  typed:
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="say">\n<｜DSML｜parameter name="text" string="true">hi</｜DSML｜parameter>\n</｜DSML｜invoke>\n<｜DSML｜invoke name="now">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
  python: "<|tool_call_start|>[say(text='hi'), now()]<|tool_call_end|>",
  quoted: '<|tool_call>call:say{text:<|"|>hi<|"|>}<tool_call|><|tool_call>call:now{}<tool_call|>',
  told: '<|open|>tools<|sep|><|open|>call tool="say" index="1"<|sep|><|open|>argument key="text" type="string"<|sep|>hi<|close|>argument<|sep|><|close|>call<|sep|><|open|>call tool="now" index="2"<|sep|><|close|>call<|sep|><|close|>tools<|sep|>',
  elements:
    ']<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="say">]<]minimax[>[<text>hi]<]minimax[>[</text>]<]minimax[>[</invoke>\n]<]minimax[>[<invoke name="now">]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>',
  fenced:
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>say\n```json\n{"text": "hi"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
};

describe.each(Object.entries(written))("%s", (key, both) => {
  const format = formats[key as keyof typeof written];

  test("text before and behind calls comes out without the markup and the white space that touches it", () => {
    expect(read(format, `Let me see.\n\n${both}\n\nDone.`)).toMatchObject({
      text: "Let me see.\nDone.",
      calls: [say("hi"), now],
      malformed: [],
    });
    expect(read(format, ` \n${both}\n`)).toMatchObject({ text: "", calls: [say("hi"), now] });
  });

  test("a reply that the limit cuts anywhere loses no whole call, and makes none of a part", () => {
    for (let length = 0; length <= both.length; length++) {
      const { calls, malformed } = read(format, both.slice(0, length), { finish: "length" });
      expect([[], [say("hi")], [say("hi"), now]]).toContainEqual(calls.map(withoutRepair));
      expect(malformed).toEqual([]);
    }
    const { incomplete, calls } = read(format, both.slice(0, both.indexOf("hi") + 1), { finish: "length" });
    expect([incomplete, calls]).toEqual([true, []]);
  });

  test("the argument streams while it is written", () => {
    const parser = new ReplyParser({ tools }, format);
    const events = parser.push(both.slice(0, both.indexOf("hi") + 1));
    expect(events.at(-1)).toMatchObject({ type: "tool-call-delta", name: "say", partial: { text: "h" } });
  });

  test("splitting it changes nothing", () => {
    const whole = read(format, `a ${both} b`);
    for (const size of [1, 2, 3, 7]) {
      const { text, calls, malformed } = read(format, `a ${both} b`, { size });
      expect({ text, calls, malformed }).toEqual({ text: whole.text, calls: whole.calls, malformed: whole.malformed });
    }
  });

  test("a call whose markup or JSON is broken is reported, and its sibling is made", () => {
    const name = both.indexOf("say");
    const broken = `${both.slice(0, name)}say<<{"oops${both.slice(name + 3)}`;
    const { calls, malformed, text } = read(format, broken);
    expect(malformed.join("")).toContain("oops");
    expect(text).not.toContain("oops");
    // Markup around all calls ends with the broken one.
    if (format.begin === "" && key !== "list") expect(calls).toContainEqual(now);
  });

  test("its markers in the middle of text, without a name behind them, lose no text", () => {
    const opening = both.slice(0, both.indexOf("say"));
    expect(read(format, `The format begins with ${opening.slice(0, -1)}`)).toMatchObject({ calls: [] });
    expect(read(format, "1 < 2 [and] {so} <on>")).toMatchObject({ text: "1 < 2 [and] {so} <on>", calls: [] });
  });
});

const withoutRepair = (call: unknown) => {
  const { repaired: _, ...rest } = call as { repaired?: true };
  return rest;
};

describe("a bare call", () => {
  const call = '{"name": "say", "parameters": {"text": "hi"}}';

  test("is one at the beginning of a reply only, and only of a given tool", () => {
    expect(read(formats.bare, call)).toMatchObject({ text: "", calls: [say("hi")] });
    expect(read(formats.bare, `\n {"name":"say","parameters":{"text":"hi"}}`)).toMatchObject({ calls: [say("hi")] });
    expect(read(formats.bare, call.replace("{", '{"type": "function", '))).toMatchObject({ calls: [say("hi")] });
    for (const text of [`So: ${call}`, '{"name": "Anna", "age": 3}', '{"a": 1}', '["name"]'])
      expect(read(formats.bare, text)).toMatchObject({ text, calls: [] });
  });

  test("that is cut off is incomplete, and one that lacks its last brace is repaired", () => {
    expect(read(formats.bare, call.slice(0, -4), { finish: "length" })).toMatchObject({ calls: [], incomplete: true });
    expect(read(formats.bare, call.slice(0, -1))).toMatchObject({ calls: [{ ...say("hi"), repaired: true }] });
  });
});

describe("parameters", () => {
  const parameter = (value: string) =>
    `<tool_call>\n<function=say>\n<parameter=text>${value}</parameter>\n</function>\n</tool_call>`;

  test("a string is what stands there, one line break at each side aside", () => {
    for (const [value, text] of [
      ["\nhi\n", "hi"],
      ["hi", "hi"],
      ["\n\nhi\n\n", "\nhi\n"],
      ["\n12\n", "12"],
      ["\n</function>\n", "</function>"],
      ["\n\n", ""],
    ] as const)
      expect(read(formats.xml, parameter(value)).calls).toEqual([say(text)]);
  });

  test("another value is read as JSON, or as Python writes it, and words that are no such value as a string", () => {
    const many = (value: string) => parameter("a").replaceAll("=text", "=count").replace(">a<", `>${value}<`);
    expect(read(formats.xml, many("\n3\n")).calls).toEqual([{ name: "say", arguments: { count: 3 } }]);
    expect(read(formats.xml, many("12345678901234567890")).calls).toEqual([
      { name: "say", arguments: { count: 12345678901234567890n } },
    ]);
    expect(read(formats.xml, many("three")).calls).toMatchObject([{ problem: "invalid-arguments" }]);
    expect(read(formats.xml, many("1e999")).calls).toMatchObject([{ problem: "invalid-arguments" }]);
  });
});

test("no reply makes the parser throw or read its text more than a few times over", () => {
  const scraps = Object.values(written).flatMap((text) => text.split(/(?<=[<>[\]{}"｜])/));
  const reply = fc.array(fc.oneof(fc.constantFrom(...scraps), fc.string({ maxLength: 5 })), { maxLength: 60 });
  fc.assert(
    fc.property(
      reply,
      fc.constantFrom(...Object.values(formats)),
      fc.integer({ min: 1, max: 9 }),
      (pieces, format, size) => {
        const text = pieces.join("");
        const whole = read(format, text);
        const split = read(format, text, { size });
        expect({ ...split, events: [] }).toEqual({ ...whole, events: [] });
      },
    ),
    { numRuns: 500 },
  );
});

test("a long reply takes time in proportion to its length", () => {
  const long = "x<tool_call".repeat(60_000);
  const began = cpuMs();
  for (const format of Object.values(formats)) read(format, long, { size: 13 });
  const text = `<tool_call>\n<function=say>\n<parameter=text>${"</param ".repeat(60_000)}`;
  read(formats.xml, text, { size: 13 });
  expect(cpuMs() - began).toBeLessThan(20_000);
});
