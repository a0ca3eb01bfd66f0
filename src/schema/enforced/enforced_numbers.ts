// The keywords for numbers, as they go into the constraint. The engine compares decimals of any length, the checker
// compares doubles. Where the two could disagree on a long decimal, the constraint allows only shorter ones.
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
  for (const keyword of includedBounds(schema)) into.leaveOut(keyword, "is enforced but for the bound itself");
  const { multipleOf } = schema;
  if (typeof multipleOf === "number") {
    const problem = multipleOfProblem(multipleOf, into.isShared) ?? keepExact(schema, multipleOf, into);
    if (problem === undefined) return into.set("multipleOf", multipleOf);
    into.leaveOut("multipleOf", problem);
  }
  keepOffBounds(schema, into);
}

/** Smaller bounds make the engine's expression long, and lie between its shortest decimals. */
const smallestBound = 1e-6;
/** JavaScript's integers and the engine's bounds are exact up to here. */
const isExact = (value: unknown): value is number =>
  typeof value === "number" &&
  Math.abs(value) <= Number.MAX_SAFE_INTEGER &&
  (value === 0 || Math.abs(value) >= smallestBound);

/** Decimals with this many digits differ as doubles too. */
const exactDigits = 15;
/** Next to an exclusive bound, one more digit after the decimal point is needed. */
const largestExcluded = 10 ** (exactDigits - 1);
/** Digits after the decimal point that the engine can represent in `multipleOf`: it scales to 32 bits. */
const mostPlaces = 6;
/** The engine computes the least common multiple of several `multipleOf` in 32 bits. */
const largestSharedStep = 100;

const isEnforced = (schema: Node, keyword: (typeof bounds)[number]): boolean =>
  isExact(schema[keyword]) &&
  (keyword.startsWith("m") || !hasFractions(schema) || Math.abs(schema[keyword]) < largestExcluded);

/**
 * Exclusive bounds that the engine takes for part of the range: whole ones, where the range ends before the next whole
 * number (llguidance's `rx_float_range`).
 */
const includedBounds = (schema: Node) =>
  hasFractions(schema)
    ? (["exclusiveMinimum", "exclusiveMaximum"] as const).filter(
        (keyword) =>
          isEnforced(schema, keyword) &&
          bounds.some(
            (other) =>
              /max/i.test(other) !== /max/i.test(keyword) &&
              isEnforced(schema, other) &&
              Math.trunc(schema[other] as number) === schema[keyword],
          ),
      )
    : [];

const exactBounds = (schema: Node): NumberBounds =>
  Object.fromEntries(
    bounds.filter((keyword) => isEnforced(schema, keyword)).map((keyword) => [keyword, schema[keyword]]),
  );

const hasFractions = ({ type, multipleOf }: Node): boolean =>
  !Number.isInteger(multipleOf) && (type === undefined || [type].flat().includes("number"));

/**
 * Digits after the decimal point in a `multipleOf`, found by multiplying as the engine does; undefined if the product
 * never becomes whole.
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

/** Why a `multipleOf` cannot be enforced. */
function multipleOfProblem(step: number, isShared: boolean): string | undefined {
  const places = placesOf(step);
  if (places === undefined || places > mostPlaces || step * 10 ** places > 10_000) return "it has too many digits";
  // The engine makes one state for each remainder, except for powers of ten.
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
