// Refuses fields that the server cannot honor, and misspelled ones, so that no field is ignored silently.
import { isDeepStrictEqual } from "node:util";
import { invalidValue } from "../../errors.js";
import { ApiError } from "../api_error.js";
import { plainName, type FieldTable } from "./field_table.js";
import { type Fields, unsupported } from "./read_fields.js";

/** No name of an object that is in no table is longer. */
const longestOwnName = 60;
/** More names in one object than any client sends; each unknown one is compared with all that count. */
const mostNames = 500;

/**
 * Refuses, by its name, what would change the answer and is not honored. What nobody documents passes, unless it is
 * nearly the name of a field that counts.
 */
export function checkFields(body: Fields, table: FieldTable): void {
  for (const name of namesOf(body, "the request")) check(body, name, table);
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

function check(fields: Fields, name: string, table: FieldTable): void {
  const value = fields.value(name);
  if (value === undefined) return;
  const path = fields.path(name);
  const entry = table.get(path);
  if (entry?.does === "refused" && !entry.neutral?.some((neutral) => isDeepStrictEqual(neutral, value)))
    throw unsupported(path, entry.note);
  const isObject = table.isObject(path);
  if (entry === undefined && !isObject) refuseMisspelled(path, table);
  if (!isObject || entry?.does === "refused" || typeof value !== "object" || Array.isArray(value)) return;
  const inner = fields.fields(name)!;
  for (const innerName of namesOf(inner, path)) check(inner, innerName, table);
}

/** Of an object that is in no table, such as a tool: other names pass, but not those that are nearly one of its own. */
export function checkNames(fields: Fields, own: readonly string[]): void {
  for (const name of namesOf(fields, "one object")) {
    if (own.includes(name) || fields.value(name) === undefined || name.length > longestOwnName) continue;
    const meant = own.find((one) => isMisspelled(plainName(name), plainName(one)));
    if (meant !== undefined) throw unknown(fields.path(name), fields.path(meant));
  }
}

function refuseMisspelled(path: string, table: FieldTable): void {
  if (path.length > table.longestName + 8) return;
  const plain = plainName(path);
  const meant = table.counting.find((one) => isMisspelled(plain, one.plain));
  if (meant !== undefined) throw unknown(path, meant.name);
}

const unknown = (path: string, meant: string) =>
  new ApiError(400, "unknown_parameter", `Unknown parameter: ${path}. Did you mean ${meant}?`, { param: path });

/** The same but for case and signs, or in a longer name one letter too many, too few or wrong, or two exchanged. */
function isMisspelled(plain: string, other: string): boolean {
  if (plain === other) return true;
  if (other.length < 5 || Math.abs(plain.length - other.length) > 1) return false;
  let start = 0;
  while (start < plain.length && plain[start] === other[start]) start++;
  let end = 0;
  while (end < Math.min(plain.length, other.length) - start && plain.at(-1 - end) === other.at(-1 - end)) end++;
  const differing = Math.max(plain.length, other.length) - start - end;
  if (differing <= 1) return true;
  return differing === 2 && plain[start] === other[start + 1] && plain[start + 1] === other[start];
}
