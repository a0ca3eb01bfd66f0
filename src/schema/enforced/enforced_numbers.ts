// The keywords of numbers, as they go into the constraint. The engine compares decimals of any length, the checker
// doubles: where a long decimal could mean one thing to each, the constraint keeps to fewer digits than tell them
// apart.
import type { KeywordWriter } from "./enforced_values.js";
import { hasMultipleWithin, type NumberBounds } from "../check/multiple_of.js";

type Node = Readonly<Record<string, unknown>>;

const bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const;

export function enforceNumber(schema: Node, into: KeywordWriter): void {
  if (!("multipleOf" in schema || bounds.some((keyword) => keyword in schema))) return;
  for (const keyword of bounds) {
    if (!(keyword in schema)) continue;
    if (isEnforced(schema, keyword)) into.set(keyword, schema[keyword]);
    else into.leaveOut(keyword, "lies beyond the numbers that the engine compares exactly");
  }
  const { multipleOf } = schema;
  if (typeof multipleOf === "number") {
    const problem = multipleOfProblem(multipleOf, into.isShared) ?? keepExact(schema, multipleOf, into);
    if (problem === undefined) return into.set("multipleOf", multipleOf);
    into.leaveOut("multipleOf", problem);
  }
  keepOffBounds(schema, into);
}

/** Smaller ones are long in the engine's expression, and lie between its shortest decimals. */
const smallestBound = 1e-6;
/** JavaScript's numbers are exact up to here, and so are the engine's bounds. */
const isExact = (value: unknown): value is number =>
  typeof value === "number" &&
  Math.abs(value) <= Number.MAX_SAFE_INTEGER &&
  (value === 0 || Math.abs(value) >= smallestBound);

/** Decimals of so many digits are each a double of their own. */
const exactDigits = 15;
/** A bound that is not part of its range needs a digit behind the point beside it. */
const largestExcluded = 10 ** (exactDigits - 1);
/** Digits behind the point that the engine finds in a step, whose number it keeps in 32 bits. */
const mostPlaces = 6;
/** Of steps that share their place, the engine works out the least common multiple in 32 bits. */
const largestSharedStep = 100;

const isEnforced = (schema: Node, keyword: (typeof bounds)[number]): boolean =>
  isExact(schema[keyword]) &&
  (keyword.startsWith("m") || !hasFractions(schema) || Math.abs(schema[keyword]) < largestExcluded);

const exactBounds = (schema: Node): NumberBounds =>
  Object.fromEntries(
    bounds.filter((keyword) => isEnforced(schema, keyword)).map((keyword) => [keyword, schema[keyword]]),
  );

const hasFractions = ({ type, multipleOf }: Node): boolean =>
  !Number.isInteger(multipleOf) && (type === undefined || [type].flat().includes("number"));

/**
 * The digits behind the point of a step, found by multiplying as the engine does; undefined where it does not come out
 * even.
 */
function placesOf(step: number): number | undefined {
  let scaled = step;
  let places = 0;
  while (scaled % 1 !== 0 && places < 10) [scaled, places] = [scaled * 10, places + 1];
  return scaled % 1 === 0 && scaled / 10 ** places === step ? places : undefined;
}

function withoutTens(value: number): number {
  let left = value;
  for (const factor of [2, 5]) while (left % factor === 0 && left > 1) left /= factor;
  return left;
}

/** Why a step cannot be enforced. */
function multipleOfProblem(step: number, isShared: boolean): string | undefined {
  const places = placesOf(step);
  if (places === undefined || places > mostPlaces || step * 10 ** places > 10_000) return "it has too many digits";
  // The engine makes one state for each remainder, but for those of powers of ten.
  if (withoutTens(step * 10 ** places) > 2_000) return "it has too many remainders";
  return isShared && (places > 0 || step > largestSharedStep) ? "shares its place with other schemas" : undefined;
}

/** Bounds within which multiples have no more digits than a double holds. */
function keepExact(schema: Node, step: number, into: KeywordWriter): string | undefined {
  const places = placesOf(step) ?? 0;
  const limit = places === 0 ? Number.MAX_SAFE_INTEGER : 10 ** (exactDigits - places);
  const given = (keyword: (typeof bounds)[number]) => (isExact(schema[keyword]) ? schema[keyword] : undefined);
  const least = Math.max(given("minimum") ?? -Infinity, given("exclusiveMinimum") ?? -Infinity);
  const most = Math.min(given("maximum") ?? Infinity, given("exclusiveMaximum") ?? Infinity);
  const within = {
    ...exactBounds(schema),
    minimum: Math.max(given("minimum") ?? -limit, -limit),
    maximum: Math.min(given("maximum") ?? limit, limit),
  };
  if (
    least >= limit ||
    most <= -limit ||
    (hasMultipleWithin(step, exactBounds(schema)) && !hasMultipleWithin(step, within))
  )
    return "lies beyond the multiples that are exact";
  if (least < -limit) into.set("minimum", -limit);
  if (most > limit) into.set("maximum", limit);
  return undefined;
}

/**
 * A long decimal beside a bound that is not part of its range would round onto it, so there are only short ones; but
 * not where there may be none: between near bounds, or those of other schemas in the same place.
 */
function keepOffBounds(schema: Node, into: KeywordWriter): void {
  const excluded = (["exclusiveMinimum", "exclusiveMaximum"] as const).filter((keyword) => isEnforced(schema, keyword));
  if (excluded.length === 0 || !hasFractions(schema)) return;
  const whole = Math.max(
    ...excluded.map((keyword) => Math.trunc(Math.abs(schema[keyword] as number)).toString().length),
  );
  const shortest = 1 / 10 ** Math.min(mostPlaces, Math.max(0, exactDigits - whole));
  if (!into.isShared && hasMultipleWithin(shortest, exactBounds(schema))) into.set("multipleOf", shortest);
  else
    for (const keyword of excluded)
      into.leaveOut(keyword, "is enforced but for decimals so long that they round to the bound itself");
}
