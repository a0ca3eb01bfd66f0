// Integers beyond 2^53 arrive as BigInt, which validators do not treat as numbers.

/**
 * The value with each BigInt replaced by the nearest finite number; the value itself if it has none.
 * @throws RangeError for values nested deeper than the stack
 */
export function withoutBigInts(value: unknown): unknown {
  if (typeof value === "bigint") return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, Number(value)));
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(withoutBigInts);
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  const members = Object.entries(value).map(([key, member]) => [key, withoutBigInts(member), member] as const);
  return members.some(([, plain, member]) => plain !== member) ? Object.fromEntries(members) : value;
}
