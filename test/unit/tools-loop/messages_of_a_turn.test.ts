// Models whose thoughts, texts and calls are messages of their own within a turn: OpenAI's harmony, and others. Their
// words are scripted.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tool } from "../../../src/chat/tools/tool.js";
import type { ToolConstraint } from "../../../src/engine/engine.js";
import { toNativeConstraint } from "../../../src/engine/addon/grammar.js";
import { partsToText } from "../../../src/format/hermes/prompt/prompt.js";
import type { TurnMessages } from "../../../src/engine/call_format.js";
import { MessagesReader } from "../../../src/format/calls/reading/messages_reader.js";
import type { Message, ReplyEvent, ReplyOptions } from "../../../src/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { templateSource } from "../../support/template_corpus.js";
import { cpuMs } from "../../support/time/cpu_time.js";

const add = tool({
  name: "add",
  description: "Adds one",
  parameters: { type: "object", properties: { a: { type: "integer" } }, required: ["a"] } as const,
  execute: ({ a }) => a + 1,
});

async function saying(template: string, ...lines: readonly string[]) {
  let round = 0;
  return scriptedModel({
    chatTemplate: templateSource(template),
    constrained: true,
    contextSize: 32_768,
    answer: () => lines[Math.min(round++, lines.length - 1)] ?? "",
  });
}

const harmony = "openai-gpt-oss-120b";
const functionary = "meetkai-functionary-medium-v3.2";
const muse = "muse-glimmer";

const kimi = "Kimi-K3";

const start = "<|start|>assistant";
const tag = (name: string, text: string) => `<|open|>${name}<|sep|>${text}<|close|>${name.split(" ")[0]!}<|sep|>`;
const kimiCall = (a: number, index = 1) =>
  tag(`call tool="add" index="${index}"`, tag('argument key="a" type="number"', String(a)));
const kimiEnd = "<|close|>message<|sep|>";
const kimiThought = (text: string) => `${text}<|close|>think<|sep|>`;
const thought = (text: string) => `<|channel|>analysis<|message|>${text}<|end|>${start}`;
const final = (text: string) => `<|channel|>final<|message|>${text}`;
const atom = (a: number) =>
  `to=add<|message|><atem:function_calls>\n<atem:invoke name="add">\n<atem:parameter name="a">${a}</atem:parameter>\n</atem:invoke>\n</atem:function_calls>`;

/** A thought where the model has some, a text, and a call, as each may write them; then the answer. */
const written: readonly (readonly [template: string, title: string, turn: string, answer: string, said: string])[] = [
  [
    harmony,
    "a recipient behind the channel",
    '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": 1}',
    final("2"),
    "",
  ],
  [
    harmony,
    "a recipient behind the role",
    ' to=functions.add<|channel|>commentary json<|message|>{"a": 1}',
    final("2"),
    "",
  ],
  [harmony, "no type of the content", '<|channel|>commentary to=functions.add<|message|>{"a": 1}', final("2"), ""],
  [
    harmony,
    "a thought before",
    `${thought("Hm.")}<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a":1}`,
    `${thought("So.")}${final("2")}`,
    "",
  ],
  [
    harmony,
    "a thought before, in the other way",
    `${thought("Hm.")} to=functions.add<|channel|>commentary json<|message|>{"a": 1}`,
    final("2"),
    "",
  ],
  [
    harmony,
    "a text before",
    `${thought("Hm.")}<|channel|>commentary<|message|>One moment.<|end|>${start}<|channel|>commentary to=functions.add json<|message|>{"a": 1}`,
    final("2"),
    "One moment.",
  ],
  [functionary, "a name alone", 'add\n{"a": 1}', "all\n2", ""],
  [
    functionary,
    "a text before",
    'all\nOne moment. >>> is Python.>>>add\n{"a": 1}',
    "all\n2",
    "One moment. >>> is Python.",
  ],
  [
    kimi,
    "a thought before",
    `${kimiThought("Hm.")}${tag("response", "")}${tag("tools", kimiCall(1))}${kimiEnd}`,
    `${kimiThought("So.")}${tag("response", "2")}${kimiEnd}`,
    "",
  ],
  [
    kimi,
    "a text before",
    `${kimiThought("")}${tag("response", "One moment.")}${tag("tools", kimiCall(1))}${kimiEnd}`,
    `${kimiThought("")}${tag("response", "2")}${kimiEnd}`,
    "One moment.",
  ],
  [muse, "a recipient", ` ${atom(1)}`, " to=user<|message|>2", ""],
  [
    muse,
    "a thought before",
    ` to=self<|message|>Hm.<|eom|>${start} ${atom(1)}`,
    ` to=self<|message|>So.<|eom|>${start} to=user<|message|>2`,
    "",
  ],
];

describe.each(written)("%s with %s", (template, title, turn, answer, said) => {
  test("the call runs, its result goes back, and no markup is text", async () => {
    const { model, engine } = await saying(template, turn, answer);
    const { text, messages, reasoning } = await model.reply("1 + 1?", { tools: [add] });
    expect(text).toBe("2");
    const thinks = title.startsWith("a thought");
    expect(messages).toMatchObject([
      { role: "assistant", content: said, tool_calls: [{ function: { name: "add" } }] },
      { role: "tool", content: "2" },
      { role: "assistant", content: "2" },
    ]);
    const [call] = (messages[0] as Extract<Message, { role: "assistant" }>).tool_calls!;
    expect(JSON.parse(call!.function.arguments)).toEqual({ a: 1 });
    expect((messages[0] as { reasoning_content?: string }).reasoning_content).toBe(
      thinks || /Hm/.test(turn) ? "Hm." : undefined,
    );
    expect(reasoning).toBe(/So/.test(answer) ? "So." : undefined);
    expect(engine.requests).toHaveLength(2);
  });

  test("its arguments are told while they are written, in pieces of any size", async () => {
    const { model } = await saying(template, turn);
    const caller = tool({ name: "add", parameters: add.parameters });
    const seen: ReplyEvent[] = [];
    for await (const event of model.reply("1 + 1?", { tools: [caller] })) seen.push(event);
    const deltas = seen.flatMap((event) => (event.type === "tool-call-delta" ? [event.textDelta] : []));
    expect(deltas.length).toBeGreaterThan(1);
    expect(JSON.parse(deltas.join(""))).toEqual({ a: 1 });
    const texts = seen.flatMap((event) => (event.type === "text" ? [event.text] : []));
    expect(texts.join("")).toBe(said);
  });
});

test("the constraint has both ways to write a header, and begins with the beginning of a message behind a thought", async () => {
  const { model, engine } = await saying(harmony, written[0]![2], final("2"));
  await model.reply("1 + 1?", { tools: [add], toolChoice: "required" });
  const { format } = engine.requests[0]!.constraint as ToolConstraint;
  expect(format?.messages).toEqual({
    next: start,
    texts: [
      "<|channel|>final<|message|>",
      "<|channel|>commentary<|message|>",
      "<|channel|>final <|constrain|>json<|message|>",
    ],
    textEnd: "<|end|>",
  });
  expect([format?.call[0], format?.also?.[0]?.[0]]).toEqual([" to=functions.", "<|channel|>commentary to=functions."]);
  // Behind the thought of a turn with calls, a message is begun, and no channel is forced.
  expect(engine.requests[0]!.thought).toMatchObject({ opening: "<|channel|>analysis<|message|>", answer: start });
  expect(engine.preserved).toEqual(
    expect.arrayContaining(["<|channel|>commentary to=functions.", " <|constrain|>json", start]),
  );
});

test("what the model thought goes back to it with the result of its call", async () => {
  const { model, engine } = await saying(harmony, written[3]![2], final("2"));
  await model.reply("1 + 1?", { tools: [add] });
  const prompt = partsToText(engine.requests[1]!.prompt);
  expect(prompt).toContain(
    `${start}<|channel|>analysis<|message|>Hm.<|end|>${start} to=functions.add<|channel|>commentary json<|message|>{"a": 1}<|call|><|start|>functions.add to=assistant<|channel|>commentary<|message|>"2"<|end|>${start}`,
  );
});

describe("tags of which one holds all calls and another the text before them", () => {
  const schema = { type: "object", properties: { say: { type: "string" } }, required: ["say"] } as const;
  const required = { tools: [add], toolChoice: "required", maxRounds: 1 } as const;

  test("a required call has an empty text before it, whether the model thinks or not", async () => {
    const { model, engine } = await saying(kimi, "");
    await model.reply("1 + 1?", required).catch(() => undefined);
    await model.reply("1 + 1?", { ...required, reasoning: "off" }).catch(() => undefined);
    const [thinking, not] = engine.requests;
    expect(thinking!.thought).toMatchObject({ open: true, answer: "", end: "<|close|>think<|sep|>" });
    expect(partsToText(thinking!.prompt)).toMatch(
      /<\|open\|>message role="assistant"<\|sep\|><\|open\|>think<\|sep\|>$/,
    );
    expect(not!.thought).toBeUndefined();
    expect(partsToText(not!.prompt)).toMatch(/<\|open\|>message role="assistant"<\|sep\|>$/);
    for (const { constraint } of engine.requests)
      expect(toNativeConstraint(constraint!).text).toContain(
        'start:  "<|open|>response<|sep|><|close|>response<|sep|>" "<|open|>tools<|sep|>" call',
      );
  });

  test("free text goes on in the answer that the prompt has begun, and calls follow it", async () => {
    const { model, engine } = await saying(
      kimi,
      `One moment.<|close|>response<|sep|>${tag("tools", kimiCall(1) + kimiCall(2, 2))}${kimiEnd}`,
      `2 and 3<|close|>response<|sep|>${kimiEnd}`,
    );
    const { text, messages } = await model.reply("1 + 1, 2 + 1?", { tools: [add], reasoning: "off" });
    expect(text).toBe("2 and 3");
    expect(messages[0]).toMatchObject({
      content: "One moment.",
      tool_calls: [1, 2].map((a) => ({ function: { arguments: `{"a": ${a}}` } })),
    });
    const prompt = partsToText(engine.requests[1]!.prompt);
    expect(prompt).toContain(
      `<|open|>message role="assistant"<|sep|>${tag("response", "One moment.")}${tag("tools", kimiCall(1) + kimiCall(2, 2))}${kimiEnd}<|end_of_msg|>`,
    );
    expect(prompt).toContain(tag('message role="tool" tool="add" index="2"', "3"));
  });

  test("with a schema a turn is calls or JSON in the answer, whether the model thinks or not", async () => {
    for (const reasoning of ["on", "off"] as const) {
      const thought = reasoning === "on" ? kimiThought("Hm.") : "";
      const calls = await saying(
        kimi,
        `${thought}${tag("response", "")}${tag("tools", kimiCall(1))}`,
        `${thought}${tag("response", '{"say": "2"}')}${kimiEnd}`,
      );
      expect((await calls.model.reply("1 + 1?", { tools: [add], schema, reasoning })).value).toEqual({ say: "2" });
    }
    const { model, engine } = await saying(kimi, `{"say": "2"}`);
    expect((await model.reply("1 + 1?", { schema, reasoning: "off" })).value).toEqual({ say: "2" });
    expect(partsToText(engine.requests[0]!.prompt)).toMatch(/<\|open\|>response<\|sep\|>$/);
  });
});

describe("a reply without tools", () => {
  const reply = async (template: string, said: string, options: ReplyOptions = {}) => {
    const { model, engine } = await saying(template, said);
    const { text, reasoning } = await model.reply("Hi", options);
    return { text, reasoning, request: engine.requests[0]!, prompt: partsToText(engine.requests[0]!.prompt) };
  };

  test.each([
    [harmony, final("Hello."), "Hello.", undefined],
    [harmony, `${thought("Hm.")}${final("Hello.")}`, "Hello.", "Hm."],
    [harmony, `${thought("Hm.")}${thought("So.")}${final("Hello.")}`, "Hello.", "Hm.So."],
    [harmony, `<|channel|>commentary<|message|>Well.<|end|>${start}${final("Hello.")}`, "Well.\nHello.", undefined],
    [harmony, "<|channel|>final <|constrain|>json<|message|>{}", "{}", undefined],
    [harmony, "Hello.", "Hello.", undefined],
    [functionary, "all\nHello.", "Hello.", undefined],
    [functionary, "all\n>>> 1 + 1\n2", ">>> 1 + 1\n2", undefined],
    [muse, " to=user<|message|>Hello.", "Hello.", undefined],
    [
      kimi,
      `${kimiThought("Hm.")}${tag("response", "The response, a message.")}${kimiEnd}`,
      "The response, a message.",
      "Hm.",
    ],
    [kimi, `${kimiThought("Hm.")}${tag("response", "Hello.")}`, "Hello.", "Hm."],
    [kimi, `${kimiThought("")}<|open|>response<|sep|>Hello`, "Hello", undefined],
    ["MiniMax-M3", "</mm:think>Hello.", "Hello.", undefined],
    ["MiniMax-M3", "<mm:think>Hm.</mm:think>Hello.", "Hello.", "Hm."],
    ["MiniMax-M3", "Hello.", "Hello.", undefined],
  ])("%s: %j", async (template, said, text, reasoning) => {
    expect(await reply(template, said)).toMatchObject({ text, reasoning });
  });

  test("is not to think: a thought that begins is ended at once, and is no text either", async () => {
    const { request, text } = await reply(harmony, final("Hello."), { reasoning: "off" });
    expect([request.thought?.maxTokens, text]).toEqual([0, "Hello."]);
  });

  test("effort goes to the template", async () => {
    const { prompt } = await reply(harmony, final("Hello."), { reasoning: { effort: "high" } });
    expect(prompt).toContain("Reasoning: high");
  });

  test("JSON is written in the message of an answer", async () => {
    const schema = { type: "object", properties: { a: { type: "integer" } } } as const;
    const json = await reply(functionary, '{"a": 1}', { schema });
    expect([json.prompt.endsWith(">>>all\n"), json.text]).toEqual([true, '{"a": 1}']);
    const thinking = await reply(harmony, `${thought("Hm.")}${final('{"a": 1}')}`, { schema });
    expect([thinking.prompt.endsWith(start), thinking.text]).toEqual([true, '{"a": 1}']);
    expect(thinking.request.thought?.answer).toBe(`${start}<|channel|>final<|message|>`);
  });

  test("goes on with the text that a message has", async () => {
    const { model } = await saying(harmony, " all\n>>>final");
    const history: Message[] = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
    ];
    expect((await model.reply(history, { continueFinalMessage: true })).text).toBe(" all\n>>>final");
  });
});

test("with a schema a turn is a call or its JSON in the answer's channel", async () => {
  const schema = { type: "object", properties: { say: { type: "string" } }, required: ["say"] } as const;
  const { model } = await saying(harmony, written[0]![2], final('{"say": "to=functions.add"}'));
  const { value } = await model.reply("1 + 1?", { tools: [add], schema });
  expect(value).toEqual({ say: "to=functions.add" });
});

test("several calls of a turn follow each other where no token of a turn's end is between them", async () => {
  const { model } = await saying(muse, ` ${atom(1)}<|eom|>${start} ${atom(2)}`, " to=user<|message|>2 and 3");
  const { text, messages } = await model.reply("1 + 1, 2 + 1?", { tools: [add] });
  expect(text).toBe("2 and 3");
  expect(messages[0]).toMatchObject({
    content: "",
    tool_calls: [1, 2].map((a) => ({ function: { arguments: `{"a": ${a}}` } })),
  });
  const other = await saying(functionary, 'add\n{"a": 1}>>>add\n{"a": 2}', "all\n2 and 3");
  const second = await other.model.reply("1 + 1, 2 + 1?", { tools: [add] });
  expect([second.text, second.messages.length]).toEqual(["2 and 3", 4]);
});

test("no reply makes the reader lose text or read otherwise when it is cut elsewhere", () => {
  const shapes: readonly TurnMessages[] = [
    { next: "<n>", texts: ["<t>"], textEnd: "<e>" },
    { next: ">>>", texts: ["all\n"], textEnd: "" },
    { next: "", texts: ["<t>"], textEnd: "</t>" },
    { next: "", texts: ["<t>"], textEnd: "</t>", textFirst: true, turnEnd: "</m>" },
  ];
  const tags = { opening: "<h>", closing: "<e>", answer: "", end: "" };
  const scraps = [
    "</m>",
    "<n>",
    "<t>",
    "<e>",
    "<h>",
    "</t>",
    ">>>",
    "all\n",
    "f\n",
    "<",
    ">",
    ">>",
    " ",
    "\n",
    "a",
    "{}",
  ];
  const read = (messages: TurnMessages, text: string, size: number) => {
    const reader = new MessagesReader(messages, tags, ["f\n", ">>>f\n"], "beginning");
    const out = { reasoning: "", text: "" };
    for (let at = 0; at < text.length; at += size) {
      const piece = reader.read(text.slice(at, at + size));
      out.reasoning += piece.reasoning;
      out.text += piece.text;
    }
    const last = reader.end();
    return { reasoning: out.reasoning + last.reasoning, text: out.text + last.text };
  };
  const pieces = fc.array(fc.constantFrom(...scraps), { maxLength: 12 }).map((all) => all.join(""));
  fc.assert(
    fc.property(pieces, fc.constantFrom(...shapes), fc.integer({ min: 1, max: 5 }), (text, messages, size) => {
      const whole = read(messages, text, text.length + 1);
      expect(read(messages, text, size)).toEqual(whole);
      const letters = (given: string) => given.replace(/[^a{}]/g, "");
      // What follows the end of a turn is dropped.
      if (messages.turnEnd !== undefined && text.includes(messages.turnEnd)) return;
      const shown = letters(whole.reasoning + whole.text);
      expect(letters(text.replaceAll("all\n", "")).length).toBeLessThanOrEqual(shown.length);
    }),
    { numRuns: 2_000 },
  );
});

test("a long reply of separators is read in little time", () => {
  const began = cpuMs();
  for (const messages of [{ next: ">>>", texts: ["all\n"], textEnd: "" }]) {
    const reader = new MessagesReader(messages, undefined, ["f\n"], "beginning");
    reader.read("all\n");
    for (let at = 0; at < 20_000; at++) reader.read(">>>x");
    reader.read(">>> ".repeat(100_000));
    reader.end();
  }
  expect(cpuMs() - began).toBeLessThan(5_000);
});
