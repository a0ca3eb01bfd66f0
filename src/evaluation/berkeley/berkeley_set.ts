// The Berkeley leaderboard's questions about Python functions, unchanged except for types, which become those of JSON
// Schema.
import type { JsonSchema, Message, FunctionTool } from "../../index.js";
import { checkCalls, readPossibleAnswers, type FunctionDescription, type PossibleAnswer } from "./ast_checker.js";
import type { Row } from "../run/data_file.js";
import { writtenCalls } from "../function_calling_set.js";
import { failed, passed, type Outcome } from "../outcome.js";
import { isDict, isList, show, toJson } from "./python_value.js";
import type { Answer, Sample } from "../sample.js";
import { isObject } from "../../json_object.js";

export const berkeleyCategories = [
  "simple_python",
  "multiple",
  "parallel",
  "parallel_multiple",
  "irrelevance",
] as const;
export type BerkeleyCategory = (typeof berkeleyCategories)[number];

/** `answers`: the corresponding rows of the file of possible answers; the category irrelevance has no such file. */
export function berkeleySamples(
  category: BerkeleyCategory,
  questions: readonly Row[],
  answers: readonly Row[],
): Sample[] {
  return questions.map((row, index) => {
    const id = row.need("id");
    if (typeof id !== "string") throw row.wrong("Expected text for id.");
    const functions = readFunctions(row);
    const expected = category === "irrelevance" ? undefined : possibleAnswers(answers[index], id);
    return {
      key: id,
      group: category,
      messages: readQuestion(row),
      tools: functions.map(toolOf),
      judge: (answer) => ({
        ast: expected === undefined ? noCall(answer) : astScore(category, functions, answer, expected),
      }),
    };
  });
}

function astScore(
  category: BerkeleyCategory,
  functions: readonly FunctionDescription[],
  answer: Answer,
  expected: readonly PossibleAnswer[],
): Outcome {
  const calls = writtenCalls(answer).flatMap(({ name, arguments: given }) =>
    isDict(given) ? [{ name, arguments: given }] : [],
  );
  // The leaderboard counts arguments that are not an object as a reply in the wrong format.
  if (calls.length < answer.calls.length) return failed("The arguments of a call are no object.");
  const verdict = checkCalls(category, functions, calls, expected);
  return verdict.valid ? passed : failed(`${verdict.message} (${verdict.type})`);
}

const noCall = ({ calls }: Answer): Outcome =>
  calls.length === 0 ? passed : failed(`Expected no call but received ${calls.map(({ name }) => name).join(", ")}.`);

function possibleAnswers(row: Row | undefined, id: string): PossibleAnswer[] {
  if (row?.get("id") !== id)
    throw new TypeError(`Expected the possible answers of ${id} but found ${show(row?.get("id"))}.`);
  return readPossibleAnswers(row.need("ground_truth"));
}

/** All these categories have one turn. */
function readQuestion(row: Row): Message[] {
  const turns = row.need("question");
  const messages = isList(turns) ? turns[0] : undefined;
  if (messages === undefined || !isList(messages)) throw row.wrong("Expected messages in question.");
  return messages.map((message) => toJson(message) as Message);
}

type BerkeleyFunction = FunctionDescription & { readonly description?: string; readonly parameters: JsonSchema };

function readFunctions(row: Row): BerkeleyFunction[] {
  const functions = row.need("function");
  if (!isList(functions)) throw row.wrong("Expected a list for function.");
  return functions.map((described) => toJson(described) as BerkeleyFunction);
}

function toolOf({ name, description, parameters }: BerkeleyFunction): FunctionTool {
  return {
    type: "function",
    function: { name, ...(description === undefined ? {} : { description }), parameters: toJsonSchema(parameters) },
  };
}

const types: Readonly<Record<string, string>> = { dict: "object", float: "number", tuple: "array" };

/** The same schema in JSON Schema's types: dict is object, float number, tuple array, and any has no type. */
export function toJsonSchema(schema: JsonSchema): JsonSchema {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (key === "type" && typeof value === "string")
      return value === "any" ? [] : [[key, Object.hasOwn(types, value) ? types[value] : value]];
    // `optional` is not a keyword of JSON Schema; `required` says the same.
    if (key === "optional" && typeof value === "boolean") return [];
    if (key === "properties" && isObject(value))
      return [
        [
          key,
          Object.fromEntries(
            Object.entries(value).map(([name, inner]) => [name, isObject(inner) ? toJsonSchema(inner) : inner]),
          ),
        ],
      ];
    if (key === "items" && isObject(value)) return [[key, toJsonSchema(value)]];
    return [[key, value]];
  });
  return Object.fromEntries(entries);
}
