// One text for each JSON value, to tell whether two are the same.

/** The same text for the same value, whatever the order of keys; undefined for one that is nested too deeply. Values are JSON, but for big integers. */
export function canonicalJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_, member: unknown) => {
      if (typeof member === "bigint") return `${member}n`;
      if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
      return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
    });
  } catch {
    return undefined;
  }
}
