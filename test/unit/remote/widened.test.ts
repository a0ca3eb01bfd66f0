// What the grammars for llama-server and vLLM do not say of a schema is listed, in the words of that schema.
import { expect, test } from "vitest";
import { widenedKeywords } from "../../../src/engine/remote/grammar/widened_keywords.js";
import { constraintGbnf } from "../../../src/engine/remote/grammar/constraint_gbnf.js";
import { unenforcedOf, unenforcedOfAnswer } from "../../../src/chat/tools/round_constraint.js";
import { readSchema, type JsonSchema, type UndeclaredProperties } from "../../../src/schema/read_schema.js";
import { connect, tool } from "../../../src/index.js";
import { fakeServer, says } from "./fake_server.js";

function listed(schema: JsonSchema, undeclared: UndeclaredProperties = "refuse"): string[] {
  const engine = { capabilities: {} as never, widenedKeywords };
  return unenforcedOfAnswer(readSchema(schema, "schema"), undeclared, engine).map(
    ({ path, keyword }) => `${path} ${keyword}`,
  );
}
const object = (properties: Record<string, JsonSchema>, more: JsonSchema = {}): JsonSchema => ({
  type: "object",
  properties,
  ...more,
});

test.each<[string, JsonSchema, string[]]>([
  ["whole numbers within bounds", object({ n: { type: "integer", minimum: -5, exclusiveMaximum: 150 } }), []],
  ["a positive number", { type: "number", minimum: 0 }, []],
  [
    "lengths, counts, lists and tuples",
    object(
      {
        a: { type: "string", minLength: 1, maxLength: 9 },
        b: { type: "array", items: { enum: ["x", "y"] }, maxItems: 4 },
        c: { type: "array", prefixItems: [{ const: 1 }, { type: "null" }], items: false },
      },
      { required: ["a"] },
    ),
    [],
  ],
  [
    "patterns and formats",
    object({ a: { type: "string", pattern: "^[a-z]{2,4}$" }, d: { type: "string", format: "date" } }),
    [],
  ],
  ["bounds of other numbers", object({ n: { type: "number", maximum: 1.5 } }), ["schema.properties.n maximum"]],
  ["an excluded zero", { type: "number", exclusiveMinimum: 0 }, ["schema exclusiveMinimum"]],
  ["multiples", object({ n: { type: "integer", multipleOf: 5 } }), ["schema.properties.n multipleOf"]],
  ["a pattern beside a length", { type: "string", pattern: "^a+$", maxLength: 5 }, ["schema maxLength"]],
  ["a format beside a length", { type: "string", format: "uuid", minLength: 5 }, ["schema minLength"]],
  ["a length that is too large to count", { type: "string", maxLength: 5_000 }, ["schema maxLength"]],
  [
    "a list too long to count",
    object({ "a b": { type: "array", minItems: 3_000 } }),
    ['schema.properties["a b"] minItems'],
  ],
  [
    "numbers of properties",
    { type: "object", properties: { a: {}, b: {} }, additionalProperties: false, minProperties: 1 },
    ["schema minProperties"],
  ],
  [
    "names by pattern beside others",
    { type: "object", patternProperties: { "^x-": { type: "integer" } }, additionalProperties: { type: "string" } },
    ["schema patternProperties"],
  ],
  ["names by pattern alone", { type: "object", patternProperties: { "^x-": {} }, additionalProperties: false }, []],
  [
    "what references lead to",
    { $defs: { n: { type: "number", maximum: 9.5 } }, type: "array", items: { $ref: "#/$defs/n" } },
    ["schema.$defs.n maximum"],
  ],
  [
    "an alternative",
    { oneOf: [{ type: "string" }, { type: "array", items: { type: "number", minimum: 2 } }] },
    ["schema.oneOf[1].items minimum"],
  ],
  [
    "both of two lengths",
    {
      allOf: [
        { type: "string", maxLength: 9 },
        { minLength: 2, maxLength: 7 },
      ],
    },
    [],
  ],
  ["two patterns in one place", { type: "string", pattern: "^a", format: "date" }, ["schema pattern"]],
  ["a list with bounds", { type: "integer", enum: [1, 2, 3, 4], minimum: 2 }, []],
  ["a list with a pattern", { enum: ["ab", "b"], pattern: "^a" }, ["schema pattern"]],
])("%s: %j", (_, schema, expected) => {
  expect(listed(schema)).toEqual(expected);
});

test("where further properties are allowed, none of them repeats a declared name", () => {
  expect(listed(object({ a: { type: "integer" } }), "allow")).toEqual([]);
  expect(listed(object({ "a\n": { type: "integer" } }), "allow")).toEqual(["schema properties"]);
});

test("an array of tuples in draft-07's words is named in these", () => {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "array",
    items: [{ type: "number", minimum: 1 }],
    additionalItems: { type: "number", maximum: 2 },
  };
  expect(listed(schema)).toEqual(["schema.items[0] minimum", "schema.additionalItems maximum"]);
});

test("a schema that leads back to itself beside other keywords is written, and soon", () => {
  const child = { $ref: "#/$defs/n", type: "object" };
  const schema: JsonSchema = { $defs: { n: object({ a: child, b: child, c: child }) }, $ref: "#/$defs/n" };
  const enforced = readSchema(schema, "schema").enforced("refuse").schema;
  expect(constraintGbnf({ kind: "json", schema: enforced })!.grammar.length).toBeLessThan(10_000);
});

test("calls in another format than Hermes' are listed as a whole where the server does not constrain them", () => {
  const settings = {
    tools: new Map([["f", { name: "f", schema: readSchema({ type: "object" }, "f.parameters") }]]),
    isConstrained: true,
    undeclaredProperties: "refuse",
  } as never;
  const calls = { kind: "own", format: { arguments: "json" } } as never;
  const engine = (constrainsOtherCalls?: boolean) => ({
    capabilities: { constrained: true, constrainsOtherCalls } as never,
  });
  expect(unenforcedOf(settings, { calls }, engine(false))).toMatchObject([{ tool: "f", keyword: "*" }]);
  expect(unenforcedOf(settings, { calls }, engine())).toEqual([]);
  expect(unenforcedOf(settings, { calls: { kind: "hermes" } }, engine(false))).toEqual([]);
});

test("a reply on a server without constraints lists all, and one on a server that enforces all lists nothing", async () => {
  const server = await fakeServer(says("Hello"));
  const model = await connect(server.url, { format: "hermes" });
  const reply = model.reply("Hi", { tools: [tool({ name: "f", parameters: { type: "object" } })] });
  expect(reply.unenforced).toEqual([
    { tool: "f", path: "f.parameters", keyword: "*", reason: "the reply is not constrained" },
  ]);
  await reply;
  await model.close();
});
