// How values of flags are read.
import { InvalidArgumentError } from "commander";
import { parseDuration } from "../options/duration.js";

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

/** As milliseconds; false is for ever. */
export function readKeepAlive(text: string): number | false {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds > mostSeconds * 1000)
    throw new InvalidArgumentError(
      `Expected seconds up to ${mostSeconds}, or a duration such as 5m; below 0 is for ever.`,
    );
  return milliseconds < 0 ? false : Math.round(milliseconds);
}

const powers = ["", "K", "M", "G", "T"];

/** `24G` and `24GiB` are 24 times 2^30. */
export function readBytes(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(number) * 1024 ** powers.indexOf(unit.toUpperCase()));
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new InvalidArgumentError("Expected a number of bytes, or one with a unit such as 24G.");
  return bytes;
}
