// A conversation that outgrows its context: refused, or without its oldest turns, which are named.
import fc from "fast-check";
import { expect, test } from "vitest";
import { answeredTurn, fewestEnough, roomForAnswer, turnEnds } from "../../../src/chat/context_overflow.js";
import { tool } from "../../../src/chat/tools/tool.js";
import { Transcript, type TranscriptStart } from "../../../src/chat/transcript.js";
import type { PromptPart } from "../../../src/engine/engine.js";
import type { Conversation, ConversationFormat } from "../../../src/format/conversation_format.js";
import type { LoadedModel } from "../../../src/model/loading/loaded_model.js";
import type { ReplyEvent } from "../../../src/chat/reply/reply_events.js";
import { CaduceusError } from "../../../src/errors.js";
import type { PlainMessage } from "../../../src/format/plain_message.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

const dropOldest = { contextOverflow: "drop-oldest" } as const;
const user = (content: string) => ({ role: "user", content }) as const;
const assistant = (content: string) => ({ role: "assistant", content }) as const;
const codeOf = (promise: PromiseLike<unknown>) =>
  Promise.resolve(promise).then(
    () => "none",
    (error: unknown) => (error instanceof CaduceusError ? error.code : error),
  );
const promptOf = (engine: { requests: readonly { prompt: readonly object[] }[] }, index: number) =>
  engine.requests
    .at(index)
    ?.prompt.map((part) => Object.values(part)[0] as string)
    .join("") ?? "";

// Question and answer have 37 tokens, markers, roles and newlines included; BOS and the beginning of the next answer
// 12.
const [a, b] = ["a".repeat(8), "b".repeat(8)];
const history = (turns: number) =>
  Array.from({ length: turns }, (_, index) => [user(`${index}${a.slice(1)}`), assistant(b)]).flat();

test("by default a conversation that does not fit fails, and nothing is dropped", async () => {
  const { model } = await scriptedModel({ contextSize: 160 });
  expect(await codeOf(model.reply([...history(5), user("And?")]))).toBe("CONTEXT_FULL");
  expect(await codeOf(model.reply([...history(5), user("And?")], { contextOverflow: "error" }))).toBe("CONTEXT_FULL");
});

test("the oldest turns go, no more than must, and the result and an event name them", async () => {
  const { model, engine } = await scriptedModel({ contextSize: 160, answer: () => "ok" });
  const messages = [{ role: "system", content: "Be brief." } as const, ...history(5), user("And?")];
  const events: ReplyEvent[] = [];
  const reply = model.reply(messages, { ...dropOldest, maxTokens: 2 });
  for await (const event of reply) events.push(event);
  const { dropped, usage } = await reply;
  expect(events.map(({ type }) => type)).toEqual(["dropped", "text", "text", "round", "finish"]);
  expect(events[0]).toEqual({ type: "dropped", messages: dropped });
  expect(dropped).toEqual(messages.slice(1, 1 + dropped!.length));
  expect(dropped!.length % 2).toBe(0);
  expect(promptOf(engine, 0)).toMatch(/^<\|im_start\|>system\nBe brief\.<\|im_end\|>\n<\|im_start\|>user\n\daaaaaaa/);
  expect(promptOf(engine, 0)).toMatch(/user\nAnd\?<\|im_end\|>\n<\|im_start\|>assistant\n$/);
  expect(usage.promptTokens + 2).toBeLessThanOrEqual(160);
  // One turn more would not have fitted.
  const oneMore = [messages[0]!, ...messages.slice(1 + dropped!.length - 2)];
  expect(await codeOf(model.reply(oneMore, { maxTokens: 2 }))).toBe("CONTEXT_FULL");
});

test("what fits is left alone, and nothing is said of dropping", async () => {
  const { model } = await scriptedModel({ contextSize: 160, answer: () => "ok" });
  const result = await model.reply([...history(2), user("And?")], dropOldest);
  expect("dropped" in result).toBe(false);
});

test.each([
  [{}, 1000 / 8],
  [{ maxTokens: 10 }, 10],
  [{ maxTokens: 900 }, 1000 / 4],
])("room for the answer with %o is %i of 1,000 tokens", async (options, room) => {
  const { model, engine } = await scriptedModel({ contextSize: 1000, answer: () => "ok" });
  const question = [user("x".repeat(50)), assistant("y"), user("?")];
  const length = (await model.reply(question)).usage.promptTokens;
  const filled = (tokens: number) => [user("x".repeat(50 + tokens - length)), assistant("y"), user("?")];
  expect((await model.reply(filled(1000 - room), { ...dropOldest, ...options })).dropped).toBeUndefined();
  expect((await model.reply(filled(1001 - room), { ...dropOldest, ...options })).dropped).toHaveLength(2);
  expect(engine.requests).toHaveLength(3);
});

test("system message and last turn stay where they alone are too long, and the reply fails", async () => {
  const { model, engine } = await scriptedModel({ contextSize: 160 });
  const { code, message } = (await model
    .reply([...history(3), user("x".repeat(200))], dropOldest)
    .catch((error: CaduceusError) => error)) as CaduceusError;
  expect([code, message]).toEqual(["CONTEXT_FULL", expect.stringContaining("more than fit")]);
  expect(promptOf(engine, 0)).not.toContain(b);
  const alone = await scriptedModel({ contextSize: 160 });
  expect(await codeOf(alone.model.reply("x".repeat(200), dropOldest))).toBe("CONTEXT_FULL");
});

test("a last turn that fits but leaves little room is answered in what is left", async () => {
  const { model } = await scriptedModel({ contextSize: 160, answer: () => "long".repeat(50) });
  const { finishReason, usage, dropped } = await model.reply([...history(1), user("x".repeat(120))], dropOldest);
  expect([finishReason, dropped?.length]).toEqual(["length", 2]);
  expect(usage.promptTokens + usage.generatedTokens).toBe(160);
});

test("a chat goes on for ever, each turn from a conversation that fits, and says what it has let go", async () => {
  const { model, engine } = await scriptedModel({ contextSize: 200, answer: () => b });
  const chat = model.chat({ system: "Be brief.", ...dropOldest });
  const gone: unknown[] = [];
  for (let turn = 0; turn < 20; turn++) {
    const { dropped = [], usage } = await chat.send(`${turn}?`);
    gone.push(...dropped);
    expect(usage.promptTokens).toBeLessThanOrEqual(200 - 25);
  }
  expect(chat.messages[0]).toEqual({ role: "system", content: "Be brief." });
  expect(chat.messages.at(-1)).toEqual(assistant(b));
  const everything = Array.from({ length: 20 }, (_, turn) => [user(`${turn}?`), assistant(b)]).flat();
  expect([...gone, ...chat.messages.slice(1)]).toEqual(everything);
  expect(chat.messages.length).toBeLessThan(12);
  expect(engine.live.size).toBe(1);
});

test("a turn that still fits goes on after the tokens before, one that does not is written anew", async () => {
  const { model, engine } = await scriptedModel({ contextSize: 140, answer: () => b });
  const chat = model.chat({ ...dropOldest, maxTokens: 8 });
  const counted: (number | undefined)[] = [];
  for (let turn = 0; turn < 6; turn++) counted.push((await chat.send(`${turn}${a.slice(1)}`)).dropped?.length);
  const isAnew = engine.requests.map(({ after }) => after === undefined);
  expect(isAnew).toEqual(counted.map((count, turn) => turn === 0 || count !== undefined));
  expect(isAnew).toEqual([true, false, false, true, true, true]);
  expect(counted).toEqual([undefined, undefined, undefined, 2, 2, 2]);
});

test("a continuation is counted as its engine counts it", async () => {
  const { model, engine } = await scriptedModel({ contextSize: 400, answer: () => b });
  const tokenize = engine.tokenize.bind(engine);
  const sizes: number[] = [];
  engine.tokenize = async (parts) => {
    const tokens = await tokenize(parts);
    sizes.push(tokens.length);
    return tokens;
  };
  const chat = model.chat({ messages: history(1), ...dropOldest });
  const first = await chat.send(a);
  const second = await chat.send(a);
  // The continuation has a BOS where it is tokenized by itself.
  expect(sizes[0]).toBe(first.usage.promptTokens);
  expect(first.usage.promptTokens + first.usage.generatedTokens + sizes[1]! - 1).toBe(second.usage.promptTokens);
  expect(sizes).toHaveLength(2);
});

test("a failed or left turn drops nothing from the chat", async () => {
  const { model } = await scriptedModel({ contextSize: 150, answer: () => b });
  const chat = model.chat({ messages: history(3), ...dropOldest });
  expect(await codeOf(chat.send("x".repeat(300)))).toBe("CONTEXT_FULL");
  for await (const event of chat.send("And?")) if (event.type === "text") break;
  expect(chat.messages).toEqual(history(3));
  expect((await chat.send("And?")).dropped).toHaveLength(2);
  expect(chat.messages).toEqual([...history(3).slice(2), user("And?"), assistant(b)]);
});

test("forks of a shortened chat share what is left", async () => {
  const { model } = await scriptedModel({ contextSize: 150, answer: () => b });
  const chat = model.chat({ messages: history(3), ...dropOldest });
  await chat.send("And?");
  const fork = chat.fork();
  expect(fork.messages).toEqual(chat.messages);
  expect((await fork.send("!")).usage.cachedTokens).toBeGreaterThan(0);
});

test("in the tool loop old turns go while the question, its calls and results stay", async () => {
  const read = tool({ name: "read", execute: () => "r".repeat(250) });
  const call = '<tool_call>\n{"arguments": {}, "name": "read"}\n</tool_call>';
  const filler = Array.from({ length: 4 }, () => [user(a.repeat(12)), assistant(b)]).flat();
  const ask = async (contextSize: number) => {
    let round = 0;
    const { model, engine } = await scriptedModel({
      contextSize,
      markers: hermesMarkers,
      answer: () => (round++ < 2 ? call : "done"),
    });
    const reply = model.reply([...filler, user("Read it twice.")], { tools: [read], ...dropOldest, maxTokens: 100 });
    const events: ReplyEvent[] = [];
    for await (const event of reply) if (["dropped", "round", "tool-result"].includes(event.type)) events.push(event);
    return { result: await reply, events, engine };
  };
  const {
    result: { rounds },
  } = await ask(8000);
  const { result, events, engine } = await ask(rounds[2]!.usage.promptTokens + 99);
  expect(events.map(({ type }) => type)).toEqual(["round", "tool-result", "round", "tool-result", "dropped", "round"]);
  expect(events[4]).toEqual({ type: "dropped", messages: filler.slice(0, 2) });
  expect(result).toMatchObject({ text: "done", dropped: filler.slice(0, 2) });
  expect(result.messages.map(({ role }) => role)).toEqual(["assistant", "tool", "assistant", "tool", "assistant"]);
  expect(engine.requests.map(({ after }) => after !== undefined)).toEqual([false, true, false]);
  expect(promptOf(engine, 2).split("r".repeat(250))).toHaveLength(3);
  expect(promptOf(engine, 2).split(a.repeat(12))).toHaveLength(4);
});

test("the question of an answer that is to be repaired stays", async () => {
  const schema = {
    type: "object",
    properties: { a: { type: "number" } },
    required: ["a"],
    additionalProperties: false,
  } as const;
  const ask = async (contextSize: number) => {
    let round = 0;
    const { model, engine } = await scriptedModel({
      contextSize,
      answer: () => (round++ === 0 ? `{"x": ${"1".repeat(150)}}` : '{"a": 1}'),
    });
    return {
      engine,
      reply: await model.reply([user("o".repeat(150)), assistant(b), user("Which number?")], {
        schema,
        schemaRepair: true,
        ...dropOldest,
        maxTokens: 160,
      }),
    };
  };
  const {
    reply: { rounds, dropped: none },
  } = await ask(4000);
  expect(none).toBeUndefined();
  // The second prompt is the first that does not fit.
  const { reply, engine } = await ask(rounds[1]!.usage.promptTokens + 159);
  expect(reply.value).toEqual({ a: 1 });
  expect(reply.dropped).toHaveLength(2);
  expect(promptOf(engine, -1)).toMatch(/user\nWhich number\?.*user\nYour answer does not fit the schema/s);
});

test("a reply that is aborted while it counts rejects with the reason and submits nothing", async () => {
  const { model, engine } = await scriptedModel({ contextSize: 160 });
  engine.tokenize = () => new Promise(() => {});
  const controller = new AbortController();
  const outcome = codeOf(model.reply([...history(5), user("And?")], { ...dropOldest, signal: controller.signal }));
  setTimeout(() => controller.abort("mine"), 5);
  expect(await outcome).toBe("mine");
  expect(engine.requests).toHaveLength(0);
});

test("room is at least one token", () => {
  expect([
    roomForAnswer(4, undefined),
    roomForAnswer(2, 10),
    roomForAnswer(8192, undefined),
    roomForAnswer(8192, 1),
    roomForAnswer(8192, 5000),
  ]).toEqual([1, 1, 1024, 1, 2048]);
});

const roles = fc.array(fc.constantFrom("user", "assistant", "tool"), { minLength: 1, maxLength: 12 });
test("turns end where the next message of the user begins, and never reach into the answered one", () => {
  fc.assert(
    fc.property(roles, fc.boolean(), (kinds, hasSystem) => {
      const messages = [...(hasSystem ? ["system"] : []), ...kinds].map(
        (role): PlainMessage => ({ role: role as PlainMessage["role"], content: "" }),
      );
      const answered = answeredTurn(messages);
      const ends = turnEnds(messages, answered);
      expect(ends.every((end) => end <= answered && messages[end]?.role === "user")).toBe(true);
      if (ends.length > 0) expect(ends.at(-1)).toBe(answered);
      expect(messages.slice(answered + 1).some(({ role }) => role === "user")).toBe(false);
    }),
  );
});

test("the fewest that are enough are found, with few questions", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 1, max: 600 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (most, needed, lowest, guessed) => {
        const least = 1 + Math.floor(lowest * (most - 1));
        const guess = least + Math.floor(guessed * (most - least));
        let asked = 0;
        expect(await fewestEnough(least, most, guess, async (count) => (asked++, count >= needed))).toBe(
          Math.max(least, Math.min(most, needed)),
        );
        expect(asked).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(most)) + 3);
      },
    ),
  );
});

test("of 10,001 messages, and of 100,000, none is rendered that cannot fit, however often the prompt is counted", async () => {
  for (const count of [10_001, 100_001]) {
    const messages = Array.from(
      { length: count },
      (_, index): PlainMessage => ({ role: index % 2 === 0 ? "user" : "assistant", content: `message ${index}` }),
    );
    const rendered: number[] = [];
    const { model, ...start } = transcriptOf(messages, (conversation) => rendered.push(conversation.length));
    const transcript = new Transcript(model, start);
    const dropped = await transcript.dropOldest(undefined, AbortSignal.any([]));
    // Of 8 tokens each, 512 fit into 4,096 but for the room of the answer.
    expect(dropped.length).toBe(count - 447);
    expect(rendered.length).toBeLessThan(14);
    expect(Math.max(...rendered)).toBeLessThan(2_000);
  }
});

test("a conversation that cannot fit is refused before it is rendered", () => {
  const rendered: number[] = [];
  const { model, ...start } = transcriptOf([{ role: "user", content: "x".repeat(70_000) }], () => rendered.push(1));
  expect(() => new Transcript(model, start).refuseIfTooLong()).toThrow(
    expect.objectContaining({ code: "CONTEXT_FULL" }),
  );
  expect(() => new Transcript(model, start).refuseIfTooLong(4)).not.toThrow();
  expect(rendered).toEqual([]);
});

/** With a format of one part for each message, and an engine that finds 8 tokens in each. */
function transcriptOf(
  messages: readonly PlainMessage[],
  onRender: (messages: readonly PlainMessage[]) => void,
): TranscriptStart & { model: LoadedModel } {
  const render = async ({ messages: all }: Conversation): Promise<PromptPart[]> => (
    onRender(all), all.map(({ content }) => ({ text: content }))
  );
  const format = {
    name: "test",
    reason: "",
    isHermes: true,
    calls: { kind: "hermes" },
    thought: undefined,
    takesEffort: false,
    takesSystemMessages: false,
    render,
    renderContinuation: async () => undefined,
    leadingParts: async () => undefined,
  } satisfies ConversationFormat;
  const engine = {
    info: { contextSize: 4096, longestTokenBytes: 16 },
    tokenize: async (parts: readonly PromptPart[]) => new Int32Array(parts.length * 8),
  };
  return {
    model: { engine } as unknown as LoadedModel,
    format,
    messages,
    reasoning: undefined,
    continueFinalMessage: false,
    tools: { tools: new Map() } as unknown as TranscriptStart["tools"],
    after: undefined,
    keep: "nothing",
  };
}
