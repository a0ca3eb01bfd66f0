// Checks of options, shared by all layers.
import { CaduceusError, describe, describeThrown, invalidArgument, mismatch } from "../errors.js";

type Options = Readonly<Record<string, unknown>>;

/** The options of a caller, each read once, at the call. */
export class GivenOptions {
  /** Options with a known name that could be read. */
  readonly options: Options;
  /** The first problem with the options as a whole. */
  readonly problem: CaduceusError | undefined;

  constructor(options: Options, problem?: CaduceusError) {
    this.options = options;
    this.problem = problem;
  }
}

function isGiven(value: unknown): value is GivenOptions {
  try {
    return value instanceof GivenOptions;
  } catch {
    return false; // A proxy that was revoked.
  }
}

/**
 * Reads options at the call, getters and proxies included. Does not throw. `subject` names what they belong to, such as
 * `load`.
 */
export function readOptions(value: unknown, subject: string, known: readonly string[]): GivenOptions {
  if (isGiven(value)) return value;
  if (value === undefined) return new GivenOptions({});
  const options: Record<string, unknown> = {};
  let problem: CaduceusError | undefined;
  const attempt = (what: string, param: string, work: () => void) => {
    try {
      work();
    } catch (error) {
      problem ??=
        error instanceof CaduceusError
          ? error
          : new CaduceusError("INVALID_ARGUMENT", `${what} could not be read: ${describeThrown(error)}.`, {
              cause: error,
              param,
            });
    }
  };
  attempt(`The options of ${subject}`, "options", () => {
    // Not typeof alone: an AbortSignal or a Map in the place of the options would look like an empty object.
    if (Object.prototype.toString.call(value) !== "[object Object]")
      throw invalidArgument("an object", `the options of ${subject}`, value, { param: "options" });
    for (const name of Object.keys(value as object))
      if (!known.includes(name)) throw unknownOption(name, subject, known);
  });
  if (typeof value !== "object" || value === null) return new GivenOptions(options, problem);
  for (const name of known) {
    attempt(`The value of ${name}`, name, () => {
      const given = (value as Options)[name];
      if (given !== undefined) options[name] = given;
    });
  }
  return new GivenOptions(options, problem);
}

/**
 * Checks that all names of an options object are known; undefined is an empty one. Also takes a result of
 * `readOptions`.
 */
export function checkOptions(value: unknown, subject: string, known: readonly string[]): Options {
  const { options, problem } = readOptions(value, subject, known);
  if (problem !== undefined) throw problem;
  return options;
}

/** Names of options before 1.0, and in other libraries, that no edit distance finds. */
const otherNames: Readonly<Record<string, string>> = {
  branchMemoryBytes: "hostCacheBytes",
  drafts: "promptLookup",
  inputSchema: "parameters",
  maxResultLength: "maxResultChars",
  run: "execute",
};

function unknownOption(name: string, subject: string, known: readonly string[]): CaduceusError {
  const other = Object.hasOwn(otherNames, name) ? otherNames[name] : undefined;
  const meant = other !== undefined && known.includes(other) ? other : nearestName(name, known);
  const hint =
    meant !== undefined
      ? `Did you mean ${meant}?`
      : known.length === 0
        ? "It takes none."
        : `Known are ${known.join(", ")}.`;
  // `tools[0]` and `toolChoice` are places in options, `load` is the name of a function.
  const param = /[[.]|^toolChoice$/.test(subject) ? `${subject}.${name}` : name;
  return new CaduceusError("INVALID_ARGUMENT", `Unknown option of ${subject}: ${JSON.stringify(name)}.`, {
    param,
    remedy: hint,
  });
}

/**
 * The known name that someone who wrote `name` most likely meant: the same but for case and signs, its start, or two
 * typing errors away.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = plainLetters(name);
  if (plain === "") return undefined;
  let nearest: string | undefined;
  let nearestDistance = Math.min(3, plain.length - 1);
  for (const candidate of known) {
    const other = plainLetters(candidate);
    if (other === plain) return candidate;
    const startsAlike = plain.length >= 3 && (other.startsWith(plain) || plain.startsWith(other));
    const distance = startsAlike ? 1 : editDistance(plain, other);
    if (distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}

const plainLetters = (name: string) =>
  name
    .slice(0, 64)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** Undefined, or a whole number within its limits, both included. */
export function checkWholeNumber(value: unknown, name: string, minimum: number, maximum: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
  const outOfRangeAbove = typeof value === "number" && value > maximum;
  throw invalidArgument(
    `a whole number of at ${outOfRangeAbove ? `most ${maximum}` : `least ${minimum}`}`,
    name,
    value,
  );
}

/** Undefined, or a finite number within its limits, both included. */
export function checkNumber(value: unknown, name: string, minimum: number, maximum: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && value >= minimum && value <= maximum && Number.isFinite(value)) return value;
  const from = minimum === -Infinity ? "a finite number" : `a number from ${minimum}`;
  const to = maximum === Infinity ? (minimum === -Infinity ? "" : " up") : ` to ${maximum}`;
  throw invalidArgument(from + to, name, value);
}

/** Undefined, or a finite number above 0. */
export function checkPositiveNumber(value: unknown, name: string): number | undefined {
  if (value === undefined || (typeof value === "number" && value > 0 && Number.isFinite(value))) return value;
  throw invalidArgument("a number above 0", name, value);
}

/** Undefined, or true or false. */
export function checkBoolean(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw invalidArgument("true or false", name, value);
}

/** Undefined, or one of a few words. */
export function checkChoice<T extends string>(value: unknown, name: string, choices: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw invalidArgument(choices.map((candidate) => JSON.stringify(candidate)).join(" or "), name, value);
}

/** Undefined, or something to call. */
export function checkFunction(value: unknown, name: string): ((...values: never[]) => unknown) | undefined {
  if (value === undefined || typeof value === "function") return value as ((...values: never[]) => unknown) | undefined;
  throw invalidArgument("a function", name, value);
}

/** Undefined, or an AbortSignal of any realm. */
export function checkSignal(value: unknown, name = "signal"): AbortSignal | undefined {
  if (value === undefined || isSignal(value)) return value;
  throw invalidArgument("an AbortSignal", name, value);
}

/**
 * Whether a value can be listened to as an AbortSignal; by shape, since there are other realms and polyfills. A proxy
 * of one cannot.
 */
export function isSignal(value: unknown): value is AbortSignal {
  try {
    return (
      typeof value === "object" &&
      value !== null &&
      typeof (value as AbortSignal).aborted === "boolean" &&
      typeof (value as AbortSignal).addEventListener === "function" &&
      typeof (value as AbortSignal).removeEventListener === "function"
    );
  } catch {
    return false;
  }
}

/** Where the first lone surrogate of a text stands, or -1: such a text has no UTF-8 form. */
export function loneSurrogate(text: string): number {
  // A native check of milliseconds where the search takes them for each megabyte; TypeScript's library of ES2023 does
  // not know it.
  return (text as string & { isWellFormed(): boolean }).isWellFormed() ? -1 : text.search(/\p{Surrogate}/u);
}

/** Text that can be written as UTF-8. */
export function checkText(value: unknown, name: string): string {
  if (typeof value !== "string") throw invalidArgument("text", name, value);
  const index = loneSurrogate(value);
  if (index === -1) return value;
  throw mismatch("INVALID_ARGUMENT", {
    expected: "well-formed text",
    place: name,
    received: `a lone surrogate at index ${index}`,
  });
}

/** An alias such as `smollm2`, `hf:owner/repository:quantization`, or a path to a GGUF file. */
export function checkModelName(model: unknown, place = "model"): string {
  if (typeof model !== "string" || model.trim() === "")
    throw invalidArgument("the name of a model or a path to a GGUF file", place, model);
  if (model.includes("\0"))
    throw mismatch("INVALID_ARGUMENT", {
      expected: "a path without NUL characters",
      place,
      received: describe(model),
    });
  return checkText(model, place);
}
