// JSON in the form of Hermes' training data: Python's spacing (`": "`, `", "`), and nothing that could be read as a
// tag.
import { describeThrown } from "../../../errors.js";
import { plainJson } from "../../../schema/json_schema.js";

/** A value that has no JSON form. `path` leads to it, like `.items[3].price`; it is empty for the value itself. */
export class UnwritableValue extends Error {
  override readonly name = "UnwritableValue";
  readonly path: string;
  /** What is there, as it may stand after "contains": `a function`. */
  readonly found: string;

  constructor(path: string, found: string) {
    super(`${path === "" ? "the value" : path} is ${found}`);
    this.path = path;
    this.found = found;
  }
}

/** Deeper than any honest result, and far from what the stack can take. */
const depthLimit = 1_000;

/**
 * Writes a value as JSON with Python's spacing. As `JSON.stringify`, but: BigInts keep their digits, `undefined` itself
 * is null (as a property it is left out), a Map becomes an object (an array of pairs unless all keys are strings), a
 * Set an array, an Error its name and message. Throws `UnwritableValue` for functions, symbols, promises, bytes, cycles
 * and nesting beyond 1,000 levels.
 */
export function toPythonJson(value: unknown): string {
  return write(value, "", [], "");
}

function write(input: unknown, key: string, parents: object[], path: string): string {
  const value: unknown = input instanceof Date || hasToJson(input) ? callToJson(input, key, path) : input;
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Number.isFinite(value) ? String(Object.is(value, -0) ? 0 : value) : "null";
    case "bigint":
      return String(value);
    case "boolean":
      return String(value);
    case "undefined":
      return "null";
    case "function":
      throw new UnwritableValue(path, "a function");
    case "symbol":
      throw new UnwritableValue(path, "a symbol");
  }
  if (value === null || typeof value !== "object") return "null";
  if (parents.includes(value)) throw new UnwritableValue(path, "an object that contains itself");
  if (parents.length >= depthLimit)
    throw new UnwritableValue(path.slice(0, 60), `nested more than ${depthLimit} levels deep`);
  parents.push(value);
  try {
    return writeObject(value, parents, path);
  } finally {
    parents.pop();
  }
}

function writeObject(value: object, parents: object[], path: string): string {
  if (plainJson.has(value)) return spacedJson(value);
  if (value instanceof String || value instanceof Number || value instanceof Boolean)
    return write(value.valueOf(), "", parents, path);
  if (value instanceof Promise) throw new UnwritableValue(path, "a promise");
  if (value instanceof ArrayBuffer || value instanceof DataView || value instanceof Uint8Array)
    throw new UnwritableValue(path, "bytes");
  if (value instanceof Map && ![...value.keys()].every((key) => typeof key === "string"))
    return writeArray([...value], parents, path);
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Set)
    return writeArray(value as Iterable<unknown>, parents, path);
  const entries: Iterable<[string, unknown]> =
    value instanceof Map
      ? value
      : value instanceof Error
        ? [["name", value.name], ["message", value.message], ...ownEntries(value, path)]
        : ownEntries(value, path);
  const members: string[] = [];
  for (const [key, member] of entries) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}: ${write(member, key, parents, `${path}.${key}`)}`);
  }
  return `{${members.join(", ")}}`;
}

/** With an indent JSON has line ends where Python has spaces, and nowhere else. Schemas of 5,000 properties take 3 ms. */
function spacedJson(value: object): string {
  return JSON.stringify(value, null, 1).replaceAll(/,\n */g, ", ").replaceAll(/\n */g, "");
}

function writeArray(items: Iterable<unknown>, parents: object[], path: string): string {
  return `[${Array.from(items, (item, index) => write(item, String(index), parents, `${path}[${index}]`)).join(", ")}]`;
}

function ownEntries(value: object, path: string): [string, unknown][] {
  return guarded(path, () => Object.entries(value));
}

function hasToJson(value: unknown): value is { toJSON(key: string): unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    !(value instanceof Uint8Array) &&
    typeof (value as { toJSON?: unknown }).toJSON === "function"
  );
}

function callToJson(value: unknown, key: string, path: string): unknown {
  return guarded(path, () => (value as { toJSON(key: string): unknown }).toJSON(key));
}

// Getters and toJSON are the caller's code: what they throw names the place.
function guarded<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UnwritableValue(path, `unreadable (${describeThrown(error)})`);
  }
}

/**
 * The same JSON text with Python's spacing: digits and strings stay byte for byte, so integers beyond 2^53 and the
 * order and repetition of keys survive. Undefined when the text is not JSON. Above a million characters, which no
 * context holds, the spacing is left as it is, so that refusing such a prompt costs no seconds.
 */
export function respaceJson(text: string): string | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  if (text.length > 1_000_000) return text;
  // A scan by hand: one expression for whole strings overflows the stack of V8's regular expressions at some megabytes.
  const pieces: string[] = [];
  const structure = /["\t\n\r :,]/g;
  const inString = /["\\]/g;
  let at = 0;
  for (let found = structure.exec(text); found !== null; found = structure.exec(text)) {
    pieces.push(text.slice(at, found.index));
    at = found.index + 1;
    if (found[0] === ":" || found[0] === ",") pieces.push(`${found[0]} `);
    if (found[0] !== '"') continue;
    inString.lastIndex = at;
    while (inString.exec(text)?.[0] === "\\") inString.lastIndex++;
    at = inString.lastIndex;
    pieces.push(text.slice(found.index, at));
    structure.lastIndex = at;
  }
  return pieces.join("") + text.slice(at);
}

/**
 * Rewrites JSON text so that no tag can be read in it, while it decodes to the same value: `</` becomes `<\/`, and the
 * `<` of anything that begins like `<tool` becomes `\u003c`. In JSON text a `<` stands only inside strings, where both
 * are escapes.
 */
export function hideTags(json: string): string {
  return json.replaceAll("</", "<\\/").replace(/<(?=tool)/gi, "\\u003c");
}
