// Numbers in answers: exact where they are whole, and none that is infinite.
import { expect, test } from "vitest";
import { readAnswer } from "../../../src/chat/reply/answer.js";
import { readSchema } from "../../../src/schema/read_schema.js";

const anything = readSchema({}, "schema");

test.each([
  ['{"id": 9007199254740993}', { id: 9007199254740993n }],
  ["-123456789012345678901234567890", -123456789012345678901234567890n],
  [
    '[1e300, 9007199254740991, 0.12345678901234567890, "9007199254740993 and 1e999"]',
    [1e300, 9007199254740991, 0.12345678901234568, "9007199254740993 and 1e999"],
  ],
  ['{"a": {"__proto__": 12345678901234567890}}', { a: JSON.parse('{"__proto__": 1}') as object }],
])("%s is read as it is written", async (text, value) => {
  const read = await readAnswer(text, anything);
  if (text.includes("__proto__"))
    expect(Object.keys((read as { value: { a: object } }).value.a)).toEqual(["__proto__"]);
  else expect(read).toEqual({ ok: true, value });
});

test.each(["1e999", '{"a": [-1.5E+400]}', `${"9".repeat(5000)}`, `{"a": ${"9".repeat(400)}.5}`])(
  "%.30s is a problem that names the number",
  async (text) => {
    expect(await readAnswer(text, anything)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(
        /^The number [-\d].* is too large: numbers have to be below 1\.8e308\.$/,
      ) as string,
    });
  },
);

test("an integer beyond 2^53 satisfies integer, and what is no JSON stays none", async () => {
  expect(
    await readAnswer("```json\n9007199254740993\n```", readSchema({ type: "integer", minimum: 5 }, "schema")),
  ).toEqual({ ok: true, value: 9007199254740993n });
  expect(await readAnswer('{"a": 12345678901234567890,}', anything)).toMatchObject({
    ok: false,
    issues: [{ message: "is not JSON" }],
  });
});
