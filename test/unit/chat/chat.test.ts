// What a Chat promises: turns in order, each paying only itself, nothing kept of a turn that did not come to its end.
import { expect, test } from "vitest";
import { CaduceusError } from "../../../src/errors.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";

const countingUserTurns = (prompt: string) => `turn ${prompt.split("<|im_start|>user").length - 1}`;
const codeOf = (promise: PromiseLike<unknown>) =>
  Promise.resolve(promise).then(
    () => "none",
    (error: unknown) => (error instanceof CaduceusError ? error.code : error),
  );

test("the first turn renders everything, the next goes on after it with only itself", async () => {
  const { model, engine } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat({ system: "Be brief." });
  await chat.send("One?");
  const second = await chat.send("Two?");
  expect(engine.requests[0]).toMatchObject({
    prompt: [
      { control: "<|im_start|>" },
      { text: "system\nBe brief." },
      { control: "<|im_end|>" },
      { text: "\n" },
      { control: "<|im_start|>" },
      { text: "user\nOne?" },
      { control: "<|im_end|>" },
      { text: "\n" },
      { control: "<|im_start|>" },
      { text: "assistant\n" },
    ],
  });
  expect(engine.requests[1]).toMatchObject({
    after: 1,
    prompt: [
      { control: "<|im_end|>" },
      { text: "\n" },
      { control: "<|im_start|>" },
      { text: "user\nTwo?" },
      { control: "<|im_end|>" },
      { text: "\n" },
      { control: "<|im_start|>" },
      { text: "assistant\n" },
    ],
  });
  expect(second.text).toBe("turn 2");
  expect(second.usage.cachedTokens).toBeGreaterThan(0);
  expect(chat.messages).toEqual([
    { role: "system", content: "Be brief." },
    { role: "user", content: "One?" },
    { role: "assistant", content: "turn 1" },
    { role: "user", content: "Two?" },
    { role: "assistant", content: "turn 2" },
  ]);
});

test("what the engine sees of a chat equals the whole conversation rendered at once", async () => {
  const { model, engine } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat();
  for (const text of ["One?", "Two?", "Three?"]) await chat.send(text);
  const [live] = engine.live.values();
  await model.reply([...chat.messages.slice(0, -1)]);
  expect(engine.text(live!.tokens, true)).toBe(
    "<s><|im_start|>user\nOne?<|im_end|>\n<|im_start|>assistant\nturn 1<|im_end|>\n" +
      "<|im_start|>user\nTwo?<|im_end|>\n<|im_start|>assistant\nturn 2<|im_end|>\n" +
      "<|im_start|>user\nThree?<|im_end|>\n<|im_start|>assistant\nturn 3",
  );
});

test("a chat keeps one run in the engine however many turns it has, and none once closed", async () => {
  const { model, engine } = await scriptedModel();
  const chat = model.chat();
  for (let turn = 0; turn < 5; turn++) await chat.send("More.");
  expect(engine.live.size).toBe(1);
  await chat.close();
  await chat.close();
  expect(engine.live.size).toBe(0);
  expect(await codeOf(chat.send("More."))).toBe("MODEL_CLOSED");
  expect(() => chat.fork()).toThrow(expect.objectContaining({ code: "MODEL_CLOSED" }));
});

test("sends without waiting are answered in their order, awaited together or read one after the other", async () => {
  const { model } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat();
  const results = await Promise.all(["a", "b", "c"].map((text) => chat.send(text)));
  expect(results.map(({ text }) => text)).toEqual(["turn 1", "turn 2", "turn 3"]);
  const [first, second] = [chat.send("d"), chat.send("e")];
  const texts: string[] = [];
  for (const reply of [first, second]) for await (const text of reply.textStream) texts.push(text);
  expect(texts.join("")).toBe("turn 4turn 5");
  expect(chat.messages.map(({ content }) => content)).toEqual([
    "a",
    "turn 1",
    "b",
    "turn 2",
    "c",
    "turn 3",
    "d",
    "turn 4",
    "e",
    "turn 5",
  ]);
});

test("reading a reply never hangs on an unread one before it", async () => {
  const { model } = await scriptedModel({ answer: () => "x".repeat(100), bufferSize: 2 });
  const chat = model.chat();
  const unread = chat.send("a");
  chat.send("b");
  expect((await chat.send("c")).text).toHaveLength(100);
  expect(chat.messages).toHaveLength(6);
  expect((await unread).text).toHaveLength(100);
});

test("a cancelled, left or failed turn leaves the conversation as it was", async () => {
  const { model, engine } = await scriptedModel({
    paceMs: 1,
    answer: (prompt) => (prompt.includes("long") ? "x".repeat(500) : countingUserTurns(prompt)),
  });
  const chat = model.chat();
  await chat.send("One?");
  const before = chat.messages;
  for await (const _ of chat.send("long").textStream) break;
  await codeOf(chat.send("long", { signal: AbortSignal.timeout(5) }));
  expect(await codeOf(chat.send("Two?", { signal: AbortSignal.abort() }))).toBeInstanceOf(DOMException);
  expect(await codeOf(chat.send("y".repeat(5000)))).toBe("CONTEXT_FULL");
  expect(await codeOf(chat.send("Two?", { maxTokens: 0 }))).toBe("INVALID_ARGUMENT");
  expect(chat.messages).toEqual(before);
  expect(engine.live.size).toBe(1);
  expect((await chat.send("Two?")).text).toBe("turn 2");
});

test("a turn aborted in the queue rejects at once and lets the turns around it alone", async () => {
  const { model } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat();
  const controller = new AbortController();
  const first = chat.send("a");
  const second = chat.send("b", { signal: controller.signal });
  const third = chat.send("c");
  const iterator = second[Symbol.asyncIterator]();
  controller.abort();
  await expect(iterator.next()).rejects.toBe(controller.signal.reason);
  expect([(await first).text, (await third).text]).toEqual(["turn 1", "turn 2"]);
});

test("forks share what was said and go separate ways", async () => {
  const { model, engine } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat({ system: "Be brief." });
  await chat.send("One?");
  const branch = chat.fork();
  const [a, b] = await Promise.all([chat.send("Left?"), branch.send("Right?")]);
  expect([a.text, b.text]).toEqual(["turn 2", "turn 2"]);
  expect(engine.requests.slice(1).map(({ after }) => after)).toEqual([1, 1]);
  expect([chat.messages[3], branch.messages[3]]).toEqual([
    { role: "user", content: "Left?" },
    { role: "user", content: "Right?" },
  ]);
});

test("closing one fork leaves the other its tokens; closing both leaves the engine none", async () => {
  const { model, engine } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat();
  await chat.send("One?");
  const branch = chat.fork();
  await chat.close();
  expect((await branch.send("Two?")).text).toBe("turn 2");
  await branch.close();
  expect(engine.live.size).toBe(0);
});

test("forking while a reply is under way takes what was said before it", async () => {
  const { model } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat();
  await chat.send("One?");
  const under = chat.send("Two?");
  const branch = chat.fork();
  await under;
  expect(branch.messages).toHaveLength(2);
  expect((await branch.send("Other?")).text).toBe("turn 2");
});

test("after a stop string, whose tokens are not text, the next turn renders the text again", async () => {
  const { model, engine } = await scriptedModel({ answer: () => "yes END no" });
  const chat = model.chat();
  await chat.send("One?", { stop: "END" });
  await chat.send("Two?");
  expect(engine.requests[1]!.after).toBeUndefined();
  expect(engine.requests[1]!.prompt).toContainEqual({ text: "assistant\nyes " });
  expect(engine.live.size).toBe(1);
});

test("closing a conversation ends its replies with MODEL_CLOSED and no other's", async () => {
  const { model, engine } = await scriptedModel({ answer: () => "x".repeat(300) });
  const [chat, other] = [model.chat(), model.chat()];
  const outcomes = [codeOf(chat.send("a")), codeOf(chat.send("b")), codeOf(other.send("c"))];
  const paused = chat.send("d");
  await chat.close();
  expect(await Promise.all([...outcomes, codeOf(paused)])).toEqual([
    "MODEL_CLOSED",
    "MODEL_CLOSED",
    "none",
    "MODEL_CLOSED",
  ]);
  expect(engine.live.size).toBe(1);
});

test("a conversation goes on from given messages and takes messages as turns", async () => {
  const { model } = await scriptedModel({ answer: countingUserTurns });
  const chat = model.chat({
    messages: [
      { role: "user", content: "One?" },
      { role: "assistant", content: "turn 1" },
    ],
  });
  expect(
    (
      await chat.send({
        role: "user",
        content: [
          { type: "text", text: "Tw" },
          { type: "text", text: "o?" },
        ],
      })
    ).text,
  ).toBe("turn 2");
  await chat.send([
    { role: "tool", content: "21 °C" },
    { role: "user", content: "And?" },
  ]);
  expect(chat.messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "user",
    "assistant",
    "tool",
    "user",
    "assistant",
  ]);
});

test("options of the conversation are defaults of each turn", async () => {
  const { model, engine } = await scriptedModel();
  const chat = model.chat({ temperature: 0, maxTokens: 7 });
  await chat.send("One?");
  await chat.send("Two?", { maxTokens: 3, temperature: undefined });
  expect(engine.requests.map(({ maxTokens, sampling }) => [maxTokens, sampling.temperature])).toEqual([
    [7, 0],
    [3, 0],
  ]);
});

test("what the caller does to messages does not reach the conversation", async () => {
  const { model } = await scriptedModel();
  const chat = model.chat({ system: "Be brief." });
  chat.messages.pop();
  (chat.messages[0] as { content: string }).content = "changed";
  expect(chat.messages).toEqual([{ role: "system", content: "Be brief." }]);
});

test.each([
  [{ system: 5 }, "INVALID_ARGUMENT"],
  [{ systm: "x" }, "INVALID_ARGUMENT"],
  [{ signal: AbortSignal.abort() }, "INVALID_ARGUMENT"],
  [{ temperature: Number.NaN }, "INVALID_ARGUMENT"],
  [{ messages: "x".repeat(3).split("") }, "INVALID_MESSAGES"],
  [{ messages: [] }, "INVALID_MESSAGES"],
  [{ system: "a", messages: [{ role: "system", content: "b" }] }, "INVALID_MESSAGES"],
])("chat(%o) is refused at once as %s", async (options, code) => {
  const { model } = await scriptedModel();
  expect(() => model.chat(options as object)).toThrow(expect.objectContaining({ code }));
});

test("a model without ChatML markers refuses to chat and still completes", async () => {
  const { model } = await scriptedModel({ markers: ["</s>"] });
  expect(() => model.chat()).toThrow(expect.objectContaining({ code: "TEMPLATE_FAILED" }));
  expect(await codeOf(model.reply("Hi"))).toBe("TEMPLATE_FAILED");
  expect(await codeOf(model.complete("Hi"))).toBe("none");
});
