// The results file of an evaluation: what is written for each sample, read back after a kill, and summed up.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { failed, passed } from "../../../src/evaluation/outcome.js";
import { makeReport, writeReport } from "../../../src/evaluation/report.js";
import { ResultsFile } from "../../../src/evaluation/run/results_file.js";
import { limitGroups } from "../../../src/evaluation/run/run_evaluation.js";
import type { Answer, Sample } from "../../../src/evaluation/sample.js";

const answerOf = (text: string, more: Partial<Answer> = {}): Answer => ({
  text,
  calls: [],
  malformed: 0,
  promptTokens: 10,
  generatedTokens: 5,
  durationMs: 1,
  ...more,
});
const run = { model: "m", seed: 0, constrained: null };

describe("the results file", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "caduceus-results-"));
    file = path.join(folder, "inner", "results.jsonl");
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const keys = () =>
    readFileSync(file, "utf8")
      .split("\n")
      .slice(1, -1)
      .map((line) => (JSON.parse(line) as { key: string }).key);
  const fill = (...added: string[]) => {
    const results = ResultsFile.open(file, run);
    for (const key of added) results.add(key, answerOf(`text of ${key}`));
    results.close();
    return results;
  };

  test("gives back what was added before, and adds behind it", () => {
    fill("a", "b");
    const results = fill("c");
    expect([...results.answers]).toEqual(["a", "b", "c"].map((key) => [key, answerOf(`text of ${key}`)]));
    expect(keys()).toEqual(["a", "b", "c"]);
  });

  test("at whatever byte it was cut off, whole lines stay, the rest is dropped, and it goes on", () => {
    fill("a", "bé", "c");
    const whole = readFileSync(file);
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length));
      const complete = whole.subarray(0, length).toString("utf8").split("\n").slice(1, -1).length;
      fill("a", "bé", "c");
      expect(keys(), `cut at ${length}`).toEqual(["a", "bé", "c"]);
      expect(readFileSync(file).equals(whole), `cut at ${length}, ${complete} lines`).toBe(true);
    }
  });

  test("never holds an answer twice, and takes the first where two processes wrote one", () => {
    fill("a", "a");
    expect(keys()).toEqual(["a"]);
    appendFileSync(file, `${JSON.stringify({ key: "a", ...answerOf("second") })}\n`);
    expect(ResultsFile.open(file, run).answers.get("a")?.text).toBe("text of a");
  });

  test("of another run is refused, and the message names the difference", () => {
    fill("a");
    expect(() => ResultsFile.open(file, { ...run, seed: 1 })).toThrow(
      "holds results of another run: seed was 0 and is 1.",
    );
    expect(() => ResultsFile.open(file, { ...run, constrained: false })).toThrow(
      "constrained was not set and is false.",
    );
    expect(() => ResultsFile.open(file, { model: "m", seed: 0, constrained: null, kvType: "q8_0" })).toThrow(
      "kvType was not set",
    );
    expect(keys()).toEqual(["a"]);
  });

  test("that something else has written into is refused with the line", () => {
    fill("a", "b");
    const lines = readFileSync(file, "utf8").split("\n");
    writeFileSync(file, [lines[0], '{"key": ', lines[2], ""].join("\n"));
    expect(() => ResultsFile.open(file, run)).toThrow("line 2 is not JSON");
    truncateSync(file);
    appendFileSync(file, '{"other": 1}\n');
    expect(() => ResultsFile.open(file, run)).toThrow("holds no results of an evaluation");
  });
});

const sample = (key: string, group: string): Sample => ({
  key,
  group,
  messages: [],
  tools: [],
  judge: ({ text }) => ({
    official: text === "right" ? passed : failed("Expected right."),
    corrected: text === "" ? failed("Empty.") : passed,
  }),
});

describe("the report", () => {
  const samples = [sample("a", "one"), sample("b", "one"), sample("c", "two"), sample("d", "two"), sample("e", "two")];
  const answers = new Map<string, Answer>([
    ["a", answerOf("right", { calls: [{ name: "f", argumentsText: "{}", problem: "unknown-tool" }] })],
    ["b", answerOf("half", { incomplete: true, malformed: 2 })],
    ["c", answerOf("")],
    ["d", answerOf("right", { error: "The schema is none. (INVALID_SCHEMA)" })],
    ["z", answerOf("right")],
  ]);
  const report = makeReport({ scores: ["official", "corrected"] }, samples, answers, run);

  test("counts by group and together what was asked for, and nothing else", () => {
    expect(report.groups).toMatchObject([
      {
        group: "one",
        samples: 2,
        passed: { official: 1, corrected: 2 },
        incomplete: 1,
        malformed: 1,
        invalidCalls: 1,
        withoutCalls: 1,
        errors: 0,
        generatedTokens: 10,
      },
      { group: "two", samples: 2, passed: { official: 0, corrected: 0 }, errors: 1, withoutCalls: 1 },
    ]);
    expect(report.total).toMatchObject({ samples: 4, passed: { official: 1, corrected: 2 }, promptTokens: 40 });
  });

  test("names every failure with its reason; a question that could not be asked is never right", () => {
    expect(report.failures).toEqual([
      { key: "b", group: "one", reasons: { official: "Expected right." }, text: "half" },
      { key: "c", group: "two", reasons: { official: "Expected right.", corrected: "Empty." }, text: "" },
      {
        key: "d",
        group: "two",
        reasons: {
          official: "The schema is none. (INVALID_SCHEMA)",
          corrected: "The schema is none. (INVALID_SCHEMA)",
        },
        text: "right",
      },
    ]);
  });

  test("as a table has a line for each group, one for all, and the failures", () => {
    const lines = writeReport(report).split("\n");
    expect(lines[0]).toMatch(
      /^\s+samples\s+official\s+corrected\s+incomplete\s+malformed\s+invalid\s+no call\s+errors\s+tokens$/,
    );
    expect(lines[1]).toMatch(/^one\s+2\s+1 \(50\.0 %\)\s+2 \(100\.0 %\)\s+1\s+1\s+1\s+1\s+0\s+10$/);
    expect(lines[3]).toMatch(/^together\s+4\s+1 \(25\.0 %\)/);
    expect(lines.slice(5)).toEqual([
      "Failed:",
      "  b: official: Expected right.",
      "  c: official: Expected right. corrected: Empty.",
      "  d: The schema is none. (INVALID_SCHEMA)",
      "",
    ]);
  });

  test("of nothing at all is a table of zeros", () => {
    expect(writeReport(makeReport({ scores: ["ast"] }, [], new Map(), run))).toMatch(/^ +samples/);
  });
});

test("a limit takes the first of each group", () => {
  const samples = ["a1", "b1", "a2", "b2", "a3"].map((key) => sample(key, key[0]!));
  expect(limitGroups(samples, 2).map(({ key }) => key)).toEqual(["a1", "b1", "a2", "b2"]);
  expect(limitGroups(samples, undefined)).toHaveLength(5);
});
