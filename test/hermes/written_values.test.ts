// Whatever a constraint can write, the check accepts: random tokens write under the constraints of random schemas, of
// every keyword, format and bound, and what they wrote is checked as an answer is. `CADUCEUS_SCHEMAS` is how many
// schemas of each kind; `npm run test:heavy -- written` takes many.
import { beforeAll, describe, expect, test } from "vitest";
import { readJson } from "../../src/format/strict_json.js";
import { readSchema, type JsonSchema, type UndeclaredProperties } from "../../src/schema/read_schema.js";
import { nativeTestFile } from "../support/native_test_file.js";
import { formats, RandomSchemas } from "../support/schemas/random_schemas.js";
import { askMatcher } from "../support/schemas/schema_matcher.js";
import { seeded } from "../support/seeded.mjs";

const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href);
const { nativeTestEnvironment } = (await script("test_native.mjs")) as {
  nativeTestEnvironment(): Promise<NodeJS.ProcessEnv>;
};

const count = Number(process.env["CADUCEUS_SCHEMAS"] ?? 30);
const firstSeed = Number(process.env["CADUCEUS_SEED"] ?? 1);
const textsOfEach = 4;
let program: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  program = await nativeTestFile("schema_matcher");
  env = await nativeTestEnvironment();
});

/** Schemas that were asked for, texts that came to their end, and everything that is wrong with one of those. */
async function writeBy(
  schemas: readonly JsonSchema[],
  undeclared: UndeclaredProperties,
): Promise<{ written: number; wrong: string[] }> {
  const read = schemas.flatMap((schema, index) => {
    try {
      const one = readSchema(schema, "schema");
      return [{ schema, one, enforced: one.enforced(undeclared), seed: firstSeed + index }];
    } catch {
      // A pattern of no expression, a reference to nothing.
      return [];
    }
  });
  const matches = await askMatcher(
    program,
    read.map(({ enforced, seed }) => ({ schema: enforced.schema, write: { count: textsOfEach, seed } })),
    env,
  );
  let written = 0;
  const wrong: string[] = [];
  matches.forEach((match, index) => {
    const { schema, one, enforced } = read[index]!;
    // Nothing satisfies some of them.
    if ("refused" in match) return;
    for (const { how, text } of match.written) {
      const tell = (problem: string) => wrong.push(`${problem} ${JSON.stringify(schema)} ${text.slice(0, 300)}`);
      if (how === "stuck") tell("nothing could follow:");
      if (how !== "wrote") continue;
      written++;
      const { value, tooLarge } = readJson(text);
      if (tooLarge !== undefined) tell(`${tooLarge} is infinite:`);
      const check = one.check(value);
      // Where something is listed, the check says what the constraint does not.
      if (!check.ok && enforced.unenforced.length === 0) tell(check.problem);
    }
  });
  return { written, wrong };
}

const kinds = ["number", "string", "schema"] as const;

describe.each(["refuse", "allow"] as const)("undeclaredProperties: %s", (undeclared) => {
  test.each(undeclared === "refuse" ? kinds : (["schema"] as const))(
    "what is written under a random %s is accepted",
    { timeout: 3_600_000 },
    async (kind) => {
      const schemas = Array.from({ length: count }, (_, index) =>
        new RandomSchemas(seeded(firstSeed + index).below)[kind](),
      );
      const { written, wrong } = await writeBy(schemas, undeclared);
      expect(wrong).toEqual([]);
      expect(written).toBeGreaterThan(count * 2);
    },
  );
});

test("what is written in each format, and in patterns of each construct, is accepted", {
  timeout: 3_600_000,
}, async () => {
  const random = new RandomSchemas(seeded(firstSeed).below);
  const schemas = [
    ...formats.map((format) => ({ type: "string", format })),
    ...Array.from({ length: count }, () => ({ type: "string", pattern: random.pattern(), maxLength: 60 })),
  ];
  const { written, wrong } = await writeBy(schemas, "refuse");
  expect(wrong).toEqual([]);
  expect(written).toBeGreaterThan(count);
});

test("a text whose constraint becomes too complex is told from one that nothing can follow", {
  timeout: 600_000,
}, async () => {
  // Words that may begin with any letters, so that a text can be inside of many of them.
  const words = Array.from(
    { length: 40 },
    (_, index) => `[a-z]*${String.fromCharCode(97 + (index % 26))}[a-z]{${index}}`,
  );
  const lark = `start: /(${words.join("|")})/`;
  const [match] = await askMatcher(program, [{ lark, write: { count: textsOfEach, seed: 7 } }], env);
  if (match === undefined || "refused" in match) throw new Error("Expected the grammar to compile.");
  expect(match.written.map(({ how }) => how)).toEqual(Array.from({ length: textsOfEach }, () => "complex"));
});

test("what was found once stays repaired", { timeout: 600_000 }, async () => {
  const { wrong } = await writeBy(
    [
      { type: "string", format: "uri" },
      { type: "object", properties: { u: { type: "string", format: "uri", maxLength: 6 } }, required: ["u"] },
      { type: "number" },
      { type: "integer" },
      {},
      { type: "array", items: {} },
      { type: ["number", "string"] },
      { type: "number", exclusiveMaximum: 1, minimum: 0 },
      { type: "number", exclusiveMinimum: 0 },
      { type: "number", exclusiveMinimum: 0.1, exclusiveMaximum: 0.2 },
      { type: "number", exclusiveMaximum: 1e-7 },
      { type: "number", exclusiveMinimum: 1, maximum: 1.0000005 },
      { exclusiveMinimum: 0, exclusiveMaximum: 1e-6, type: "number" },
      { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 0.001944 },
      { type: "number", exclusiveMinimum: 1, maximum: 1.5, multipleOf: 0.25 },
      { type: "number", exclusiveMaximum: -1, minimum: -1.01 },
      { type: "number", allOf: [{ exclusiveMinimum: 0 }, { maximum: 0.0005 }] },
      { type: "number", multipleOf: 1e-7 },
      { type: "number", multipleOf: 1e-5 },
      { type: "number", multipleOf: 0.3 },
      { type: "integer", multipleOf: 3 },
      { type: "number", multipleOf: 9973 },
      { type: "number", multipleOf: 10_000 },
      { type: "string", pattern: "^x{2{3}\\u{1F44D}" },
      { allOf: [{ multipleOf: 10_000, type: "number" }, { multipleOf: 0.000_001 }] },
    ],
    "refuse",
  );
  expect(wrong).toEqual([]);
});
