// Arguments in notations that are not JSON: whatever a real model samples under the constraint is read back as
// arguments that satisfy the schema.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CallFormat, ElementForm, Engine, NotationForm } from "../../src/engine/engine.js";
import { ReplyParser } from "../../src/format/hermes/index.js";
import { atOnce } from "../../src/schema/cooperative_work.js";
import { readSchema } from "../../src/schema/read_schema.js";
import { greedy, openEngine, userTurn, write } from "../support/constrained.js";
import { smollm2Model } from "../support/models.js";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine(await smollm2Model(), { contextSize: 1024 });
});
afterAll(() => engine.close());

const short = { type: "string", minLength: 1, maxLength: 8 };
const node = {
  type: "object",
  properties: { label: short, next: { $ref: "#/$defs/node" } },
  required: ["label"],
  additionalProperties: false,
};
const parameters = {
  type: "object",
  properties: {
    text: short,
    kind: { enum: ["a b", 2, true] },
    fixed: { const: { x: ["y", null] } },
    numbers: { type: "array", items: { type: "integer", minimum: 10, maximum: 99 }, minItems: 2, maxItems: 3 },
    texts: { type: "array", items: short, maxItems: 2 },
    mixed: { type: ["boolean", "null"] },
    either: { anyOf: [short, { type: "integer", minimum: 0, maximum: 9 }] },
    inner: {
      type: "object",
      properties: { a: { type: "number", minimum: 0, maximum: 1, multipleOf: 0.5 }, b: { type: "boolean" } },
      required: ["a"],
      additionalProperties: false,
    },
    chain: { $ref: "#/$defs/node" },
    none: { type: "array", items: {}, maxItems: 0 },
  },
  required: ["text", "kind", "fixed", "numbers", "mixed", "either", "chain", "none"],
  additionalProperties: false,
  $defs: { node },
};
const open = { type: "object", properties: { a: { type: "boolean" } }, additionalProperties: { type: "integer" } };

/** Elements show no difference between a number and its digits, and none between null and what is empty. */
const { fixed: _fixed, either: _either, ...told } = parameters.properties;
const inElements = {
  ...parameters,
  properties: { ...told, fixed: { const: { x: ["y", 1] } }, last: { type: ["null", "integer"], minimum: 7 } },
  required: ["text", "kind", "fixed", "numbers", "mixed", "chain", "none", "last"],
};

const notations: readonly (readonly [
  name: string,
  form: NotationForm | ElementForm,
  call: CallFormat["call"],
  schemas: Readonly<Record<string, typeof parameters | typeof inElements | typeof open>>,
])[] = [
  [
    "elements",
    { prefix: "]<", item: "item" },
    ["]<<c>", { value: "name" }, "]<:", { value: "arguments" }, "]<</c>"],
    { all: inElements },
  ],
  [
    "Python's",
    { assign: "=", comma: ", " },
    ["<c>", { value: "name" }, "(", { value: "arguments" }, ")</c>"],
    { all: parameters, few: open },
  ],
  [
    "one with quotes of its own",
    { assign: ":", comma: ",", quote: '<|"|>' },
    ["<c>", { value: "name" }, "{", { value: "arguments" }, "}</c>"],
    { all: parameters, few: open },
  ],
];

test.each(notations)("%s", async (_, form, call, schemas) => {
  const format: CallFormat = {
    ...{ begin: "", between: "", end: "", call, arguments: form, several: false, isBare: false },
  };
  const complete = new Set<string>();
  for (const [name, schema] of Object.entries(schemas)) {
    const read = readSchema(schema, "parameters");
    const { schema: enforced } = read.enforced("refuse");
    for (const seed of [1, 2, 3]) {
      const { text, end } = await write(
        engine,
        {
          kind: "tools",
          ...{ format, tools: [{ name, parameters: enforced }], mode: "required", parallel: false },
          ...{ order: "name-first", bareFurtherCalls: false },
        },
        { prompt: userTurn("Call it."), sampling: { ...greedy, temperature: 1.2, seed }, maxTokens: 400 },
      );
      // A chain may have no end before the limit.
      if (!end.constraint?.complete) continue;
      complete.add(name);
      const parser = new ReplyParser({ tools: [{ name, parameters: schema }] }, format);
      parser.push(text);
      const { calls } = parser.end();
      expect(calls, text).toMatchObject([{ name }]);
      expect(atOnce(read.checkInSlices(calls[0]!.arguments, "arguments")), text).toMatchObject({ ok: true });
    }
  }
  expect([...complete]).toEqual(Object.keys(schemas));
});
