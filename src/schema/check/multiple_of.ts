// Multiples among decimal numbers, exact: 0.3 is a multiple of 0.1, whatever their nearest doubles are.

interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

export function isMultiple(value: number, of: number): boolean {
  if (!Number.isFinite(value) || !(of > 0)) return false;
  if (Number.isSafeInteger(value) && Number.isSafeInteger(of)) return value % of === 0;
  const [a, b] = [decimal(value), decimal(of)];
  const exponent = Math.min(a.exponent, b.exponent);
  return (a.digits * 10n ** BigInt(a.exponent - exponent)) % (b.digits * 10n ** BigInt(b.exponent - exponent)) === 0n;
}

export interface NumberBounds {
  readonly minimum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
}

/** Whether a multiple of `of` lies within all bounds. */
export function hasMultipleWithin(
  of: number,
  { minimum, exclusiveMinimum, maximum, exclusiveMaximum }: NumberBounds,
): boolean {
  if ((minimum ?? exclusiveMinimum) === undefined || (maximum ?? exclusiveMaximum) === undefined) return true;
  const all = [of, minimum, exclusiveMinimum, maximum, exclusiveMaximum].map((one) =>
    one === undefined ? undefined : decimal(one),
  );
  const exponent = Math.min(...all.map((one) => one?.exponent ?? 0));
  const [step, least, above, most, below] = all.map(
    (one) => one && one.digits * 10n ** BigInt(one.exponent - exponent),
  );
  const down = (value: bigint) => value / step! - (value < 0n && value % step! !== 0n ? 1n : 0n);
  // The first multiple is the larger of the first ones above each lower bound.
  const first =
    [least === undefined ? undefined : -down(-least), above === undefined ? undefined : down(above) + 1n].reduce(
      (one, other) => (one === undefined || (other !== undefined && other > one) ? other : one),
    )! * step!;
  return (most === undefined || first <= most) && (below === undefined || first < below);
}

/** The shortest decimal that reads as this double. */
function decimal(number: number): Decimal {
  const [, sign = "", whole = "0", fraction = "", power = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(number)) ?? [];
  return { digits: BigInt(sign + whole + fraction), exponent: Number(power) - fraction.length };
}
