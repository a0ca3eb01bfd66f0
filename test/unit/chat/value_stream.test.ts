// The answer by schema while it is written.
import { expect, test } from "vitest";
import { z } from "zod";
import { PartialValue } from "../../../src/format/partial_value.js";
import { scriptedModel } from "../../support/engines/scripted_model.js";
import { hermesMarkers } from "../../support/engines/scripted_engine.js";

const person = z.object({ name: z.string(), age: z.int(), tags: z.array(z.string()) });
const anna = { name: "Anna", age: 31, tags: ["a", "b"] };
const saying = (text: string, constrained = true) =>
  scriptedModel({ markers: hermesMarkers, constrained, answer: () => text });

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

test("strings grow, numbers appear when they are complete, and the last value is the checked one", async () => {
  const { model } = await saying(JSON.stringify(anna));
  const values = await all(model.reply("?", { schema: person }).valueStream);
  const names = [...new Set(values.map(({ name }) => name))];
  expect(names).toEqual([undefined, "", "A", "An", "Ann", "Anna"]);
  expect([...new Set(values.map(({ age }) => age))]).toEqual([undefined, 31]);
  expect(values.at(-1)).toEqual(anna);
  expect(new Set(values.slice(0, -1).map((value) => JSON.stringify(value))).size).toBe(values.length - 1);
});

test("a value in a code fence streams too, where nothing is enforced", async () => {
  const { model } = await saying(`\`\`\`json\n${JSON.stringify(anna)}\n\`\`\``, false);
  const values = await all(model.reply("?", { schema: person }).valueStream);
  expect(values[0]).toEqual({});
  expect(values.at(-1)).toEqual(anna);
});

test("an answer that does not fit, or is cut off, throws at the end of the stream", async () => {
  const { model } = await saying('{"name": "Anna", "age": "31", "tags": []}');
  await expect(all(model.reply("?", { schema: person }).valueStream)).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
    message: expect.stringMatching(/answer\.age/) as unknown,
  });
  await expect(all(model.reply("?", { schema: person, maxTokens: 9 }).valueStream)).rejects.toMatchObject({
    code: "INCOMPLETE",
  });
});

test("leaving the stream cancels the run, and it is one of the streams that a reply has once", async () => {
  const { model, engine } = await saying(JSON.stringify({ ...anna, name: "A".repeat(2000) }));
  const reply = model.reply("?", { schema: person });
  for await (const value of reply.valueStream) if ((value.name ?? "").length === 3) break;
  expect(model.stats().running).toBe(0);
  expect(engine.generated).toBeLessThan(50);
  expect(() => reply.textStream[Symbol.asyncIterator]()).toThrow(/was iterated or awaited before/);
});

test("a repaired answer starts anew", async () => {
  let round = 0;
  const { model } = await scriptedModel({
    constrained: true,
    markers: hermesMarkers,
    answer: () => (round++ === 0 ? '{"name": 1}' : JSON.stringify(anna)),
  });
  const values = await all(model.reply("?", { schema: person, schemaRepair: true }).valueStream);
  expect(values.at(-1)).toEqual(anna);
  expect(values.some((value) => (value as { name?: unknown }).name === 1)).toBe(true);
});

test.each([['{"a": {"b": [1, "x'], ["[1, [2"], ['{"name": "x", "arguments": {"a": 1}}'], ["```\n[true, nul"]])(
  "any splitting gives the same value: %s",
  (text) => {
    const whole = new PartialValue();
    whole.read(text);
    for (let at = 1; at < text.length; at++) {
      const parts = new PartialValue();
      parts.read(text.slice(0, at));
      parts.read(text.slice(at));
      expect(parts.value).toEqual(whole.value);
    }
  },
);
