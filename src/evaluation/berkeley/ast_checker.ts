// The rules by which the Berkeley leaderboard (bfcl-eval 2026.3.23) judges calls of Python functions, its quirks
// included. Names and kinds of errors are the same as in that program, so that the two can be compared.
import {
  checkDict,
  checkList,
  checkListOfDicts,
  checkString,
  checkType,
  CheckerCrash,
  invalid,
  pythonClass,
  valid,
  type Verdict,
} from "./ast_values.js";
import { isAmong, isDict, isList, show, type PythonDict, type PythonValue } from "./python_value.js";

export type { Verdict } from "./ast_values.js";

/** The part of a function's description that the rules use; types are dict, float, tuple, any, … */
export interface FunctionDescription {
  readonly name: string;
  readonly parameters: {
    readonly properties: Readonly<
      Record<string, { readonly type: string; readonly items?: { readonly type: string } | undefined }>
    >;
    readonly required: readonly string[];
  };
}

/**
 * The accepted values of each parameter, for each expected call; `""` among them marks an optional parameter.
 */
export interface PossibleAnswer {
  readonly name: string;
  readonly parameters: PythonDict;
}

export interface PredictedCall {
  readonly name: string;
  readonly arguments: PythonDict;
}

/** Judges the calls of one reply. Where the original would end with an exception, the answer is wrong. */
export function checkCalls(
  category: string,
  functions: readonly FunctionDescription[],
  calls: readonly PredictedCall[],
  answers: readonly PossibleAnswer[],
): Verdict {
  try {
    if (category.includes("parallel")) return checkInAnyOrder(functions, calls, answers);
    const kind = category.includes("multiple") ? "multiple_function_checker" : "simple_function_checker";
    const expected = kind === "multiple_function_checker" ? answers.length : 1;
    if (calls.length !== expected) return invalid(`${kind}:wrong_count`, countMessage(expected, calls.length));
    const described = kind === "multiple_function_checker" ? find(functions, answers[0]!.name) : functions[0];
    return checkCall(described, calls[0]!, answers[0]!);
  } catch (error) {
    if (!(error instanceof CheckerCrash)) throw error;
    return invalid("checker_crash", `The leaderboard's checker cannot judge this: ${error.message}`);
  }
}

/** Each expected call is matched with the first remaining call that fits. */
function checkInAnyOrder(
  functions: readonly FunctionDescription[],
  calls: readonly PredictedCall[],
  answers: readonly PossibleAnswer[],
): Verdict {
  if (calls.length !== answers.length)
    return invalid("parallel_function_checker_no_order:wrong_count", countMessage(answers.length, calls.length));
  const left = [...calls];
  for (const answer of answers) {
    const described = find(functions, answer.name);
    const problems: string[] = [];
    const match = left.findIndex((call) => {
      const verdict = checkCall(described, call, answer);
      if (!verdict.valid) problems.push(verdict.message);
      return verdict.valid;
    });
    if (match < 0)
      return invalid(
        "parallel_function_checker_no_order:cannot_find_match",
        `No call fits the expected one of ${answer.name}: ${problems.join(" / ")}`,
      );
    left.splice(match, 1);
  }
  return valid;
}

function find(functions: readonly FunctionDescription[], name: string): FunctionDescription | undefined {
  return functions.find((candidate) => candidate.name === name);
}

const countMessage = (expected: number, received: number) =>
  `Expected ${expected} ${expected === 1 ? "call" : "calls"} but received ${received}.`;

function checkCall(
  described: FunctionDescription | undefined,
  call: PredictedCall,
  { parameters: possible }: PossibleAnswer,
): Verdict {
  if (described === undefined) throw new CheckerCrash("the expected function is not described.");
  if (call.name !== described.name)
    return invalid("simple_function_checker:wrong_func_name", `Expected ${described.name} but received ${call.name}.`);
  const missing = described.parameters.required.find((name) => !call.arguments.has(name));
  if (missing !== undefined)
    return invalid("simple_function_checker:missing_required", `${missing} is required and missing.`);
  for (const [name, value] of call.arguments) {
    const details = Object.hasOwn(described.parameters.properties, name)
      ? described.parameters.properties[name]
      : undefined;
    const answers = possible.get(name);
    if (details === undefined || answers === undefined)
      return invalid("simple_function_checker:unexpected_param", `${name} is not expected.`);
    const verdict = checkArgument(name, value, details, answers as readonly PythonValue[]);
    if (!verdict.valid) return verdict;
  }
  for (const [name, answers] of possible) {
    if (!call.arguments.has(name) && !isAmong("", answers as readonly PythonValue[])) {
      return invalid("simple_function_checker:missing_optional", `${name} is missing and may not be left out.`);
    }
  }
  return valid;
}

function checkArgument(
  name: string,
  given: PythonValue,
  details: { readonly type: string; readonly items?: { readonly type: string } | undefined },
  answers: readonly PythonValue[],
): Verdict {
  const expected = pythonClass(details.type);
  const isNested = details.type === "array" || details.type === "tuple";
  const nested = isNested ? pythonClass(details.items?.type) : undefined;
  const value = details.type === "float" && typeof given === "bigint" ? Number(given) : given;
  const typed = checkType(name, value, answers, expected, nested);
  if (!typed.valid) return typed;
  // A value of another type that is among the answers, such as the name of a variable, is compared as it is.
  if (!typed.isVariable) {
    if (expected === "dict") return checkDict(name, value as PythonDict, answers);
    if (expected === "list" && nested === "dict")
      return checkListOfDicts(name, value as readonly PythonValue[], answers);
    if (expected === "str") return checkString(name, value as string, answers);
    if (expected === "list") return checkList(name, value as readonly PythonValue[], answers);
  }
  if (isAmong(value, answers)) return valid;
  return invalid("value_error:others", `${name} is ${show(value)}, expected one of ${show(answers)}.`);
}

/** The expected calls as the data has them: `[{"name": {"parameter": [values]}}, …]`. */
export function readPossibleAnswers(groundTruth: PythonValue): PossibleAnswer[] {
  if (!isList(groundTruth)) throw new TypeError("Expected a list of calls for ground_truth.");
  return groundTruth.map((call) => {
    const [entry] = isDict(call) ? [...call] : [];
    if (entry === undefined || !isDict(entry[1]))
      throw new TypeError("Expected a function with its parameters for each entry of ground_truth.");
    return { name: entry[0], parameters: entry[1] };
  });
}
