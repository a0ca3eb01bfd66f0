// How values of flags are read.
import { InvalidArgumentError } from "commander";

export const readNumber = (text: string) => numberOf(text, "Expected a number.");

export function numberOf(text: string, expected: string): number {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(number)) throw new InvalidArgumentError(expected);
  return number;
}

/** As milliseconds. `least` and the most that a timer can wait are in seconds. */
export const readSeconds =
  (least: number) =>
  (text: string): number => {
    const seconds = Number(text);
    if (text.trim() === "" || !(seconds >= least && seconds <= mostSeconds))
      throw new InvalidArgumentError(`Expected a number of seconds from ${least} to ${mostSeconds}.`);
    return Math.round(seconds * 1000);
  };

const mostSeconds = 2_147_483;

export function readCount(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("Expected a whole number of at least 1.");
  return number;
}
