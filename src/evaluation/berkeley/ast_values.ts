// How the Berkeley leaderboard compares single values: types first, then strings without case and punctuation, lists,
// dicts.
import {
  isAmong,
  isDict,
  isList,
  pythonType,
  show,
  type PythonDict,
  type PythonType,
  type PythonValue,
} from "./python_value.js";

export type Verdict =
  | { readonly valid: true }
  /** `type` is the leaderboard's name of the error. */
  | { readonly valid: false; readonly type: string; readonly message: string };

export const valid: Verdict = { valid: true };

export function invalid(type: string, message: string): Verdict & { valid: false } {
  return { valid: false, type, message };
}

/** The original would have ended with an exception. */
export class CheckerCrash extends Error {}

const classes: Readonly<Record<string, PythonType>> = {
  string: "str",
  integer: "int",
  float: "float",
  boolean: "bool",
  array: "list",
  tuple: "list",
  dict: "dict",
  any: "str",
};

/** The Python class that a described type stands for. */
export function pythonClass(type: string | undefined): PythonType {
  const found = type !== undefined && Object.hasOwn(classes, type) ? classes[type] : undefined;
  if (found === undefined) throw new CheckerCrash(`there is no Python type for ${type ?? "a missing type"}.`);
  return found;
}

/** The type of the first answer that is not `""` (the mark of an optional parameter). */
function answerType(answers: readonly PythonValue[]): PythonType | undefined {
  const first = answers.find((answer) => answer !== "");
  return first === undefined ? undefined : pythonType(first);
}

export function checkType(
  name: string,
  value: PythonValue,
  answers: readonly PythonValue[],
  expected: PythonType,
  nested: PythonType | undefined,
): (Verdict & { valid: true; isVariable: boolean }) | (Verdict & { valid: false }) {
  const ofAnswers = answerType(answers);
  const isVariable = ofAnswers !== undefined && ofAnswers !== expected;
  const type = pythonType(value);
  let isNestedWrong = false;
  if (type === expected) {
    if (nested === undefined) return { valid: true, isVariable };
    // If an answer is not a list, such as the "" of an optional parameter, every list passes here.
    const fits = answers.some(
      (answer) =>
        !isList(answer) ||
        (value as readonly PythonValue[]).every((item) => checkType(name, item, answer, nested, undefined).valid),
    );
    if (fits) return { valid: true, isVariable };
    isNestedWrong = true;
  }
  if (ofAnswers === undefined || type !== ofAnswers)
    return invalid("type_error:simple", `${name} is ${show(value)} of type ${type}, expected type ${expected}.`);
  if (isNestedWrong)
    return invalid("type_error:nested", `${name} is ${show(value)}, expected items of type ${nested}.`);
  return { valid: true, isVariable: true };
}

/** Without spaces and `,./-_*^`, in lower case, with double quotes. */
export function standardize(text: string): string {
  return text
    .replace(/[ ,./\-_*^]/g, "")
    .toLowerCase()
    .replaceAll("'", '"');
}

const standardizeIfText = (value: PythonValue): PythonValue => (typeof value === "string" ? standardize(value) : value);

export function checkString(name: string, value: string, answers: readonly PythonValue[]): Verdict {
  const wanted = answers.filter((answer) => typeof answer === "string").map(standardize);
  if (wanted.includes(standardize(value))) return valid;
  return invalid("value_error:string", `${name} is ${show(value)}, expected one of ${show(answers)}.`);
}

export function checkList(name: string, value: readonly PythonValue[], answers: readonly PythonValue[]): Verdict {
  // The letters of a text are taken as items: with "" an empty list passes.
  const wanted = answers.map((answer) => items(answer).map(standardizeIfText));
  if (isAmong(value.map(standardizeIfText), wanted)) return valid;
  return invalid("value_error:list/tuple", `${name} is ${show(value)}, expected one of ${show(answers)}.`);
}

/** What Python's len() and [index] give of an answer. */
function items(answer: PythonValue): readonly PythonValue[] {
  if (isList(answer)) return answer;
  if (typeof answer === "string") return [...answer];
  throw new CheckerCrash(`an answer is ${show(answer)} where a list is expected.`);
}

/** Keys that the answer lacks are wrong; keys of the answer may be missing if "" is among their values. */
export function checkDict(name: string, value: PythonDict, answers: readonly PythonValue[]): Verdict {
  let verdict: Verdict = invalid("dict_checker:unclear", `${name} has no possible answer.`);
  for (const answer of answers) {
    if (answer === "") continue;
    if (!isDict(answer)) throw new CheckerCrash(`an answer is ${show(answer)} where a dict is expected.`);
    verdict = checkOneDict(name, value, answer);
    if (verdict.valid) return verdict;
  }
  return verdict;
}

function checkOneDict(name: string, value: PythonDict, answer: PythonDict): Verdict {
  let problem: Verdict | undefined;
  for (const [key, member] of value) {
    const wanted = answer.get(key);
    if (wanted === undefined) {
      problem = invalid("value_error:dict_key", `${name}.${key} is not expected.`);
      break;
    }
    if (!isAmong(standardizeIfText(member), items(wanted).map(standardizeIfText))) {
      problem = invalid(
        "value_error:dict_value",
        `${name}.${key} is ${show(member)}, expected one of ${show(wanted)}.`,
      );
      break;
    }
  }
  // The original looks for missing keys also after it has found a wrong one, and names the last problem.
  const missing = [...answer].find(([key, wanted]) => !value.has(key) && !mayBeLeftOut(wanted));
  if (missing !== undefined) return invalid("value_error:dict_key", `${name}.${missing[0]} is missing.`);
  return problem ?? valid;
}

function mayBeLeftOut(wanted: PythonValue): boolean {
  // `"" in text` is always true in Python.
  if (typeof wanted === "string") return true;
  if (isDict(wanted)) return wanted.has("");
  return isAmong("", items(wanted));
}

/** Compares lists of dicts by position. */
export function checkListOfDicts(
  name: string,
  value: readonly PythonValue[],
  answers: readonly PythonValue[],
): Verdict {
  let verdict: Verdict = invalid("list_dict_checker:unclear", `${name} has no possible answer.`);
  for (const answer of answers) {
    const wanted = items(answer);
    if (value.length !== wanted.length) {
      verdict = invalid(
        "value_error:list_dict_count",
        `${name} has ${value.length} entries, expected ${wanted.length}.`,
      );
      continue;
    }
    verdict = valid;
    for (const [index, item] of value.entries()) {
      if (!isDict(item)) throw new CheckerCrash(`an entry of ${name} is ${show(item)} where a dict is expected.`);
      verdict = checkDict(`${name}[${index}]`, item, [wanted[index]!]);
      if (!verdict.valid) break;
    }
    if (verdict.valid) return verdict;
  }
  return verdict;
}
