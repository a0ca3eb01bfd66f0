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

/** The shortest one that is this double. */
function decimal(number: number): Decimal {
  const [, sign = "", whole = "0", fraction = "", power = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(number)) ?? [];
  return { digits: BigInt(sign + whole + fraction), exponent: Number(power) - fraction.length };
}
