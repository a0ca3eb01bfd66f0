// Every schema of the JSON Schema Test Suite: what it calls invalid is refused by the constraint, or the schema lists a
// keyword as unenforced. Schemas that are no objects, or that readSchema refuses before generation, cannot be asked
// for.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { toPythonJson } from "../../src/format/hermes/prompt/prompt_json.js";
import { readSchema, type JsonSchema, type ReadSchema } from "../../src/schema/read_schema.js";
import { askMatcher } from "../support/schemas/schema_matcher.js";

interface Group {
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

const suite = process.env["CADUCEUS_SCHEMA_SUITE"] ?? "";
/** Without it, 2020-12 would be read where draft-07 is meant. */
const drafts = { "draft2020-12": "https://json-schema.org/draft/2020-12/schema", draft7: "http://json-schema.org/draft-07/schema#" };
/** What a string's content is made of is checked by nobody, in either dialect. */
const unchecked = ["optional/content.json"];

describe.each(Object.entries(drafts))("%s", (draft, dialect) => {
  test("nothing that is invalid is taken without being listed, and every schema compiles unless nothing satisfies it", async () => {
    const cases = read(path.join(suite, draft), dialect);
    expect(cases.length).toBeGreaterThan(200);
    const matches = await askMatcher(process.env["CADUCEUS_MATCHER"] as string, cases.map(({ group, schema }) => ({ schema: schema.enforced("allow").schema, texts: group.tests.map(({ data }) => toPythonJson(data)) })));
    const wrong: string[] = [];
    const refused: string[] = [];
    const counts = { invalid: 0, refusedByTheConstraint: 0, listed: 0, valid: 0, tooStrict: 0 };
    cases.forEach(({ file, group, schema }, index) => {
      const match = matches[index]!;
      if ("refused" in match && group.tests.some(({ valid }) => valid)) refused.push(`${file}: ${group.description}: ${match.refused}`);
      group.tests.forEach(({ description, data, valid }, at) => {
        const isTaken = "accepts" in match && match.accepts[at] === true;
        counts[valid ? "valid" : "invalid"]++;
        if (valid && !isTaken) counts.tooStrict++;
        if (valid || !isTaken) return void (counts.refusedByTheConstraint += valid ? 0 : 1);
        if (schema.enforced("allow").unenforced.length > 0) return void counts.listed++;
        wrong.push(`${file}: ${group.description}: ${description}: ${JSON.stringify(data)}`);
      });
    });
    console.log(draft, counts);
    expect(refused).toEqual([]);
    expect(wrong).toEqual([]);
  });
});

function read(folder: string, dialect: string): { file: string; group: Group; schema: ReadSchema }[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".json") && !unchecked.includes(file.replaceAll("\\", "/")));
  return files.flatMap((file) => (JSON.parse(readFileSync(path.join(folder, file), "utf8")) as Group[]).flatMap((group) => {
    if (typeof group.schema !== "object" || group.schema === null) return [];
    try {
      return [{ file, group, schema: readSchema({ $schema: dialect, ...group.schema } as JsonSchema, "schema") }];
    } catch {
      return [];
    }
  }));
}
