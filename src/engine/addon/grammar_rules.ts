// Rules of a grammar in llguidance's dialect of Lark, and JSON schemas in it, exact to the space.
import { CaduceusError } from "../../errors.js";
import { isObject } from "../../json_object.js";
import type { EnforcedSchema } from "../engine.js";
import { isEnforcedLength } from "../parameter_kind.js";

/** What the addon takes; ConstraintSpec of native/engine/scheduler/request.h. */
export interface NativeConstraint {
  /** `"calls"`: a grammar in Lark whose texts are JSON between tags, so that their numbers are kept finite. */
  readonly kind: "lark" | "json" | "regex" | "calls";
  readonly text: string;
  /**
   * Free text comes first: the grammar begins with the `{` of a call behind the tag, or with one of the openings, of
   * which some count at the beginning of the output only, and ends with the call.
   */
  readonly trigger?:
    | {
        readonly tag: string;
        readonly further: boolean;
        readonly bare: boolean;
        readonly openings: readonly string[];
        readonly startOpenings: readonly string[];
      }
    | undefined;
}

/** Python's spacing, which the models were trained on, and nothing else between tokens. */
const spacing = { item_separator: ", ", key_separator: ": ", whitespace_flexible: false };
/** Without `\u`: a further property could be a declared one in disguise ("\u006eame"), and so escape its schema. */
const shortEscapes = { json_allowed_escapes: 'nrbtf\\"' };

/** Of several same schemas each is compiled once. */
export class Rules {
  readonly #lines: string[] = [];
  readonly #schemas = new Map<string, string>();

  add(name: string, body: string): string {
    this.#lines.push(`${name}: ${body}`);
    return name;
  }

  json(text: string): string {
    const known = this.#schemas.get(text);
    if (known !== undefined) return known;
    const name = this.add(`json_${this.#schemas.size}`, `%json ${text}`);
    this.#schemas.set(text, name);
    return name;
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

/**
 * Schemas are not changed once they are given: of 20 tools that come again, writing their text took 0.17 ms each time.
 */
const texts = { json: new WeakMap<object, string>(), arguments: new WeakMap<object, string>() };

/** A schema as text, with its spacing. Arguments are an object, whatever else their schema says. */
export function schemaText(schema: EnforcedSchema, as: keyof typeof texts): string {
  if (schema === false)
    throw new CaduceusError(
      "CONSTRAINT_INVALID",
      "The constraint cannot be enforced: the schema false allows nothing.",
    );
  if (schema === true) return spaced({ ...(as === "arguments" ? { type: "object" } : {}), "x-guidance": spacing });
  // What is no schema at all is for the compiler to name.
  if (!isObject(schema)) return spaced(schema);
  const known = texts[as].get(schema);
  if (known !== undefined) return known;
  const whole = { ...(as === "arguments" && !("type" in schema) ? { type: "object" } : {}), ...schema };
  const plain = spaced(whole);
  const needsLong = /\\u00|\x7f/.test(plain) || hasControlPatterns(whole);
  const guidance = needsLong || !hasOpenNames(whole) ? spacing : { ...spacing, ...shortEscapes };
  const text = `${plain.slice(0, -1)}${plain === "{}" ? "" : ","}"x-guidance":${spaced(guidance)}}`;
  texts[as].set(schema, text);
  return text;
}

/** A character that JSON writes with `\u` only, as it stands in the patterns of an enforced schema. */
const control = /\\x\{(?:[0-7bef]|1[0-9a-f]|7f)\}/;
const classes = /\[(?:\\.|[^\]\\])*\]/g;
const classOfControls = new RegExp(`^\\[(?:${control.source}(?:-${control.source})?)+\\]$`);

/** Whether a pattern of the schema asks for such a character. Classes that have others too can do without it. */
function hasControlPatterns(schema: object): boolean {
  const asks = (pattern: string) =>
    control.test(pattern.replace(classes, (one) => (classOfControls.test(one) ? one : "")));
  return Object.entries(schema).some(([key, inner]: [string, unknown]) => {
    if (key === "pattern" && typeof inner === "string") return asks(inner);
    if (typeof inner !== "object" || inner === null) return false;
    return (key === "patternProperties" && Object.keys(inner).some(asks)) || hasControlPatterns(inner);
  });
}

/** Whether an object of the schema has declared properties and takes others too. */
function hasOpenNames(schema: object): boolean {
  if ("properties" in schema && !("additionalProperties" in schema && schema.additionalProperties === false))
    return true;
  return Object.values(schema).some(
    (inner: unknown) => typeof inner === "object" && inner !== null && hasOpenNames(inner),
  );
}

/** JSON as it may stand in a grammar. */
export function spaced(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new CaduceusError(
      "CONSTRAINT_INVALID",
      `The constraint cannot be enforced: its schema is no JSON (${error instanceof Error ? error.message.split("\n")[0] : String(error)}).`,
      { cause: error },
    );
  }
}

/** As it stands in a regular expression of a grammar. */
export const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** How many characters a text may have, as a regular expression repeats them. */
export function lengthsOf(schema: unknown): string {
  const { minLength = 0, maxLength } = schema as { minLength?: number; maxLength?: number };
  const least = isEnforcedLength(minLength) ? minLength : 0;
  return `{${least},${isEnforcedLength(maxLength) ? maxLength : ""}}`;
}

export const literal = (text: string): string => JSON.stringify(text);
