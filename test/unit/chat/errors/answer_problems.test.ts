// A reply without the answer by its schema: where it is read it fails, with all that was written.
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { tool } from "../../../../src/chat/tools/tool.js";
import { AnswerError } from "../../../../src/chat/reply/answer_error.js";
import { CaduceusError } from "../../../../src/errors.js";
import { scriptedModel } from "../../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../../support/engines/scripted_engine.js";

const person = z.object({ name: z.string(), age: z.int() });
const cut = '{"name": "Anna", "age": 31}';
const wrong = '{"name": "Anna", "age": "31"}';
const saying = (...answers: readonly string[]) => {
  let turn = 0;
  return scriptedModel({
    markers: hermesMarkers,
    constrained: true,
    answer: () => answers[Math.min(turn++, answers.length - 1)]!,
  });
};
const failure = async (work: PromiseLike<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CaduceusError);
  expect(error).toBeInstanceOf(AnswerError);
  return error as AnswerError;
};
async function read<T>(stream: AsyncIterable<T>): Promise<{ readonly values: T[]; readonly error: unknown }> {
  const values: T[] = [];
  try {
    for await (const value of stream) values.push(value);
  } catch (error) {
    return { values, error };
  }
  return { values, error: undefined };
}

test.each([
  ["SCHEMA_MISMATCH", wrong, {}, { text: wrong, finishReason: "stop" }],
  ["INCOMPLETE", cut, { maxTokens: 12 }, { text: cut.slice(0, 12), finishReason: "length", incomplete: true }],
] as const)("%s carries the whole result, wherever the reply is read", async (code, answer, options, result) => {
  const { model } = await saying(answer);
  const reply = () => model.reply("?", { schema: person, ...options });
  const error = await failure(reply());
  expect(error).toMatchObject({ code, result });
  expect(error.result).toMatchObject({
    value: undefined,
    usage: { generatedTokens: expect.any(Number) },
    rounds: { length: 1 },
    message: { role: "assistant", content: result.text },
  });

  const events = await read(reply());
  expect(events.error).toMatchObject({ code, result });
  expect(events.values.map(({ type }) => type)).toEqual([...Array.from(result.text, () => "text"), "round"]);

  const texts = await read(reply().textStream);
  expect(texts.values.join("")).toBe(result.text);
  expect(texts.error).toMatchObject({ code, result });
  expect((await read(reply().valueStream)).error).toMatchObject({ code, result });
  expect((await reply().explain()).prompts).toHaveLength(1);

  const read2 = reply();
  await read(read2);
  expect(await failure(read2)).toMatchObject({ code, result });
});

test("logging the error does not write out what was said", async () => {
  const { model } = await saying('{"name": "a secret", "age": "x"}');
  expect(inspect(await failure(model.reply("?", { schema: person })))).not.toContain("a secret");
});

test("an answer that is complete just where the limit comes is one", async () => {
  const { model } = await saying(cut);
  expect(await model.reply("?", { schema: person, maxTokens: cut.length })).toMatchObject({
    value: { name: "Anna", age: 31 },
  });
  const other = await saying(wrong);
  expect(await failure(other.model.reply("?", { schema: person, maxTokens: wrong.length }))).toMatchObject({
    code: "SCHEMA_MISMATCH",
    result: { text: wrong },
  });
});

test("a limit of rounds cuts the answer off too; calls for the caller come in its place", async () => {
  const call = '<tool_call>\n{"name": "look", "arguments": {}}\n</tool_call>';
  const looping = await saying(call);
  const look = tool({ name: "look", execute: () => 1 });
  expect(await failure(looping.model.reply("?", { schema: person, tools: [look], maxRounds: 2 }))).toMatchObject({
    code: "INCOMPLETE",
    message: expect.stringContaining("maxRounds"),
    result: { stoppedBy: "max-rounds", rounds: { length: 2 } },
  });
  const waiting = await saying(call);
  expect(await waiting.model.reply("?", { schema: person, tools: [tool({ name: "look" })] })).toMatchObject({
    finishReason: "tool-calls",
    value: undefined,
  });
});

test("a chat keeps the turn, and goes on after it", async () => {
  const { model } = await saying(wrong, cut);
  const chat = model.chat();
  await failure(chat.send("Anna?", { schema: person }));
  expect(chat.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
  expect((await chat.send("Her age is a number.", { schema: person })).value).toEqual({ name: "Anna", age: 31 });
});
