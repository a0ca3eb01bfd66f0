// Our scoring by the Berkeley leaderboard's rules against that program itself, which judged these replies beforehand.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  checkCalls,
  readPossibleAnswers,
  type FunctionDescription,
} from "../../../src/evaluation/berkeley/ast_checker.js";
import { readJson } from "../../../src/evaluation/berkeley/python_reader.js";
import { isDict, isList, type PythonDict, type PythonValue } from "../../../src/evaluation/berkeley/python_value.js";

// Another file of the same kind may be named: all of the published data takes long and is not ours to keep.
const file =
  process.env["CADUCEUS_BERKELEY_VERDICTS"] ?? new URL("../../support/golden/berkeley/verdicts.json", import.meta.url);
const text = readFileSync(file, "utf8");
const plain = JSON.parse(text) as {
  category: string;
  functions: FunctionDescription[];
  replies: [unknown, boolean, string | null][];
}[];
const exact = readJson(text) as readonly PythonDict[];

const list = (value: PythonValue | undefined) => (value !== undefined && isList(value) ? value : []);

describe.each(plain.map((row, index) => ({ ...row, index })))(
  "case $index ($category)",
  ({ category, functions, index }) => {
    const row = exact[index]!;
    const answers = readPossibleAnswers(row.get("answers")!);

    test("judges every reply as the leaderboard's own program does, and names the same error", () => {
      for (const reply of list(row.get("replies"))) {
        const [calls, isValid, kind] = list(reply);
        const predicted = list(calls)
          .filter(isDict)
          .map((call) => ({ name: call.get("name") as string, arguments: call.get("arguments") as PythonDict }));
        const verdict = checkCalls(category, functions, predicted, answers);
        expect({ calls, valid: verdict.valid, type: verdict.valid ? null : verdict.type }).toEqual({
          calls,
          valid: isValid,
          type: kind,
        });
      }
    });
  },
);

test("the replies hold several hundred right and wrong ones, and most kinds of error", () => {
  const replies = plain.flatMap((row) => row.replies);
  expect(replies.filter(([, isValid]) => isValid).length).toBeGreaterThan(100);
  expect(replies.filter(([, isValid]) => !isValid).length).toBeGreaterThan(200);
  expect(new Set(replies.map(([, , kind]) => kind)).size).toBeGreaterThan(10);
});
