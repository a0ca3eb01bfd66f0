// The two scores of JSON mode: as published, and corrected.
import { describe, expect, test } from "vitest";
import { correctedJsonScore, officialJsonScore, schemaCheck } from "../../../src/evaluation/json_mode_score.js";
import { readJson } from "../../../src/evaluation/berkeley/python_reader.js";

const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name"],
};

function scores(reply: string, reference: string, schema: Record<string, unknown> = person) {
  const check = schemaCheck(schema);
  return {
    official: officialJsonScore(reply, check, readJson(reference)).passed,
    corrected: correctedJsonScore(reply, check, readJson(reference)).passed,
  };
}
const both = { official: true, corrected: true };
const neither = { official: false, corrected: false };
const onlyOfficial = { official: true, corrected: false };

describe("both scores", () => {
  test.each([
    ["the reference in another order and spacing passes", '\n{ "age":31, "name":"Anna" }\n', both],
    ["31 and 31.0 are equal", '{"name": "Anna", "age": 31.0}', both],
    ["another value fails", '{"name": "anna", "age": 31}', neither],
    ["a further key fails, though the schema allows it", '{"name": "Anna", "age": 31, "city": "Rome"}', neither],
    ["a missing key fails, though the schema allows it", '{"name": "Anna"}', neither],
    ["prose around it fails", 'Here it is: {"name": "Anna", "age": 31}', neither],
    ["a code fence fails", '```json\n{"name": "Anna", "age": 31}\n```', neither],
    ["what the schema refuses fails", '{"name": "Anna", "age": "31"}', neither],
    ["a list of it fails", '[{"name": "Anna", "age": 31}]', neither],
    ["nothing fails", "", neither],
  ])("%s", (_, reply, outcome) => {
    expect(scores(reply, '{"name": "Anna", "age": 31}')).toEqual(outcome);
  });
});

describe("the official score's quirks, and their correction", () => {
  test("a Python literal counts as JSON officially", () => {
    expect(scores("{'name': 'Anna', 'age': 31}", '{"name": "Anna", "age": 31}')).toEqual(onlyOfficial);
  });

  test("true equals 1 officially, where the schema has no objection", () => {
    expect(scores('{"name": "Anna", "likes": [true]}', '{"name": "Anna", "likes": [1]}')).toEqual(onlyOfficial);
  });

  test("a list never passes officially, not even where the schema wants one", () => {
    expect(scores("[1, 2]", "[1, 2]", { type: "array" })).toEqual({ official: false, corrected: true });
  });

  test("formats are not checked, and drafts 7 and 2020-12 are both understood", () => {
    expect(
      scores('{"when": "soon"}', '{"when": "soon"}', { properties: { when: { type: "string", format: "date" } } }),
    ).toEqual(both);
    const pair = (draft: Record<string, unknown>) =>
      scores('{"p": [1, "x"]}', '{"p": [1, "x"]}', { properties: { p: draft } });
    expect(pair({ prefixItems: [{ type: "integer" }, { type: "integer" }] })).toEqual(neither);
    expect(
      scores('{"p": [1, "x"]}', '{"p": [1, "x"]}', {
        $schema: "http://json-schema.org/draft-07/schema#",
        properties: { p: { items: [{ type: "integer" }, { type: "integer" }] } },
      }),
    ).toEqual(neither);
  });

  test("a schema that is none refuses everything and says so", () => {
    const check = schemaCheck({ type: "person" });
    expect(officialJsonScore("{}", check, new Map())).toMatchObject({
      passed: false,
      reason: expect.stringContaining("the schema itself cannot be used"),
    });
  });
});
