// The string formats that can be enforced, as patterns that accept nothing which the checker (ajv-formats) refuses.
// Some accept slightly less than the checker (no leap seconds, no two-digit time zones), which models do not write.

const digits = "[0-9]";
const year = "[0-9]{4}";
const leapYear = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)";
const day28 = "(?:0[1-9]|1[0-9]|2[0-8])";
const date = `(?:${year}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-${day28})|${leapYear}-02-29)`;
const time = `(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\x{2e}${digits}{1,9})?(?:Z|[+\\x{2d}](?:[01][0-9]|2[0-3]):[0-5][0-9])`;
const octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const ipv4 = `(?:${octet}\\x{2e}){3}${octet}`;
const group = "[0-9a-fA-F]{1,4}";
const ipv6 = `(?:${[
  `(?:${group}:){7}${group}`,
  ...Array.from(
    { length: 7 },
    (_, left) => `${left === 0 ? ":" : `(?:${group}:){${left}}`}(?::${group}){1,${7 - left}}`,
  ),
  `(?:${group}:){1,7}:`,
  "::",
].join("|")})`;
const label = "[a-zA-Z0-9](?:[a-zA-Z0-9\\x{2d}]{0,61}[a-zA-Z0-9])?";
const atom = "[a-zA-Z0-9!#$%&'*+\\x{2f}=?\\x{5e}_`\\x{7b}\\x{7c}\\x{7d}~\\x{2d}]+";
const hex = "[0-9a-fA-F]";
const base64 = "[A-Za-z0-9+\\x{2f}]";
const pointer = "(?:\\x{2f}(?:[^~\\x{2f}]|~[01])*)*";

/** As in the checker, something has to follow the scheme. */
const uri = (() => {
  const escaped = `%${hex}{2}`;
  const plain = "a-zA-Z0-9\\x{2d}._~!$&'()*+,;=";
  const segment = `(?:[${plain}:@]|${escaped})`;
  const host = `(?:\\x{5b}${ipv6}\\x{5d}|(?:[${plain}]|${escaped})*)`;
  const authority = `(?:(?:[${plain}:]|${escaped})*@)?${host}(?::${digits}*)?`;
  const rest = `(?:\\x{2f}${segment}*)*`;
  const rootless = `${segment}+${rest}`;
  const tail = `(?:[${plain}:@\\x{2f}?]|${escaped})*`;
  return `[a-zA-Z][a-zA-Z0-9+\\x{2d}.]*:(?:\\x{2f}\\x{2f}${authority}${rest}|\\x{2f}(?:${rootless})?|${rootless})(?:\\x{3f}${tail})?(?:#${tail})?`;
})();

const duration = (() => {
  const timePart = "T(?:[0-9]+H(?:[0-9]+M)?(?:[0-9]+S)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)";
  const dayPart = "(?:[0-9]+Y(?:[0-9]+M)?(?:[0-9]+D)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)";
  return `P(?:${dayPart}(?:${timePart})?|${timePart}|[0-9]+W)`;
})();

/** Patterns of the whole text, by the name of the format. */
const patterns: ReadonlyMap<string, string> = new Map(
  Object.entries({
    date,
    time,
    "date-time": `${date}T${time}`,
    "iso-time": time,
    "iso-date-time": `${date}T${time}`,
    duration,
    email: `${atom}(?:\\x{2e}${atom})*@(?:${label}\\x{2e})+${label}`,
    hostname: `${label}(?:\\x{2e}${label})*`,
    ipv4,
    ipv6,
    uuid: `${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}`,
    byte: `(?:${base64}{4})*(?:${base64}{2}==|${base64}{3}=)?`,
    "json-pointer": pointer,
    uri,
    "relative-json-pointer": `(?:0|[1-9][0-9]*)(?:#|${pointer})`,
  }),
);

/** Formats that describe a purpose and refuse no value. */
const silent: ReadonlySet<string> = new Set(["password", "binary", "float", "double"]);

export type EnforcedFormat =
  | { readonly kind: "pattern"; readonly pattern: string; readonly partly?: string }
  | { readonly kind: "bounds"; readonly minimum?: number; readonly maximum?: number }
  | { readonly kind: "nothing" }
  | { readonly kind: "unknown" };

export function enforcedFormat(name: string): EnforcedFormat {
  const pattern = patterns.get(name);
  if (pattern !== undefined)
    return {
      kind: "pattern",
      pattern,
      ...(name === "hostname" ? { partly: "its length of at most 253 is only checked" } : {}),
    };
  if (name === "int32") return { kind: "bounds", minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
  if (name === "int64") return { kind: "bounds" };
  return silent.has(name) ? { kind: "nothing" } : { kind: "unknown" };
}
