// Files in the form of the published data sets, and what becomes of their rows.
import { describe, expect, test } from "vitest";
import { berkeleySamples, toJsonSchema } from "../../../src/evaluation/berkeley/berkeley_set.js";
import { keysOf, readRows, Row } from "../../../src/evaluation/run/data_file.js";
import { functionCallingSample } from "../../../src/evaluation/function_calling_set.js";
import { jsonModeSample } from "../../../src/evaluation/json_mode_set.js";
import { EvaluationError } from "../../../src/evaluation/outcome.js";
import { readJson } from "../../../src/evaluation/berkeley/python_reader.js";
import type { PythonDict } from "../../../src/evaluation/berkeley/python_value.js";
import type { Answer } from "../../../src/evaluation/sample.js";
import { readSchema } from "../../../src/schema/read_schema.js";

const row = (columns: object) => new Row(readJson(JSON.stringify(columns)) as PythonDict, "rows.jsonl, line 1");
const answer = (calls: readonly [string, string][], text = ""): Answer => ({
  text,
  calls: calls.map(([name, argumentsText]) => ({ name, argumentsText })),
  malformed: 0,
  promptTokens: 1,
  generatedTokens: 1,
  durationMs: 1,
});

describe("files", () => {
  const rows = [
    { id: "a", n: 1 },
    { id: "b", n: 2.0 },
  ];
  test.each([
    [
      "JSON lines, with blank lines and Windows' line ends",
      `\ufeff${JSON.stringify(rows[0])}\r\n\r\n${JSON.stringify(rows[1])}\n`,
    ],
    ["one array over several lines", JSON.stringify(rows, null, 2)],
    [
      "the hub's rows service",
      JSON.stringify({ features: [], rows: rows.map((inner, index) => ({ row_idx: index, row: inner })) }),
    ],
  ])("%s", (_, text) => {
    expect(readRows(text, "rows").map((read) => [read.get("id"), read.get("n")])).toEqual([
      ["a", 1n],
      ["b", 2n],
    ]);
  });

  test.each([
    ["a broken line is named by its number", '{"a": 1}\n{"a": \n', "rows.jsonl, line 2 is not JSON"],
    ["a line that is no object is refused", '{"a": 1}\n[1]\n', "rows.jsonl, line 2: Expected an object"],
    ["a Parquet file is named as one", "PAR1\u0000", "rows.jsonl is a Parquet file"],
  ])("%s", (_, text, words) => {
    expect(() => readRows(text, "rows.jsonl")).toThrow(EvaluationError);
    expect(() => readRows(text, "rows.jsonl")).toThrow(words);
  });

  test("rows are keyed by their ids, or by number where ids are missing or repeated", () => {
    expect(keysOf([row({ id: "x" }), row({ id: 7 })])).toEqual(["x", "7"]);
    expect(keysOf([row({ id: "x" }), row({ id: "x" })])).toEqual(["0", "1"]);
    expect(keysOf([row({}), row({ id: "x" })])).toEqual(["0", "1"]);
  });
});

describe("function calling", () => {
  const tool = {
    type: "function",
    function: {
      name: "f",
      description: "Does it",
      parameters: { type: "object", properties: { a: { type: "integer" } } },
    },
  };
  const columns = {
    prompt: [
      { role: "system", content: "You are … <tools> [] </tools>" },
      { role: "user", content: "Do it" },
    ],
    tools: JSON.stringify([tool]),
    completion: JSON.stringify([{ name: "f", arguments: { a: 1 } }]),
  };

  test("tools come from their column, and a system message that states them is left out", () => {
    expect(functionCallingSample(row(columns), "0")).toMatchObject({
      key: "0",
      messages: [{ role: "user", content: "Do it" }],
      tools: [tool],
    });
  });

  test("any other system message stays, and a prompt may be text alone", () => {
    const system = { role: "system", content: "Be brief." };
    expect(functionCallingSample(row({ ...columns, prompt: [system, columns.prompt[1]] }), "0").messages[0]).toEqual(
      system,
    );
    expect(functionCallingSample(row({ ...columns, prompt: "Do it" }), "0").messages).toEqual([
      { role: "user", content: "Do it" },
    ]);
  });

  test.each([
    ["a list of calls as text", columns.completion],
    ["one call as text", '{"name": "f", "arguments": {"a": 1}}'],
    ["calls that are no text", [{ name: "f", arguments: { a: 1 } }]],
    ["the reply itself", '<tool_call>\n{"arguments": {"a": 1}, "name": "f"}\n</tool_call>'],
    ["the reply as a Python dict", "Sure. <tool_call>{'name': 'f', 'arguments': {'a': 1}}</tool_call>"],
  ])("the expected calls may be %s", (_, completion) => {
    const sample = functionCallingSample(row({ ...columns, completion }), "0");
    expect(
      sample.judge(answer([["f", '{"a": 1}']], '<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>')),
    ).toEqual({ official: { passed: true }, corrected: { passed: true } });
    expect(sample.judge(answer([["f", '{"a": 2}']])).corrected).toMatchObject({ passed: false });
  });

  test.each(["", "[]", "I cannot do that."])("the completion %j expects no call", (completion) => {
    const outcomes = functionCallingSample(row({ ...columns, completion }), "0").judge(answer([]));
    expect(outcomes).toMatchObject({ official: { passed: false }, corrected: { passed: true } });
  });

  test("the official score reads the text, the corrected one the calls", () => {
    const outcomes = functionCallingSample(row(columns), "0").judge(
      answer([["f", '{"a": 1}']], '{"name": "f", "arguments": {"a": 1}}'),
    );
    expect(outcomes).toMatchObject({ official: { passed: false }, corrected: { passed: true } });
  });

  test.each<[string, object, string]>([
    ["no tools", { ...columns, tools: undefined }, "Expected a column tools"],
    ["tools that are not JSON", { ...columns, tools: "[{" }, "tools is not JSON"],
    ["a tool without a name", { ...columns, tools: "[{}]" }, "Expected a name for each of tools."],
    ["a completion that begins as JSON and is none", { ...columns, completion: '[{"name"' }, "completion is not JSON"],
    [
      "an expected call without a name",
      { ...columns, completion: '{"arguments": {}}' },
      "Expected a call with name and arguments",
    ],
    ["a prompt without a user", { ...columns, prompt: [] }, "Expected a message of the user"],
    [
      "a role that nobody knows",
      { ...columns, prompt: [{ role: "human", content: "x" }] },
      "Expected an object with role",
    ],
  ])("%s is refused with its line", (_, wrong, words) => {
    expect(() => functionCallingSample(row(wrong), "0")).toThrow(`rows.jsonl, line 1: ${words}`);
  });
});

test("a row of JSON mode gives its schema, judges by it, and leaves out the system message that states it", () => {
  const schema = { type: "object", properties: { b: { type: "integer" }, a: { type: "string" } }, required: ["a"] };
  const prompt = [
    { role: "system", content: "… <schema>\n{}\n</schema>" },
    { role: "user", content: "Anna" },
  ];
  const sample = jsonModeSample(row({ prompt, schema: JSON.stringify(schema), completion: '{"a": "Anna"}' }), "3");
  expect(sample).toMatchObject({ key: "3", messages: [prompt[1]], schema });
  expect(Object.keys((sample.schema as typeof schema).properties)).toEqual(["b", "a"]);
  expect(sample.judge(answer([], '{"a": "Anna"}'))).toEqual({
    official: { passed: true },
    corrected: { passed: true },
  });
  expect(sample.judge(answer([], '{"a": "Ann"}')).official).toMatchObject({ passed: false });
});

describe("Berkeley", () => {
  const parameters = {
    type: "dict",
    properties: {
      type: { type: "string", default: "float" },
      ratio: { type: "float" },
      place: { type: "tuple", items: { type: "float" }, minItems: 2 },
      options: { type: "dict", properties: { any: { type: "any", description: "x" } }, optional: true },
      rows: { type: "array", items: { type: "dict", properties: { n: { type: "integer" } } } },
    },
    required: ["ratio"],
  };
  const described = { name: "math.f", description: "Does it", parameters };
  const question = row({ id: "parallel_0", question: [[{ role: "user", content: "Do it" }]], function: [described] });

  test("dict, float, tuple and any become JSON Schema's types at every depth, and a parameter named type stays one", () => {
    expect(toJsonSchema(parameters)).toEqual({
      type: "object",
      properties: {
        type: { type: "string", default: "float" },
        ratio: { type: "number" },
        place: { type: "array", items: { type: "number" }, minItems: 2 },
        options: { type: "object", properties: { any: { description: "x" } } },
        rows: { type: "array", items: { type: "object", properties: { n: { type: "integer" } } } },
      },
      required: ["ratio"],
    });
    expect(() => readSchema(toJsonSchema(parameters), "parameters")).not.toThrow();
  });

  test("calls are judged by the leaderboard's types, which tell 1.0 from 1", () => {
    const possible = row({
      id: "parallel_0",
      ground_truth: [{ "math.f": { ratio: [0.5], rows: [[{ n: [1] }], ""] } }, { "math.f": { ratio: [2] } }],
    });
    const [sample] = berkeleySamples("parallel", [question], [possible]);
    const passes = (...calls: [string, string][]) => sample!.judge(answer(calls)).ast?.passed;
    expect(passes(["math.f", '{"ratio": 2}'], ["math.f", '{"ratio": 0.5, "rows": [{"n": 1}]}'])).toBe(true);
    expect(passes(["math.f", '{"ratio": 2}'], ["math.f", '{"ratio": 0.5, "rows": [{"n": 2}]}'])).toBe(false);
    expect(passes(["math.f", '{"ratio": 2}'])).toBe(false);
    const integer = row({
      id: "a",
      question: [[{ role: "user", content: "x" }]],
      function: [{ name: "f", parameters: { type: "dict", properties: { n: { type: "integer" } }, required: ["n"] } }],
    });
    const [simple] = berkeleySamples("simple_python", [integer], [row({ id: "a", ground_truth: [{ f: { n: [5] } }] })]);
    expect(simple!.judge(answer([["f", '{"n": 5}']])).ast?.passed).toBe(true);
    expect(simple!.judge(answer([["f", '{"n": 5.0}']])).ast).toMatchObject({
      passed: false,
      reason: expect.stringContaining("type_error:simple"),
    });
  });

  test("in irrelevance a reply without a call is right, and no other", () => {
    const [sample] = berkeleySamples("irrelevance", [question], []);
    expect(sample!.judge(answer([], "I cannot."))).toEqual({ ast: { passed: true } });
    expect(sample!.judge(answer([["math.f", "{}"]]))).toMatchObject({ ast: { passed: false } });
  });

  test("possible answers of another question are refused", () => {
    expect(() => berkeleySamples("parallel", [question], [row({ id: "parallel_1", ground_truth: [] })])).toThrow(
      "parallel_0",
    );
  });
});
