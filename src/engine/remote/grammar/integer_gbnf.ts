// Whole numbers within bounds, digit by digit.

export const bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const;

export interface IntegerRange {
  readonly least: number;
  readonly most: number;
}

/** Undefined where it cannot be written: numbers beyond those that are exact. */
export function integerRange(schema: Readonly<Record<string, unknown>>): IntegerRange | undefined {
  const number = (name: (typeof bounds)[number]) =>
    typeof schema[name] === "number" ? (schema[name] as number) : undefined;
  const above = number("exclusiveMinimum");
  const below = number("exclusiveMaximum");
  const least = Math.max(
    Math.ceil(number("minimum") ?? -Infinity),
    above === undefined ? -Infinity : Math.floor(above) + 1,
  );
  const most = Math.min(
    Math.floor(number("maximum") ?? Infinity),
    below === undefined ? Infinity : Math.ceil(below) - 1,
  );
  const isSafe = (value: number) => !Number.isFinite(value) || Number.isSafeInteger(value);
  return isSafe(least) && isSafe(most) ? { least, most } : undefined;
}

/** Empty: any whole number. Undefined: there is none. */
export function boundedInteger({ least, most }: IntegerRange): string | undefined {
  if (least > most) return undefined;
  if (least === -Infinity && most === Infinity) return "";
  const branches: string[] = [];
  if (most >= 0) branches.push(natural(Math.max(0, least), most));
  if (least < 0) branches.push(`"-" (${natural(Math.max(1, most < 0 ? -most : 1), -least)})`);
  return branches.join(" | ");
}

const longest = 16;

/** From `least` to `most`, both of them without a sign. */
function natural(least: number, most: number): string {
  const branches: string[] = [];
  const first = String(least).length;
  const end = most === Infinity ? longest : String(most).length;
  for (let length = first; length <= end; length++) {
    const low = length === first ? String(least) : `1${"0".repeat(length - 1)}`;
    const high = length === end && most !== Infinity ? String(most) : "9".repeat(length);
    branches.push(sameLength(low, high));
  }
  return branches.join(" | ");
}

function sameLength(low: string, high: string): string {
  if (low === "") return '""';
  const [from, to] = [low[0]!, high[0]!];
  const rest = low.length - 1;
  if (/^0*$/.test(low.slice(1)) && /^9*$/.test(high.slice(1))) return `${digits(from, to)} ${any(rest)}`.trim();
  if (from === to) return `"${from}" (${sameLength(low.slice(1), high.slice(1))})`;
  const branches = [`"${from}" (${sameLength(low.slice(1), "9".repeat(rest))})`];
  const [next, before] = [Number(from) + 1, Number(to) - 1];
  if (next <= before) branches.push(`${digits(String(next), String(before))} ${any(rest)}`);
  branches.push(`"${to}" (${sameLength("0".repeat(rest), high.slice(1))})`);
  return branches.join(" | ");
}

const digits = (from: string, to: string) => (from === to ? `"${from}"` : `[${from}-${to}]`);
const any = (count: number) => (count === 0 ? "" : `[0-9]{${count}}`);
