// Refuses fields that the server cannot honor, and misspelled ones, so that no field is ignored silently.
import { isDeepStrictEqual } from "node:util";
import { invalidValue } from "../../errors.js";
import { ApiError } from "../api_error.js";
import { type Endpoint, fieldsOf, fieldTable } from "./field_table.js";
import { type Fields, unsupported } from "./read_fields.js";

/** What a misspelled name may have meant, and how it is compared. */
const counting: Readonly<Record<Endpoint, ReadonlyArray<{ readonly name: string; readonly plain: string }>>> = {
  chat: plainOf("chat"),
  completions: plainOf("completions"),
};
/** More names in one object than any client sends; each unknown one is compared with all that count. */
const mostNames = 500;
const longestName = Math.max(...fieldTable.map(({ name }) => name.length));
/** Objects whose own fields stand in the table. */
const objects: ReadonlySet<string> = new Set(
  fieldTable.flatMap(({ name }) => (name.includes(".") ? [name.slice(0, name.indexOf("."))] : [])),
);

/**
 * Refuses, by its name, what would change the answer and is not honored. What nobody documents passes, unless it is
 * nearly the name of a field that counts.
 */
export function checkFields(body: Fields, endpoint: Endpoint): void {
  for (const name of namesOf(body, "the request")) check(body, name, endpoint);
}

function namesOf(fields: Fields, what: string): readonly string[] {
  const names = fields.names();
  if (names.length <= mostNames) return names;
  throw new ApiError(
    400,
    "invalid_value",
    invalidValue({ expected: `at most ${mostNames} fields`, place: what, received: `${names.length} fields` }),
  );
}

function check(fields: Fields, name: string, endpoint: Endpoint): void {
  const value = fields.value(name);
  if (value === undefined) return;
  const path = fields.path(name);
  const entry = fieldsOf[endpoint].get(path);
  if (entry?.does === "refused" && !entry.neutral?.some((neutral) => isDeepStrictEqual(neutral, value)))
    throw unsupported(path, entry.note);
  if (entry === undefined && !objects.has(path)) refuseMisspelled(path, endpoint);
  if (!objects.has(path) || entry?.does === "refused" || typeof value !== "object" || Array.isArray(value)) return;
  const inner = fields.fields(name)!;
  for (const innerName of namesOf(inner, path)) check(inner, innerName, endpoint);
}

/** Of an object that is in no table, such as a tool: other names pass, but not those that are nearly one of its own. */
export function checkNames(fields: Fields, own: readonly string[]): void {
  for (const name of namesOf(fields, "one object")) {
    if (own.includes(name) || fields.value(name) === undefined || name.length > longestName + 8) continue;
    const meant = own.find((one) => isMisspelled(plainName(name), plainName(one)));
    if (meant !== undefined) throw unknown(fields.path(name), fields.path(meant));
  }
}

function refuseMisspelled(path: string, endpoint: Endpoint): void {
  if (path.length > longestName + 8) return;
  const plain = plainName(path);
  const meant = counting[endpoint].find((one) => isMisspelled(plain, one.plain));
  if (meant === undefined) return;
  throw unknown(path, meant.name);
}

const unknown = (path: string, meant: string) =>
  new ApiError(400, "unknown_parameter", `Unknown parameter: ${path}. Did you mean ${meant}?`, { param: path });

/** The same but for case and signs, or one letter too many, too few or wrong in a longer name. */
function isMisspelled(plain: string, other: string): boolean {
  if (plain === other) return true;
  if (other.length < 5 || Math.abs(plain.length - other.length) > 1) return false;
  let start = 0;
  while (start < plain.length && plain[start] === other[start]) start++;
  let end = 0;
  while (end < Math.min(plain.length, other.length) - start && plain.at(-1 - end) === other.at(-1 - end)) end++;
  return Math.max(plain.length, other.length) - start - end <= 1;
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}

function plainOf(endpoint: Endpoint) {
  return [...fieldsOf[endpoint].values()]
    .filter(({ does }) => does !== "nothing")
    .map(({ name }) => ({ name, plain: plainName(name) }));
}
