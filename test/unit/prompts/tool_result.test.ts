// What goes back to the model: results of every kind, cuts, errors.
import fc from "fast-check";
import { expect, test } from "vitest";
import { writeCallFailure, writeToolResult } from "../../../src/format/hermes/prompt/tool_result.js";

test.each([
  ["plain text", "plain text"],
  [{ city: "Oslo", celsius: 9 }, '{"city": "Oslo", "celsius": 9}'],
  [undefined, "null"],
  [2n ** 70n, "1180591620717411303424"],
  [[true, null], "[true, null]"],
  ["a\ud800b", "a\ufffdb"],
  [new Date(0), "1970-01-01T00:00:00.000Z"],
  [{ toJSON: () => "12 kg" }, "12 kg"],
])("the result %s becomes %s", (result, content) => {
  expect(writeToolResult("f", result)).toEqual({ content, leftOutChars: 0 });
});

test("a function or a cycle becomes an error that names tool and place", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  expect(JSON.parse(writeToolResult("add", { run: () => 1 }).content)).toEqual({
    error: "The function add ran, but its result can't be shown: .run is a function.",
  });
  expect(writeToolResult("add", cycle).problem).toBe(
    "The function add ran, but its result can't be shown: .self is an object that contains itself.",
  );
});

test("10 MB are cut to the limit, with what is missing counted", () => {
  const { content, leftOutChars } = writeToolResult("f", `begin${"x".repeat(10_000_000)}end`);
  expect(content.length).toBeLessThan(16_384 + 60);
  expect(content.startsWith("begin")).toBe(true);
  expect(content.endsWith("end")).toBe(true);
  expect(content).toContain(`\n[… ${leftOutChars} characters left out …]\n`);
  expect(leftOutChars).toBe(10_000_008 - 16_384);
});

test("a cut never splits a surrogate pair, and the pieces and the count add up", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 0, max: 30 }), (text, maxChars) => {
      const { content, leftOutChars } = writeToolResult("f", text, { maxChars });
      expect(content).not.toMatch(/\p{Surrogate}/u);
      const kept = content.replace(/\n\[… \d+ characters left out …\]\n/, "");
      expect(kept.length).toBe(text.length - leftOutChars);
      expect(kept.length).toBeLessThanOrEqual(Math.max(maxChars, 0));
    }),
  );
});

test("a failed call says which function, what was wrong and what to do", () => {
  const error = (failure: Parameters<typeof writeCallFailure>[1]) =>
    (JSON.parse(writeCallFailure("add", failure).content) as { error: string }).error;
  expect(error({ kind: "threw", error: new Error("No network.") })).toBe(
    "Error when executing function add: No network. Please call add again with correct arguments.",
  );
  expect(error({ kind: "threw", error: undefined })).toContain("null");
  expect(error({ kind: "threw", error: { toString: 1, f() {} } })).toContain("an unknown error");
  expect(error({ kind: "unknown-tool", tools: ["sum", "now"] })).toBe(
    "There is no function add. The functions are: sum, now. Please call again with a correct name and arguments.",
  );
  expect(error({ kind: "invalid-arguments", problem: "a must be number." })).toBe(
    "Invalid arguments for function add: a must be number. Please call add again with correct arguments.",
  );
  expect(error({ kind: "timeout", timeoutMs: 60_000 })).toContain("within 60 seconds");
  expect(error({ kind: "refused", reason: "not today" })).toContain("not allowed: not today.");
  expect(error({ kind: "malformed", problem: "no name." })).toContain("could not be read: no name.");
  expect(error({ kind: "threw", error: new Error("x".repeat(1e6)) }).length).toBeLessThan(2_100);
});
