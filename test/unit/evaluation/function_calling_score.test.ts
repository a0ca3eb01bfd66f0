// The two scores of function calling, quirk by quirk.
import { describe, expect, test } from "vitest";
import { correctedScore, officialScore, type ExpectedCall } from "../../../src/evaluation/function_calling_score.js";
import { officialCalls } from "../../../src/evaluation/berkeley/official_calls.js";
import type { Outcome } from "../../../src/evaluation/outcome.js";
import { readJson } from "../../../src/evaluation/berkeley/python_reader.js";
import { isDict, type PythonDict } from "../../../src/evaluation/berkeley/python_value.js";

type Call = readonly [name: string, argumentsText: string];

const expected = (calls: readonly Call[]): ExpectedCall[] =>
  calls.map(([name, text]) => ({ name, arguments: readJson(text) as PythonDict }));
const tagged = (calls: readonly Call[]) =>
  calls
    .map(([name, text]) => `<tool_call>\n{"arguments": ${text}, "name": ${JSON.stringify(name)}}\n</tool_call>`)
    .join("\n");

/** Whether a reply with these calls passes the official and the corrected score. */
function scores(written: readonly Call[], wanted: readonly Call[]): { official: boolean; corrected: boolean } {
  return {
    official: officialScore(officialCalls(tagged(written)), expected(wanted)).passed,
    corrected: correctedScore(
      written.map(([name, text]) => ({ name, arguments: readJson(text) })),
      expected(wanted),
    ).passed,
  };
}
const both = { official: true, corrected: true };
const neither = { official: false, corrected: false };

describe("where both scores agree", () => {
  test.each<[string, readonly Call[], readonly Call[], typeof both]>([
    ["the expected call passes", [["f", '{"a": 1}']], [["f", '{"a": 1}']], both],
    ["1 and 1.0 are equal", [["f", '{"a": 1.0, "b": [2]}']], [["f", '{"a": 1, "b": [2.0]}']], both],
    ["further arguments are allowed", [["f", '{"a": 1, "unit": "km"}']], [["f", '{"a": 1}']], both],
    ["no arguments at all are enough where none are expected", [["f", "{}"]], [["f", "{}"]], both],
    [
      "two calls of different functions pass in any order",
      [
        ["g", "{}"],
        ["f", '{"a": 1}'],
      ],
      [
        ["f", '{"a": 1}'],
        ["g", "{}"],
      ],
      both,
    ],
    ["another value fails", [["f", '{"a": "Paris"}']], [["f", '{"a": "paris"}']], neither],
    ["a missing argument fails", [["f", "{}"]], [["f", '{"a": 1}']], neither],
    ["another function fails", [["g", '{"a": 1}']], [["f", '{"a": 1}']], neither],
    [
      "a call more fails",
      [
        ["f", '{"a": 1}'],
        ["g", "{}"],
      ],
      [["f", '{"a": 1}']],
      neither,
    ],
    [
      "a call less fails",
      [["f", '{"a": 1}']],
      [
        ["f", '{"a": 1}'],
        ["g", "{}"],
      ],
      neither,
    ],
    ["a further key inside a value fails", [["f", '{"a": {"x": 1, "y": 2}}']], [["f", '{"a": {"x": 1}}']], neither],
    ["no call fails where one is expected", [], [["f", "{}"]], neither],
  ])("%s", (_, written, wanted, outcome) => {
    expect(scores(written, wanted)).toEqual(outcome);
  });
});

describe("the official score's quirks, and their correction", () => {
  test.each<[string, readonly Call[], readonly Call[], typeof both]>([
    [
      "two parallel calls of one function never pass officially",
      [
        ["f", '{"a": 1}'],
        ["f", '{"a": 2}'],
      ],
      [
        ["f", '{"a": 1}'],
        ["f", '{"a": 2}'],
      ],
      { official: false, corrected: true },
    ],
    [
      "in whatever order they come",
      [
        ["f", '{"a": 2}'],
        ["f", '{"a": 1}'],
      ],
      [
        ["f", '{"a": 1}'],
        ["f", '{"a": 2}'],
      ],
      { official: false, corrected: true },
    ],
    [
      "a second, wrong call of a function goes unseen officially",
      [
        ["f", '{"a": 1}'],
        ["f", '{"a": 9}'],
      ],
      [
        ["f", '{"a": 1}'],
        ["f", '{"a": 1}'],
      ],
      { official: true, corrected: false },
    ],
    ["no call never passes officially, not even where none is expected", [], [], { official: false, corrected: true }],
    ["a call where none is expected fails in both", [["f", "{}"]], [], neither],
    [
      "true equals 1 officially",
      [["f", '{"a": true, "b": [false]}']],
      [["f", '{"a": 1, "b": [0.0]}']],
      { official: true, corrected: false },
    ],
    [
      "a missing argument equals null officially",
      [["f", "{}"]],
      [["f", '{"a": null}']],
      { official: true, corrected: false },
    ],
    [
      "where no argument is expected, arguments may be anything officially",
      [["f", '"none"']],
      [["f", "{}"]],
      { official: true, corrected: false },
    ],
  ])("%s", (_, written, wanted, outcome) => {
    expect(scores(written, wanted)).toEqual(outcome);
  });

  test("a call that fits two expected ones leaves the one that another call fits", () => {
    const wanted: readonly Call[] = [
      ["f", '{"a": 1}'],
      ["f", '{"a": 1, "b": 2}'],
    ];
    expect(
      scores(
        [
          ["f", '{"a": 1, "b": 2}'],
          ["f", '{"a": 1}'],
        ],
        wanted,
      ).corrected,
    ).toBe(true);
    expect(
      scores(
        [
          ["f", '{"a": 1, "b": 2}'],
          ["f", '{"a": 2}'],
        ],
        wanted,
      ).corrected,
    ).toBe(false);
  });

  test("something without a name, or arguments that are no object, fails where the official evaluator would stop", () => {
    const wanted = expected([["f", '{"a": 1}']]);
    for (const body of ['["f"]', '{"arguments": {"a": 1}}', '{"name": "f"}', '{"name": "f", "arguments": "a"}']) {
      expect(officialScore(officialCalls(`<tool_call>${body}</tool_call>`), wanted)).toMatchObject({
        passed: false,
        reason: expect.stringContaining("Expected"),
      });
    }
  });
});

test("a failure says what was expected and what came", () => {
  const reason = (outcome: Outcome) => (outcome.passed ? "" : outcome.reason);
  const wanted = expected([["f", '{"a": 1}']]);
  expect(reason(correctedScore([{ name: "f", arguments: readJson('{"a": "x"}') }], wanted))).toBe(
    'f: a is "x", expected 1.',
  );
  expect(reason(correctedScore([{ name: "g", arguments: new Map() }], wanted))).toBe("There is no call of f.");
  expect(reason(correctedScore([{ name: "g", arguments: new Map() }], []))).toBe("Expected no call but received g.");
  expect(reason(officialScore([], wanted))).toBe("No call could be read.");
});

describe("calls as the official evaluator reads them", () => {
  const names = (reply: string) => officialCalls(reply).map((call) => (isDict(call) ? call.get("name") : "?"));
  const call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>';

  test("JSON and Python literals are read, and one that is neither costs only itself", () => {
    expect(
      names(
        `${call}<tool_call>\n{'name': 'g', 'arguments': {'a': True, 'b': None}}\n</tool_call><tool_call>{"name": </tool_call>`,
      ),
    ).toEqual(["f", "g"]);
  });

  test("prose, other elements, comments and entities around and inside are no matter", () => {
    expect(names(`Sure. <b class="x">Here</b> &amp; <!-- so --> ${call}<br/>`)).toEqual(["f"]);
    expect(officialCalls('<tool_call>{"name": "f", "arguments": {"a": "1 &lt; 2"}}</tool_call>')).toEqual([
      readJson('{"name": "f", "arguments": {"a": "1 < 2"}}'),
    ]);
    expect(names(`<answer>${call}</answer>`)).toEqual(["f"]);
  });

  test.each([
    ["a bare ampersand in prose", `A & B ${call}`],
    ["a bare ampersand in a string", '<tool_call>{"name": "f", "arguments": {"a": "A & B"}}</tool_call>'],
    ["a less-than sign in a string", '<tool_call>{"name": "f", "arguments": {"a": "1 < 2"}}</tool_call>'],
    ["a call without its end", `${call}<tool_call>{"name": "g", "arguments": {}}`],
    ["an end without its call", `${call}</tool_call>`],
    ["crossed elements", `<a><tool_call>{}</a></tool_call>`],
    ["an unknown entity", `&nbsp;${call}`],
    ["a control character", `\u0001${call}`],
    ["a call that is empty", `${call}<tool_call></tool_call>`],
    ["an element before the call's text", `<tool_call><b/>{"name": "f", "arguments": {}}</tool_call>`],
    ["something behind the root", `</root>${call}<root>`],
  ])("%s makes the whole reply unreadable", (_, reply) => {
    expect(officialCalls(reply)).toEqual([]);
  });

  test("no tag at all is no call, however much it looks like one", () => {
    expect(officialCalls('{"name": "f", "arguments": {}}')).toEqual([]);
  });
});
