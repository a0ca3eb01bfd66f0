// Canonical JSON text of a value, to compare values.

/**
 * The same text for values that JSON Schema calls equal: whatever the order of keys, and 0 for -0. Values are JSON, but
 * for big integers. @throws RangeError for values nested deeper than the stack
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value === 0 ? 0 : value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join()}}`;
}
