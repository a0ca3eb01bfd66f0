// The final answer by schema: the JSON object alone, as JSON mode asks for it, or in one code fence.
import { numberProblem } from "../../format/hermes/json/json_word.js";
import { readJson } from "../../format/strict_json.js";
import type { ReadSchema, SchemaCheck } from "../../schema/read_schema.js";

/** Without its code fence. */
const bareText = (text: string) => /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/.exec(text)?.[1] ?? text;

/** Whether a text that was cut off is whole JSON all the same: a number or a word might have gone on. */
export function isComplete(text: string): boolean {
  if (!/[}\]"]\s*$/.test(bareText(text))) return false;
  try {
    readJson(bareText(text));
    return true;
  } catch {
    return false;
  }
}

export async function readAnswer(text: string, schema: ReadSchema<unknown>): Promise<SchemaCheck<unknown>> {
  const bare = bareText(text);
  let value: unknown;
  try {
    const read = readJson(bare);
    if (read.tooLarge !== undefined)
      return {
        ok: false,
        problem: numberProblem(read.tooLarge),
        path: "answer",
        issues: [{ path: "answer", message: "has a number that is too large" }],
      };
    value = read.value;
  } catch (error) {
    const problem = `The answer must be JSON and nothing else (${(error as Error).message}).`;
    return { ok: false, problem, path: "answer", issues: [{ path: "answer", message: "is not JSON" }] };
  }
  return schema.parse(value, "answer");
}
