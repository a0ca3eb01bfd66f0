// Both scores of function calling: that of the published evaluator, its quirks included, and a corrected one.
import { failed, passed, type Outcome } from "./outcome.js";
import { isDict, jsonEquals, pythonEquals, show, type PythonDict, type PythonValue } from "./berkeley/python_value.js";

export interface ExpectedCall {
  readonly name: string;
  readonly arguments: PythonDict;
}

export interface GeneratedCall {
  readonly name: string;
  readonly arguments: PythonValue;
}

/**
 * As the published scores are counted. For each expected call only the first call of its name is looked at, so two
 * calls of one function with different arguments never both pass; a reply without a call never passes, not even where
 * none is wanted; further arguments are allowed; True, 1 and 1.0 are equal, and None equals an argument that is
 * missing.
 *
 * @param predicted the values in the calls, as `officialCalls` reads them
 */
export function officialScore(predicted: readonly PythonValue[], expected: readonly ExpectedCall[]): Outcome {
  if (predicted.length === 0) return failed("No call could be read.");
  if (predicted.length !== expected.length) return failed(countReason(expected.length, predicted.length));
  for (const call of expected) {
    let found: PythonDict | undefined;
    for (const candidate of predicted) {
      const name = isDict(candidate) ? candidate.get("name") : undefined;
      // The evaluator itself would fail here with an exception.
      if (name === undefined) return failed(`Expected a call with a name but received ${show(candidate)}.`);
      if (name !== call.name) continue;
      found = candidate as PythonDict;
      break;
    }
    if (found === undefined) return failed(`There is no call of ${call.name}.`);
    const given = found.get("arguments");
    const isWanted = call.arguments.size > 0;
    // If no argument is expected, given ones are not compared.
    if (given === undefined || (isWanted && !isDict(given)))
      return failed(`Expected an object for the arguments of ${call.name} but received ${show(given)}.`);
    for (const [key, value] of call.arguments) {
      const received = (given as PythonDict).get(key);
      if (!pythonEquals(received ?? null, value)) return failed(wrongArgument(call.name, key, received, value));
    }
  }
  return passed;
}

/**
 * Corrected: each expected call is paired with a call of its own, no call is right where none is wanted, true is not 1,
 * and an argument that is missing is not null. Further arguments stay allowed.
 */
export function correctedScore(written: readonly GeneratedCall[], expected: readonly ExpectedCall[]): Outcome {
  if (expected.length === 0)
    return written.length === 0
      ? passed
      : failed(`Expected no call but received ${written.map(({ name }) => name).join(", ")}.`);
  if (written.length !== expected.length) return failed(countReason(expected.length, written.length));
  const unpaired = firstUnpaired(expected, written);
  return unpaired === undefined ? passed : failed(whyNone(unpaired, written));
}

/** Pairs each expected call with a written call that fits, and returns the first one left unpaired. */
function firstUnpaired(expected: readonly ExpectedCall[], written: readonly GeneratedCall[]): ExpectedCall | undefined {
  const takenBy = new Map<GeneratedCall, ExpectedCall>();
  // A call that fits several expected ones is moved to another if that makes room.
  const pair = (call: ExpectedCall, tried: Set<GeneratedCall>): boolean => {
    for (const candidate of written) {
      if (tried.has(candidate) || difference(call, candidate) !== undefined) continue;
      tried.add(candidate);
      const holder = takenBy.get(candidate);
      if (holder !== undefined && !pair(holder, tried)) continue;
      takenBy.set(candidate, call);
      return true;
    }
    return false;
  };
  return expected.find((call) => !pair(call, new Set()));
}

/** Undefined if the written call is as expected. */
function difference(expected: ExpectedCall, written: GeneratedCall): string | undefined {
  if (written.name !== expected.name) return `There is no call of ${expected.name}.`;
  const given = written.arguments;
  if (!isDict(given)) return `Expected an object for the arguments of ${expected.name} but received ${show(given)}.`;
  for (const [key, value] of expected.arguments) {
    const received = given.get(key);
    if (received === undefined || !jsonEquals(received, value))
      return wrongArgument(expected.name, key, received, value);
  }
  return undefined;
}

function whyNone(expected: ExpectedCall, written: readonly GeneratedCall[]): string {
  const sameName = written.filter(({ name }) => name === expected.name);
  if (sameName.length === 0) return `There is no call of ${expected.name}.`;
  const reasons = sameName.flatMap((call) => difference(expected, call) ?? []);
  return reasons.length > 0
    ? [...new Set(reasons)].join(" ")
    : `There are fewer calls of ${expected.name} with these arguments than expected.`;
}

const countReason = (expected: number, received: number) =>
  `Expected ${expected} ${expected === 1 ? "call" : "calls"} but received ${received}.`;

function wrongArgument(name: string, key: string, received: PythonValue | undefined, expected: PythonValue): string {
  return `${name}: ${key} is ${received === undefined ? "missing" : show(received)}, expected ${show(expected)}.`;
}
