// Durations as people write them: `90`, `"5m"`, `"1h30m"`, as in Go and in Ollama's `keep_alive`.

const milliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** In milliseconds; a number without a unit is seconds. Undefined where it is none. */
export function parseDuration(text: string): number | undefined {
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text.trim()) ?? [];
  const plain = /^(\d+\.?\d*|\.\d+)$/.exec(rest);
  const size = plain !== null ? Number(rest) * 1_000 : withUnits(rest);
  if (size === undefined) return undefined;
  return sign === "-" ? -size : size;
}

function withUnits(text: string): number | undefined {
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g))
    sum += Number(number) * milliseconds[unit!]!;
  return sum;
}
