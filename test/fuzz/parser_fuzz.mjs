// Fuzzes the reply parser with damaged and recombined replies: it must not throw, must give the same from any
// splitting, its deltas must join to the arguments, and it may read each character only a bounded number of times.
// Usage, after a build: node test/fuzz/parser_fuzz.mjs [CPU minutes, default 1] [seed]

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ReplyParser } from "../../dist/format/hermes/index.js";
import { seeded } from "../support/seeded.mjs";

const minutes = Number(process.argv[2] ?? 1);
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31);
const { tools, cases } = JSON.parse(readFileSync(new URL("../support/cases/tool-calls.json", import.meta.url), "utf8"));

const { below: random, pick } = seeded(seed);

const scraps = [
  ..."<>{}[]\"',:\\`/#* \n\r\t;()-.0e",
  "<tool_call>",
  "<tool_call>\n",
  "</tool_call>",
  "\n</tool_call>\n",
  '<tool_call x="1">',
  "<tool_call ",
  "<tool_response>",
  "</tool_response>",
  "<scratch_pad>",
  "\n<scratch_pad>\n",
  "</scratch_pad>",
  "<|im_end|>",
  "```",
  "```json\n",
  "\n```\n",
  "//",
  "/*",
  "*/",
  "# ",
  '"name": "ping"',
  '"arguments": {}',
  '"arguments": {"location": "Paris"}',
  "'name': 'set'",
  "{'flag': True}",
  '"function": {',
  '"parameters": ',
  '"type": "function"',
  '{"name": "ping", "arguments": {}}',
  '{"name": "get_weather", "arguments": {"location": "Rome"}}',
  "True",
  "None",
  "null",
  "NaN",
  "1e999",
  "123456789012345678901",
  "007",
  "+1",
  ".5",
  "\\u00e9",
  "\\ud83d",
  "\\ude00",
  "\\u12",
  "\\x41",
  "\\'",
  "\\d",
  "\u{1f600}",
  "\ud83d",
  "é",
  "\ufeff",
  "\u00a0",
  "\u2028",
  "\u0000",
  "__proto__",
  "Some text. ",
  "it's",
];

// Replies grown from a small grammar, so that much of them is nearly right.
const value = (depth) =>
  depth > 3
    ? pick(['"a"', "1", "true", "null", '""', "-0"])
    : pick([
        () => '"' + pick(["x", "</tool_call>", "\\n", "a\nb", "}\n</tool_call>\n", "it's", '\\"', ""]) + '"',
        () => "'" + pick(["x", 'say "hi"', "\\'", "<tool_call>{"]) + "'",
        () => pick(["1", "-1.5e3", "True", "false", "None", "9007199254740993"]),
        () =>
          "{" +
          Array.from(
            { length: random(4) },
            () => `${pick(['"a"', "'b'", "c", '"name"', '"arguments"', '"__proto__"'])}: ${value(depth + 1)}`,
          ).join(pick([",", ", ", ",\n"])) +
          pick(["", ",", " "]) +
          "}",
        () => "[" + Array.from({ length: random(4) }, () => value(depth + 1)).join(", ") + pick(["", ","]) + "]",
      ])();
const object = () => {
  const members = [
    `${pick(['"name"', "'name'", "name"])}: ${pick(['"ping"', '"get_weather"', "'set'", '"nope"', "5"])}`,
  ];
  if (random(8))
    members.push(
      `${pick(['"arguments"', "'arguments'", '"parameters"'])}: ${random(6) ? value(0) : JSON.stringify(value(0))}`,
    );
  if (!random(6)) members.push(`"id": ${value(2)}`);
  if (random(2)) members.reverse();
  const whole = `{${members.join(", ")}}`;
  return random(8) ? whole : pick([`{"type": "function", "function": ${whole}}`, whole.slice(0, -1), `${whole}}`]);
};
const block = () =>
  pick(["<tool_call>\n", "<tool_call>", "```\n<tool_call>\n", "<tool_call>\n```json\n"]) +
  pick([object, object, object, () => `[${object()}, ${object()}]`, () => `${object()}\n${object()}`])() +
  pick(["\n</tool_call>", "</tool_call>", "\n```\n</tool_call>\n", "\n<tool_call>", "", "<|im_end|>"]);
const grown = () =>
  Array.from({ length: 1 + random(4) }, () =>
    pick([block, block, () => pick(scraps), () => "\n", () => "Some text.\n", object])(),
  ).join("");

function mutate(text) {
  let result = text;
  for (let n = random(5); n > 0; n--) {
    const at = random(result.length + 1);
    const length = random(random(4) ? 3 : 40);
    const put = pick([
      () => "",
      () => pick(scraps),
      () => pick(scraps) + pick(scraps),
      () => result.slice(at, at + length + 5),
      () => pick(corpus),
    ])();
    result = result.slice(0, at) + put + result.slice(at + length);
    if (result.length > 3000) result = result.slice(0, 3000);
  }
  return random(20) ? result : result.slice(0, random(result.length + 1));
}

const corpus = cases.map((one) => one.text);

function read(pieces, options, finish) {
  const parser = new ReplyParser(options);
  const events = [];
  for (const piece of pieces) {
    events.push(...parser.push(piece));
    for (const event of events.slice(-1)) if (event.type === "tool-call-delta") void event.partial;
  }
  const reply = parser.end({ finish });
  events.push(...parser.takeEvents());
  return { parser, reply, events };
}

function check(text) {
  const finish = random(3) ? "stop" : "length";
  const options = { ...(random(8) ? { tools } : {}), untaggedCalls: random(3) ? "off" : "accept" };
  const pieces = [];
  const most = 1 + random(12);
  for (let at = 0; at < text.length; ) {
    const length = 1 + random(most);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  const whole = read([text], options, finish);
  const split = read(pieces, options, finish);
  assert.deepStrictEqual(split.reply, whole.reply);
  assert.deepStrictEqual(split.parser.malformedTexts, whole.parser.malformedTexts);
  assert.ok(whole.parser.charactersRead <= 4 * text.length + 8192, "reads too much");
  for (const { events, reply, parser } of [whole, split]) {
    const streamed = new Map();
    let content = "";
    for (const event of events) {
      if (event.type === "text") content += event.text;
      if (event.type === "tool-call-start") streamed.set(event.id, "");
      if (event.type === "tool-call-delta") streamed.set(event.id, streamed.get(event.id) + event.textDelta);
      if (event.type === "tool-call") {
        assert.equal(streamed.get(event.id), event.argumentsText);
        const expected = JSON.stringify(event.arguments, (_, v) => (typeof v === "bigint" ? Number(v) : v));
        assert.equal(JSON.stringify(JSON.parse(event.argumentsText)), expected);
      }
    }
    assert.equal(content, reply.content);
    assert.equal(parser.malformedTexts.length, reply.malformed ?? 0);
    assert.equal(events.filter((event) => event.type === "tool-call").length, reply.calls.length);
  }
  return whole.reply;
}

let runs = 0;
const seen = { calls: 0, malformed: 0, incomplete: 0, repaired: 0 };
while (process.cpuUsage().user / 60e6 < minutes) {
  const text = pick([
    () => mutate(pick(corpus)),
    () => mutate(grown()),
    () => mutate(pick(corpus) + pick(corpus)),
    grown,
  ])();
  try {
    const reply = check(text);
    if (reply.calls.length) seen.calls++;
    if (reply.malformed) seen.malformed++;
    if (reply.incomplete) seen.incomplete++;
    if (reply.calls.some((call) => call.repaired)) seen.repaired++;
  } catch (error) {
    console.error(`seed ${seed}, run ${runs}:\n${JSON.stringify(text)}\n`, error);
    process.exit(1);
  }
  runs++;
}
console.log(`${runs} replies in ${minutes} CPU minutes from seed ${seed}, nothing found`, seen);
