// Every schema of the JSON Schema Test Suite against the checker, in both dialects.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { CaduceusError } from "../../src/errors.js";
import { readSchema, type JsonSchema } from "../../src/schema/read_schema.js";

interface Group {
  readonly description: string;
  readonly schema: object | boolean;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

const suite = process.env["CADUCEUS_SCHEMA_SUITE"] ?? "";
const drafts = { "draft2020-12": "https://json-schema.org/draft/2020-12/schema", draft7: "http://json-schema.org/draft-07/schema#" };
/**
 * Nothing is fetched. What stands beside a reference counts in draft-07 too. Contents are not looked at. Formats are
 * checked, and by ajv-formats' table.
 */
const otherwise = (file: string, group: string) => file === "format.json" || file === "refRemote.json" || file.startsWith("optional/format/") || file === "optional/content.json"
  || group === "ref overrides any sibling keywords" || group === "$ref prevents a sibling $id from changing the base uri" || file === "optional/ecmascript-regex.json";
/** Nothing is fetched, and dialects that a schema makes up are not known. */
const refused = /nothing is fetched|received "[\w-]+\.json"|Expected JSON Schema draft 2020-12 or draft-07/;

test.each(Object.entries(drafts))("%s: what the suite calls valid is, what it calls invalid is not", (draft, dialect) => {
  const wrong: string[] = [];
  let count = 0;
  const folder = path.join(suite, draft);
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json")).map((name) => name.replaceAll("\\", "/"))) {
    for (const { description, schema, tests } of JSON.parse(readFileSync(path.join(folder, file), "utf8")) as Group[]) {
      if (typeof schema === "boolean" || otherwise(file, description)) continue;
      try {
        const { check } = readSchema({ $schema: dialect, ...schema } as JsonSchema, "schema");
        for (const { description: name, data, valid } of tests) if (++count && check(data).ok !== valid) wrong.push(`${file}: ${description}: ${name}`);
      } catch (error) {
        if (!(error instanceof CaduceusError) || !refused.test(error.message)) wrong.push(`${file}: ${description}: ${String(error)}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThan(500);
});
