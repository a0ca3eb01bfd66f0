// What ends a turn: a call that would repeat another, a named tool's one call, the token limit; and what stop strings
// do meanwhile.
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { tool } from "../../../src/chat/tools/tool.js";
import type { ReplyEvent, ToolCallDeltaEvent } from "../../../src/chat/reply/reply_events.js";
import type { ReplyOptions } from "../../../src/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

const call = (name: string, args: unknown) =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${typeof args === "string" ? args : JSON.stringify(args)}}\n</tool_call>`;
const look = tool({ name: "look", parameters: { type: "object" } });
const roll = tool({ name: "roll", parameters: { type: "object" } });

async function read(text: string, options: Partial<ReplyOptions> = {}, script: object = {}) {
  const { model, engine } = await scriptedModel({
    markers: hermesMarkers,
    answer: () => text,
    ...script,
  });
  const events: ReplyEvent[] = [];
  for await (const event of model.reply("?", { tools: [look, roll], maxRounds: 1, ...options })) events.push(event);
  const finish = events.at(-1);
  if (finish?.type !== "finish") throw new Error("no finish");
  const streamed = new Map<string, string>();
  for (const event of events) {
    if (event.type === "tool-call-start") streamed.set(event.id, "");
    if (event.type === "tool-call-delta") streamed.set(event.id, (streamed.get(event.id) ?? "") + event.textDelta);
  }
  return {
    events,
    finish,
    engine,
    streamed: [...streamed.values()],
    repeated: events.filter((event) => event.type === "repeated-call"),
    calls: finish.toolCalls.map(({ name, arguments: args }) => [name, args]),
  };
}

describe("a call that would repeat another of its turn", () => {
  test("ends the turn before it: it is told by one event, and nothing behind it is written", async () => {
    const { events, finish, calls, streamed, repeated, engine } = await read(
      `Two.\n${[call("look", { at: "a" }), call("look", { at: "b" })].join("\n")}\n${call("look", { at: "a" })}\n`.repeat(
        20,
      ),
    );
    expect(calls).toEqual([
      ["look", { at: "a" }],
      ["look", { at: "b" }],
    ]);
    expect(streamed).toEqual(['{"at":"a"}', '{"at":"b"}']);
    expect(repeated).toEqual([
      {
        type: "repeated-call",
        id: expect.any(String),
        name: "look",
        arguments: { at: "a" },
        repeats: finish.toolCalls[0]!.id,
      },
    ]);
    expect(finish).toMatchObject({ finishReason: "tool-calls", text: "Two.", message: { tool_calls: [{}, {}] } });
    expect(events.map(({ type }) => type).slice(-3)).toEqual(["repeated-call", "round", "finish"]);
    expect(engine.generated).toBeLessThan(300);
  });

  test("is left out of what runs, and the loop goes on without it", async () => {
    const ran = vi.fn(() => 1);
    let round = 0;
    const { model, engine } = await scriptedModel({
      markers: hermesMarkers,
      answer: () => (round++ === 0 ? call("act", { a: 1 }).repeat(5) : "Done"),
    });
    const result = await model.reply("?", {
      tools: [tool({ name: "act", parameters: { type: "object" }, execute: ran })],
    });
    expect(ran).toHaveBeenCalledTimes(1);
    expect(result).toMatchObject({ text: "Done", messages: [{ tool_calls: [{}] }, { role: "tool" }, {}] });
    // The model's tokens hold more than the messages say, so that the next round does not go on from them.
    expect(engine.requests[1]!.after).toBeUndefined();
  });

  test.each([
    ["the order of keys", '{"a": 1, "b": [2, {"c": 3, "d": 4}]}', '{"b": [2, {"d": 4, "c": 3}], "a": 1}'],
    ["spacing", '{"a": 1}', '{ "a" :1 }'],
    ["how a number is written", '{"a": 1}', '{"a": 1.0}'],
    ["escapes", '{"a": "é"}', '{"a": "\\u00e9"}'],
  ])("may differ in %s, and nothing of it is told", async (_, first, second) => {
    const { calls, streamed, repeated } = await read(`${call("look", first)}\n${call("look", second)}`);
    expect([calls.length, streamed.length, repeated.length]).toEqual([1, 1, 1]);
  });

  test.each([
    ["another function", call("look", { a: 1 }), call("roll", { a: 1 })],
    ["another value", call("look", { a: 1 }), call("look", { a: 2 })],
    ["one key more", call("look", { a: 1 }), call("look", { a: 1, b: 2 })],
    ["one key less", call("look", { a: 1, b: 2 }), call("look", { a: 1 })],
    ["a longer string", call("look", { a: "x" }), call("look", { a: "xy" })],
    ["a list that looks like an object's entries", call("look", { a: { b: 1 } }), call("look", { a: [["b", 1]] })],
    [
      "an integer of more digits than a number holds",
      call("look", '{"a": 9007199254740993}'),
      call("look", '{"a": 9007199254740992}'),
    ],
    ["text of digits", call("look", { a: "1" }), call("look", { a: 1 })],
  ])("is not one with %s", async (_, first, second) => {
    const { calls, streamed, repeated } = await read(`${first}\n${second}`);
    expect([calls.length, streamed.length, repeated.length]).toEqual([2, 2, 0]);
  });

  test("is made where it is allowed", async () => {
    const { calls, streamed, repeated } = await read([1, 2, 3].map(() => call("roll", { sides: 6 })).join("\n"), {
      allowRepeatedCalls: true,
    });
    expect([calls.length, streamed.length, repeated.length]).toEqual([3, 3, 0]);
  });

  test("counts in each turn anew: maxRepeatedCalls is about the rounds", async () => {
    const { model } = await scriptedModel({
      markers: hermesMarkers,
      answer: () => call("act", {}),
    });
    const result = await model.reply("?", { tools: [tool({ name: "act", execute: () => 1 })], maxRepeatedCalls: 2 });
    expect(result).toMatchObject({ stoppedBy: "max-repeated-calls", rounds: { length: 3 } });
  });

  test("is cut off by the token limit like any other call, and then told", async () => {
    const text = `${call("look", { at: "abcdefgh" })}\n${call("look", { at: "abcdefgh" })}`;
    const { finish, streamed, repeated } = await read(text, { maxTokens: text.length - 20 });
    expect(repeated).toEqual([]);
    expect(finish).toMatchObject({
      finishReason: "length",
      incomplete: true,
      toolCalls: [{}],
      incompleteCall: { name: "look" },
    });
    expect(finish.incompleteCall!.argumentsText).toBe(streamed[1]);
  });

  test("wherever it differs, what is streamed in the end is the calls that were made, and the deltas come before the call's end", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record(
            {
              a: fc.constantFrom("x", "xy", "xyz".repeat(20)),
              b: fc.constantFrom(1, 12, true, null),
              c: fc.array(fc.constantFrom(1, 2), { maxLength: 2 }),
            },
            { requiredKeys: [] },
          ),
          { maxLength: 5 },
        ),
        async (list) => {
          const { calls, streamed, repeated, events } = await read(list.map((args) => call("look", args)).join("\n"));
          const keys = list.map((args) => JSON.stringify(Object.entries(args).sort()));
          const first = keys.findIndex((key, index) => keys.indexOf(key) < index);
          const made = first < 0 ? list : list.slice(0, first);
          expect(calls.map(([, args]) => args)).toEqual(made);
          expect(streamed).toEqual(made.map((args) => JSON.stringify(args)));
          expect(repeated).toHaveLength(first < 0 ? 0 : 1);
          const order = events.flatMap((event) =>
            event.type === "tool-call" || event.type === "tool-call-start" ? [event.type] : [],
          );
          expect(order).toEqual(made.flatMap(() => ["tool-call-start", "tool-call"]));
        },
      ),
      { numRuns: 60 },
    ));

  test("holding back costs no more than reading: a long call that differs late streams from there on", async () => {
    const text = "x".repeat(3_000);
    const { events, calls } = await read(
      `${call("look", { n: 1, text })}\n${call("look", { n: 2, text })}`,
      {},
      { bufferSize: 10_000, contextSize: 20_000 },
    );
    expect(calls).toHaveLength(2);
    const deltas = events.filter(
      (event): event is ToolCallDeltaEvent =>
        event.type === "tool-call-delta" && event.id === events.findLast((one) => one.type === "tool-call-start")!.id,
    );
    expect(deltas.length).toBeGreaterThan(2_000);
  });
});

describe("a named tool", () => {
  const constrained = { constrained: true };
  test("is called exactly once, and the turn ends with it", async () => {
    const { engine, calls } = await read(
      [1, 2, 3].map((a) => call("look", { a })).join("\n"),
      { toolChoice: { name: "look" } },
      constrained,
    );
    expect(engine.requests[0]!.constraint).toMatchObject({
      mode: "required",
      parallel: false,
      bareFurtherCalls: false,
      tools: [{ name: "look" }],
    });
    expect(calls).toEqual([["look", { a: 1 }]]);
  });

  test("frees the rounds after it", async () => {
    let round = 0;
    const { model, engine } = await scriptedModel({
      constrained: true,
      answer: () => (round++ === 0 ? call("act", {}) : "Done"),
    });
    await model.reply("?", { tools: [tool({ name: "act", execute: () => 1 })], toolChoice: { name: "act" } });
    expect(engine.requests.map(({ constraint }) => constraint)).toMatchObject([
      { mode: "required", parallel: false },
      { mode: "auto", parallel: true },
    ]);
    // And its tokens are gone on from.
    expect(engine.requests[1]!.after).toBe(1);
  });
});

describe("stop strings", () => {
  const stop = ["\n"];
  test.each([
    ["a required call", { toolChoice: "required" }],
    ["a named call", { toolChoice: { name: "look" } }],
    ["a schema", { tools: [], schema: { type: "object" } }],
    ["a schema with tools", { schema: { type: "object" } }],
  ] as const)("do not count in %s: the engine is not even told of them", async (_, options) => {
    const { engine } = await read(
      "tools" in options ? "{}" : call("look", {}),
      { ...options, stop },
      { constrained: true },
    );
    expect(engine.requests[0]!.stop).toEqual([]);
  });

  test("count where text is free: the engine knows where that is", async () => {
    for (const options of [{}, { constrained: false, schema: { type: "object" } }, { tools: [] }]) {
      const { engine } = await read("{}", { ...options, stop }, { constrained: true });
      expect(engine.requests[0]!.stop).toEqual(stop);
    }
  });
});

describe("reasoning", () => {
  test("is told as such, and a call that it drafts is none", async () => {
    const ran = vi.fn();
    const { events, finish } = await read(`<think>\nI could ${call("look", { at: "/" })}\n</think>\nNo.`, {
      tools: [tool({ name: "look", parameters: { type: "object" }, execute: ran })],
    });
    expect(ran).not.toHaveBeenCalled();
    expect(finish).toMatchObject({
      text: "No.",
      finishReason: "stop",
      toolCalls: [],
      reasoning: expect.stringContaining("<tool_call>"),
    });
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["reasoning", "text", "round", "finish"]));
  });

  test("begins where the template has begun it in the prompt, and the engine knows", async () => {
    const chatTemplate =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n<think>\n";
    const script = { markers: undefined, chatTemplate, constrained: true };
    for (const toolChoice of ["auto", "required"] as const) {
      const { finish, engine } = await read(
        `Maybe ${call("look", { at: 1 })}</think>\n${call("look", { at: 2 })}`,
        { toolChoice },
        script,
      );
      expect(finish.toolCalls).toMatchObject([{ arguments: { at: 2 } }]);
      expect(finish.reasoning).toMatch(/^Maybe/);
      expect(engine.requests[0]).toMatchObject({ constraint: { mode: toolChoice }, thought: { open: true } });
    }
  });
});
