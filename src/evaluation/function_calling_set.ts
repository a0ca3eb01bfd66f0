// Rows in the form of NousResearch/func-calling-eval: `prompt` (messages), `tools` and `completion` (the expected
// calls), the last two as JSON text.
import type { FunctionTool } from "../index.js";
import { keysOf, readDataFile, type Row } from "./run/data_file.js";
import { correctedScore, officialScore, type ExpectedCall, type GeneratedCall } from "./function_calling_score.js";
import { officialCalls } from "./berkeley/official_calls.js";
import { promptMessages } from "./run/prompt_column.js";
import { PythonSyntaxError, readJson, readJsonOrLiteral } from "./berkeley/python_reader.js";
import { isDict, isList, show, toJson, type PythonValue } from "./berkeley/python_value.js";
import type { Answer, DataSet, Sample } from "./sample.js";
import { isObject } from "../json_object.js";

export async function readFunctionCallingSet(file: string): Promise<DataSet> {
  const { rows, version } = await readDataFile(file);
  const keys = keysOf(rows);
  const samples = rows.map((row, index) => functionCallingSample(row, keys[index]!));
  return { name: "function-calling", version, scores: ["official", "corrected"], samples };
}

export function functionCallingSample(row: Row, key: string): Sample {
  // First, since rows of another set have a completion too.
  const tools = toolDefinitions(row);
  const expected = expectedCalls(row);
  return {
    key,
    group: "all",
    messages: promptMessages(row, "<tools>"),
    tools,
    judge: (answer) => ({
      official: officialScore(officialCalls(answer.text), expected),
      corrected: correctedScore(writtenCalls(answer), expected),
    }),
  };
}

/** The calls of an answer with their numbers as the model wrote them. */
export function writtenCalls({ calls }: Answer): GeneratedCall[] {
  return calls.map(({ name, argumentsText }) => ({ name, arguments: readJson(argumentsText) }));
}

function toolDefinitions(row: Row): FunctionTool[] {
  const tools = row.json("tools");
  return (isList(tools) ? tools : [tools]).map((tool) => {
    const described = toJson(tool) as { function?: unknown };
    const { name, description, parameters } = (described.function ?? described) as Record<string, unknown>;
    if (typeof name !== "string") throw row.wrong("Expected a name for each of tools.");
    return {
      type: "function",
      function: {
        name,
        ...(typeof description === "string" ? { description } : {}),
        ...(isObject(parameters) ? { parameters } : {}),
      },
    };
  });
}

/**
 * A call, several, or the text of a reply with calls in their tags; an empty list, or text without a call, expects
 * none.
 */
function expectedCalls(row: Row): ExpectedCall[] {
  const completion = row.need("completion");
  return callsIn(completion, row).map((call) => {
    const name = isDict(call) ? call.get("name") : undefined;
    const given = isDict(call) ? (call.get("arguments") ?? new Map<string, PythonValue>()) : undefined;
    if (typeof name !== "string" || given === undefined || !isDict(given))
      throw row.wrong(`Expected a call with name and arguments in completion but received ${show(call)}.`);
    return { name, arguments: given };
  });
}

function callsIn(completion: PythonValue, row: Row): readonly PythonValue[] {
  if (isList(completion)) return completion;
  if (typeof completion !== "string") return [completion];
  const text = completion.trim();
  if (/^[[{]/.test(text)) return callsIn(row.json("completion"), row);
  return [...text.matchAll(/<tool_call>([^]*?)(?:<\/tool_call>|<tool_call>|$)/g)].map(([, inside]) => {
    try {
      return readJsonOrLiteral(inside!.trim());
    } catch (error) {
      if (!(error instanceof PythonSyntaxError)) throw error;
      throw row.wrong(`A call in completion cannot be read: ${error.message}.`);
    }
  });
}
