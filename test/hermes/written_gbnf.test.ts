// What the grammars for llama-server and vLLM write: random tokens write under them, and where nothing is listed as not
// enforced, the check accepts each text.
import { beforeAll, expect, test } from "vitest";
import { constraintGbnf } from "../../src/engine/remote/grammar/constraint_gbnf.js";
import { widenedKeywords } from "../../src/engine/remote/grammar/widened_keywords.js";
import { CaduceusError } from "../../src/errors.js";
import { readJson } from "../../src/format/strict_json.js";
import { gbnfToLark } from "../../src/schema/gbnf.js";
import { readSchema, type JsonSchema } from "../../src/schema/read_schema.js";
import { nativeTestFile } from "../support/native_test_file.js";
import { RandomSchemas } from "../support/schemas/random_schemas.js";
import { askMatcher } from "../support/schemas/schema_matcher.js";
import { seeded } from "../support/seeded.mjs";

const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href);
const { nativeTestEnvironment } = (await script("test_native.mjs")) as {
  nativeTestEnvironment(): Promise<NodeJS.ProcessEnv>;
};

const count = Number(process.env["CADUCEUS_SCHEMAS"] ?? 12);
const firstSeed = Number(process.env["CADUCEUS_SEED"] ?? 1);
let program: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  program = await nativeTestFile("schema_matcher");
  env = await nativeTestEnvironment();
});

/** Texts that came to their end, and what is wrong with one of a schema of which nothing is left out. */
async function writeBy(schemas: readonly JsonSchema[], undeclared: "refuse" | "allow") {
  const read = schemas.flatMap((schema, index) => {
    try {
      const one = readSchema(schema, "schema");
      const { schema: enforced, unenforced } = one.enforced(undeclared);
      const lark = gbnfToLark(constraintGbnf({ kind: "json", schema: enforced })!.grammar);
      const isWhole = unenforced.length === 0 && widenedKeywords(enforced, false).length === 0;
      return [{ schema, one, lark, isWhole, seed: firstSeed + index }];
    } catch (error) {
      // Nothing fits, or it is too large.
      if (error instanceof CaduceusError) return [];
      throw error;
    }
  });
  const matches = await askMatcher(
    program,
    read.map(({ lark, seed }) => ({ lark, write: { count: 4, seed } })),
    env,
  );
  const wrong: string[] = [];
  let whole = 0;
  matches.forEach((match, index) => {
    const { schema, one, isWhole } = read[index]!;
    // Of the grammar's size: llguidance has other limits than llama.cpp.
    if ("refused" in match) return;
    for (const { how, text } of match.written) {
      if (how !== "wrote") continue;
      const { value } = readJson(text);
      const check = one.check(value);
      if (!isWhole) continue;
      whole++;
      if (!check.ok) wrong.push(`${check.problem} ${JSON.stringify(schema)} ${text.slice(0, 300)}`);
    }
  });
  return { whole, wrong };
}

test.each(["refuse", "allow"] as const)(
  "what is written under random schemas of which nothing is left out is accepted (undeclaredProperties: %s)",
  { timeout: 3_600_000 },
  async (undeclared) => {
    const schemas = (["number", "string", "schema"] as const).flatMap((kind) =>
      Array.from({ length: count }, (_, index) => new RandomSchemas(seeded(firstSeed + index).below)[kind]()),
    );
    const { whole, wrong } = await writeBy(schemas, undeclared);
    expect(wrong).toEqual([]);
    expect(whole).toBeGreaterThan(count);
  },
);
