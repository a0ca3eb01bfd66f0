// Rows in the form of NousResearch/json-mode-eval: `prompt` (messages), `schema` and `completion`, the last two as JSON
// text.
import { keysOf, readDataFile, type Row } from "./run/data_file.js";
import { correctedJsonScore, officialJsonScore, schemaCheck, type SchemaCheck } from "./json_mode_score.js";
import { promptMessages } from "./run/prompt_column.js";
import { isDict, toJson } from "./berkeley/python_value.js";
import type { DataSet, Sample } from "./sample.js";

export async function readJsonModeSet(file: string): Promise<DataSet> {
  const { rows, version } = await readDataFile(file);
  const keys = keysOf(rows);
  const samples = rows.map((row, index) => jsonModeSample(row, keys[index]!));
  return { name: "json", version, scores: ["official", "corrected"], samples };
}

export function jsonModeSample(row: Row, key: string): Sample {
  const stated = row.json("schema");
  if (!isDict(stated)) throw row.wrong("Expected an object for schema.");
  const schema = toJson(stated) as Record<string, unknown>;
  const reference = row.json("completion");
  // Compiled when the first answer is judged: a file may hold many schemas of which few are used.
  let check: SchemaCheck | undefined;
  return {
    key,
    group: "all",
    messages: promptMessages(row, "<schema>"),
    schema,
    judge: ({ text }) => {
      check ??= schemaCheck(schema);
      return {
        official: officialJsonScore(text, check, reference),
        corrected: correctedJsonScore(text, check, reference),
      };
    },
  };
}
