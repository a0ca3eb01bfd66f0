// What requests say of the beginning that is worth keeping on disk.
import { expect, test } from "vitest";
import { tool } from "../../../src/chat/tools/tool.js";
import type { RunRequest } from "../../../src/engine/engine.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

const chatml =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const system = { role: "system", content: "Be brief." } as const;
const user = (content: string) => ({ role: "user", content }) as const;
const assistant = (content: string) => ({ role: "assistant", content }) as const;
const add = tool({ name: "add", execute: () => 3 });
const call = '<tool_call>\n{"arguments": {}, "name": "add"}\n</tool_call>';

/** The text of what is to be kept, for each request. */
const kept = (requests: readonly RunRequest[]) =>
  requests.map(({ prompt, keepPrefix }) =>
    keepPrefix === undefined
      ? undefined
      : prompt
          .slice(0, keepPrefix)
          .map((part) => Object.values(part)[0] as string)
          .join(""),
  );

const systemTurn = "<|im_start|>system\nBe brief.<|im_end|>\n";

test("a reply keeps nothing unless asked, then everything before its last message", async () => {
  const { model, engine } = await scriptedModel();
  const messages = [system, user("a"), assistant("b"), user("c")];
  for (const keepPrefix of [undefined, false, true]) await model.reply(messages, { keepPrefix });
  await model.reply("Hi", { keepPrefix: true });
  expect(kept(engine.requests)).toEqual([
    undefined,
    undefined,
    `${systemTurn}<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n`,
    undefined,
  ]);
});

test("a completion keeps its whole prompt when asked", async () => {
  const { model, engine } = await scriptedModel();
  await model.complete("Once", { keepPrefix: true });
  await model.complete([{ control: "<|im_start|>" }, { text: "user\n" }, { text: "Hi" }], { keepPrefix: true });
  await model.complete("Once");
  expect(engine.requests.map(({ keepPrefix }) => keepPrefix)).toEqual([1, 3, undefined]);
});

test("the first turn of a chat keeps its system turn by itself, later ones and forks keep nothing", async () => {
  const { model, engine } = await scriptedModel();
  const chat = model.chat({ system: "Be brief." });
  await chat.send("One?");
  await chat.send("Two?", { stop: "." });
  await chat.send("Three?");
  await chat.fork().send("Other?", { cacheScope: "a" });
  expect(engine.requests.map(({ after }) => after !== undefined)).toEqual([false, true, false, false]);
  expect(kept(engine.requests)).toEqual([systemTurn, undefined, undefined, undefined]);
});

test("a first turn that failed is not the first; one that is over is", async () => {
  const { model, engine } = await scriptedModel();
  const chat = model.chat({ system: "Be brief." });
  for await (const _ of chat.send("One?")) break;
  await chat.send("One?");
  expect(kept(engine.requests)).toEqual([systemTurn, systemTurn]);
});

test("a history given to a chat is kept only when asked for", async () => {
  const { model, engine } = await scriptedModel();
  const messages = [system, user("a"), assistant("b")];
  await model.chat({ messages }).send("c");
  await model.chat({ messages, keepPrefix: true }).send("c");
  await model.chat({ messages, keepPrefix: false }).send("c");
  await model.chat().send("c");
  expect(kept(engine.requests)).toEqual([
    systemTurn,
    `${systemTurn}<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n`,
    undefined,
    undefined,
  ]);
});

test("a later turn that asks keeps what comes before its last message, those tokens included that it goes on from", async () => {
  const { model, engine } = await scriptedModel({ answer: () => "yes" });
  const chat = model.chat();
  await chat.send("A long document.");
  await chat.send([user("Mind this."), user("What does it say?")], { keepPrefix: true });
  expect(engine.requests[1]?.after).toBe(1);
  expect(kept(engine.requests)[1]).toBe("<|im_end|>\n<|im_start|>user\nMind this.<|im_end|>\n");
});

test("tools count as system turn, and only the first round of a reply keeps", async () => {
  let round = 0;
  const { model, engine } = await scriptedModel({
    markers: hermesMarkers,
    answer: () => (round++ === 0 ? call : "3"),
  });
  await model.chat({ tools: [add] }).send("1 + 2?");
  const [first, second] = kept(engine.requests);
  expect(first).toMatch(/^<\|im_start\|>system\nYou are a function calling AI model\..*<\|im_end\|>\n$/s);
  expect(second).toBeUndefined();
});

test("with the file's template it is what can be told for sure", async () => {
  const { model, engine } = await scriptedModel({ chatTemplate: chatml });
  await model.chat({ system: "Be brief." }).send("Hi");
  await model.reply("Hi", { keepPrefix: true });
  expect(kept(engine.requests)).toEqual(["<|im_start|>system\nBe brief.<|im_end|>\n", undefined]);
});
