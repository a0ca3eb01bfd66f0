// What node:diagnostics_channel is told: in order, under the reply's id, and nothing that was said.
import diagnostics from "node:diagnostics_channel";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { modelLoaded } from "../../../src/chat/diagnostics.js";
import { tool } from "../../../src/chat/tools/tool.js";
import type { DiagnosticsMessages } from "../../../src/index.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

type Name = keyof DiagnosticsMessages;
type Told = { [N in Name]: { name: N; message: DiagnosticsMessages[N] } }[Name];
const names: Name[] = [
  "caduceus:reply:start",
  "caduceus:round:start",
  "caduceus:round:end",
  "caduceus:tool:start",
  "caduceus:tool:end",
  "caduceus:reply:end",
  "caduceus:model:load",
  "caduceus:model:close",
];

const unsubscribe: (() => void)[] = [];
afterEach(() => unsubscribe.splice(0).forEach((end) => end()));

function subscribe(name: Name, listener: (message: unknown) => void): void {
  diagnostics.subscribe(name, listener);
  unsubscribe.push(() => diagnostics.unsubscribe(name, listener));
}

/** Everything that is told from now on. */
function listen(): Told[] {
  const told: Told[] = [];
  for (const name of names) subscribe(name, (message) => told.push({ name, message } as Told));
  return told;
}
const kindsOf = (told: readonly Told[]) => told.map(({ name }) => name.slice("caduceus:".length));

const name = "scripted.gguf";
const sampling = { temperature: 0.8, topK: 40, topP: 0.95, frequencyPenalty: 0, presencePenalty: 0 };
const counts = {
  usage: { promptTokens: expect.any(Number), cachedTokens: expect.any(Number), generatedTokens: expect.any(Number) },
};
const call = (name: string, args: unknown) =>
  `<tool_call>\n{"arguments": ${JSON.stringify(args)}, "name": ${JSON.stringify(name)}}\n</tool_call>`;

test("a reply tells its start, its round and its end under its id", async () => {
  const told = listen();
  const { model } = await scriptedModel({ answer: () => "secret answer" });
  const reply = model.reply("secret question", { priority: 3 });
  await setImmediate();
  expect(kindsOf(told)).toEqual(["reply:start", "round:start"]);
  const { usage, timings } = await reply;
  const requestId = reply.id;
  expect(told.map(({ message }) => message)).toEqual([
    { requestId, kind: "reply", model: name },
    { requestId, round: 1, continues: false, priority: 3, sampling },
    { requestId, round: 1, finishReason: "stop", usage, timings },
    { requestId, kind: "reply", model: name, finishReason: "stop", usage },
  ]);
  expect(kindsOf(told)).toEqual(["reply:start", "round:start", "round:end", "reply:end"]);
  expect(JSON.stringify(told)).not.toContain("secret");
});

test("a completion and a chat say which they are, and a chat's later turns that they go on", async () => {
  const told = listen();
  const { model } = await scriptedModel();
  await model.complete("Once", { maxTokens: 2 });
  const chat = model.chat();
  await chat.send("One?");
  await chat.send("Two?");
  expect(told.flatMap(({ name, message }) => (name === "caduceus:reply:start" ? [message.kind] : []))).toEqual([
    "complete",
    "chat",
    "chat",
  ]);
  expect(told.flatMap(({ name, message }) => (name === "caduceus:round:start" ? [message.continues] : []))).toEqual([
    false,
    false,
    true,
  ]);
  expect(told.flatMap(({ name, message }) => (name === "caduceus:round:end" ? [message.finishReason] : []))).toEqual([
    "length",
    "stop",
    "stop",
  ]);
});

test("ids differ, unless the caller gives one", async () => {
  const { model } = await scriptedModel();
  const chat = model.chat();
  const replies = [model.reply("Hi"), model.complete("Hi"), chat.send("Hi"), chat.send("Hi")];
  expect(new Set(replies.map(({ id }) => id)).size).toBe(4);
  for (const { id } of replies) expect(id).toMatch(/^reply_[\da-f-]{36}$/);
  const requestId = "ä".repeat(200);
  for (const reply of [
    model.reply("Hi", { requestId }),
    model.complete("Hi", { requestId }),
    chat.send("Hi", { requestId }),
  ]) {
    expect(reply.id).toBe(requestId);
    await reply;
  }
  expect(() => model.chat({ requestId } as object)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});

test("the rounds of a tool loop and their calls come in order, with what failed", async () => {
  const told = listen();
  let round = 0;
  const lines = [
    [call("add", { a: 1, b: 2 }), call("add", { a: "secret" }), call("nope", {}), call("broken", {})].join("\n"),
    "3",
  ];
  const { model } = await scriptedModel({ markers: hermesMarkers, answer: () => lines[round++] ?? "" });
  const add = tool({
    name: "add",
    parameters: z.object({ a: z.number(), b: z.number() }),
    execute: ({ a, b }) => a + b,
  });
  const broken = tool({
    name: "broken",
    execute: () => {
      throw new Error("secret");
    },
  });
  const reply = model.reply("?", { tools: [add, broken], toolConcurrency: 1 });
  const ids: string[] = [];
  for await (const event of reply) if (event.type === "tool-call") ids.push(event.id);
  const requestId = reply.id;
  const calls = told.filter(({ name }) => name.startsWith("caduceus:tool"));
  const about = (index: number, name: string) => ({ requestId, round: 1, callId: ids[index], name });
  expect(calls).toHaveLength(8);
  for (const [index, name, failure] of [
    [0, "add", undefined],
    [1, "add", "invalid-arguments"],
    [2, "nope", "unknown-tool"],
    [3, "broken", "threw"],
  ] as const) {
    const own = calls.filter(({ message }) => (message as { callId: string }).callId === ids[index]);
    expect(own).toEqual([
      { name: "caduceus:tool:start", message: about(index, name) },
      { name: "caduceus:tool:end", message: { ...about(index, name), ...(failure === undefined ? {} : { failure }) } },
    ]);
  }
  expect(kindsOf(told).filter((kind) => !kind.startsWith("tool"))).toEqual([
    "reply:start",
    "round:start",
    "round:end",
    "round:start",
    "round:end",
    "reply:end",
  ]);
  expect(kindsOf(told).slice(2, 4)).toEqual(["round:end", "tool:start"]);
  expect(told.at(-2)?.message).toMatchObject({ requestId, round: 2, finishReason: "stop", ...counts });
  expect(JSON.stringify(told)).not.toContain("secret");
});

test("a reply that fails tells name and code of its error, not the message", async () => {
  const told = listen();
  const { model } = await scriptedModel({ contextSize: 100 });
  const full = model.reply("secret ".repeat(50));
  await full.catch(() => {});
  expect(told.map(({ message }) => message)).toEqual([
    { requestId: full.id, kind: "reply", model: name },
    { requestId: full.id, round: 1, continues: false, priority: 0, sampling },
    { requestId: full.id, round: 1, finishReason: "failed" },
    { requestId: full.id, kind: "reply", model: name, error: { name: "CaduceusError", code: "CONTEXT_FULL" } },
  ]);
  told.length = 0;
  const wrong = model.reply("Hi", { requestId: "" });
  await wrong.catch(() => {});
  expect(told.map(({ message }) => message)).toEqual([
    { requestId: wrong.id, kind: "reply", model: name },
    { requestId: wrong.id, kind: "reply", model: name, error: { name: "CaduceusError", code: "INVALID_ARGUMENT" } },
  ]);
  expect(wrong.id).toMatch(/^reply_/);
});

test("a reply that is left or aborted ends once, its round cancelled with what it had cost", async () => {
  const told = listen();
  const { model, engine } = await scriptedModel({ answer: () => "x".repeat(500) });
  const left = model.reply("Hi");
  for await (const _ of left.textStream) break;
  const controller = new AbortController();
  const before = engine.generated;
  const aborted = model.reply("Hi", { signal: controller.signal });
  const outcome = aborted.catch(() => {});
  while (engine.generated === before) await setImmediate();
  controller.abort("secret");
  await outcome;
  await sleep(5);
  for (const [id, error] of [
    [left.id, { name: "CaduceusError", code: "ALREADY_CONSUMED" }],
    [aborted.id, { name: "string" }],
  ] as const) {
    const own = told.filter(({ message }) => (message as { requestId: string }).requestId === id);
    expect(kindsOf(own)).toEqual(["reply:start", "round:start", "round:end", "reply:end"]);
    expect(own[2]?.message).toMatchObject({ finishReason: "cancelled", ...counts });
    expect(own[3]?.message).toEqual({ requestId: id, kind: "reply", model: name, error });
  }
  expect(JSON.stringify(told)).not.toContain("secret");
});

test("a handler that runs when its reply is left ends as cancelled, and one that waited never starts", async () => {
  const told = listen();
  const { model } = await scriptedModel({
    markers: hermesMarkers,
    answer: () => [1, 2].map((n) => call("slow", { n })).join("\n"),
  });
  const slow = tool({
    name: "slow",
    parameters: z.object({ n: z.number() }),
    execute: () => sleep(5_000, undefined, { ref: false }),
  });
  let runs = 0;
  for await (const event of model.reply("?", { tools: [slow], toolConcurrency: 1 }))
    if (event.type === "tool-run" && ++runs === 2) break;
  await sleep(5);
  expect(kindsOf(told).filter((kind) => kind.startsWith("tool"))).toEqual(["tool:start", "tool:end"]);
  expect(told.find(({ name }) => name === "caduceus:tool:end")?.message).toMatchObject({
    name: "slow",
    failure: "cancelled",
  });
});

test("turns of a chat that wait tell of themselves when they are asked for, and of their round when it comes", async () => {
  const told = listen();
  const { model } = await scriptedModel();
  const chat = model.chat();
  const [first, second] = [chat.send("a"), chat.send("b")];
  expect(kindsOf(told)).toEqual(["reply:start", "reply:start"]);
  await Promise.all([first, second]);
  const ofRounds = told
    .filter(({ name }) => name !== "caduceus:reply:start")
    .map(({ name, message }) => [name.slice("caduceus:".length), (message as { requestId: string }).requestId]);
  expect(ofRounds.slice(0, 2)).toEqual([
    ["round:start", first.id],
    ["round:end", first.id],
  ]);
  expect(ofRounds.filter(([, id]) => id === second.id).map(([kind]) => kind)).toEqual([
    "round:start",
    "round:end",
    "reply:end",
  ]);
});

test("a model tells of its closing once, and of its loading", async () => {
  const told = listen();
  const { model } = await scriptedModel();
  modelLoaded({ path: model.info.path, durationMs: 5 });
  await Promise.all([model.close(), model.close()]);
  await model.close();
  expect(told).toEqual([
    { name: "caduceus:model:load", message: { path: "/scripted.gguf", durationMs: 5 } },
    { name: "caduceus:model:close", message: { path: "/scripted.gguf" } },
  ]);
});

test("nothing is published where nobody listens", async () => {
  const channels = names.map((name) => diagnostics.channel(name));
  expect(channels.map(({ hasSubscribers }) => hasSubscribers)).toEqual(names.map(() => false));
  const spies = channels.map((one) => vi.spyOn(one, "publish"));
  const { model } = await scriptedModel({
    markers: hermesMarkers,
    answer: (prompt) => (prompt.includes("<tool_response>") ? "3" : call("add", {})),
  });
  await model.reply("?", { tools: [tool({ name: "add", execute: () => 3 })] });
  await model.reply("Hi", { maxTokens: 0 }).catch(() => {});
  await model.close();
  for (const spy of spies) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

test("a subscriber that throws harms no reply: Node raises the error as an uncaught exception", async () => {
  const uncaught: unknown[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error));
  try {
    const { model } = await scriptedModel({ answer: () => "fine" });
    for (const name of names)
      subscribe(name, () => {
        throw new Error(name);
      });
    const told = listen();
    expect((await model.reply("Hi")).text).toBe("fine");
    await sleep(5);
    expect(kindsOf(told)).toEqual(["reply:start", "round:start", "round:end", "reply:end"]);
    expect(uncaught.map((error) => (error as Error).message)).toEqual(told.map(({ name }) => name));
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
});
