// The keywords for strings, arrays and objects, as they go into the constraint; enforced_numbers.ts has those for
// numbers.
import type { EnforcedSchema } from "../../engine/engine.js";
import { enforcedFormat } from "./enforced_formats.js";
import { enumeratedNames } from "./enforced_names.js";
import { anchored, enforcedPattern } from "./enforced_pattern.js";
import { step, type Dialect } from "../json_schema.js";
import { patternTest } from "../pattern/pattern_matcher.js";
import { patternOf } from "../check/schema_forms.js";
import type { CooperativeWork } from "../cooperative_work.js";
import type { WorkBudget } from "../work_budget.js";
import { isObject, setOwn } from "../../json_object.js";

/** What writing the keywords of one schema needs. */
export interface KeywordWriter {
  readonly dialect: Dialect;
  /** Other schemas hold in the same place, so that the engine has to intersect them. */
  readonly isShared: boolean;
  readonly budget: WorkBudget;
  set(keyword: string, value: unknown): void;
  leaveOut(keyword: string, reason: string): void;
  /** The enforced part of a schema inside this one. */
  schema(inner: unknown, path: string): CooperativeWork<EnforcedSchema>;
}

type Node = Readonly<Record<string, unknown>>;

/** Maximum length limit enforced beside a pattern: the engine multiplies the two. */
const longestWithPattern = 256;

export function enforceString(schema: Node, into: KeywordWriter): void {
  const patterns: string[] = [];
  if (typeof schema["pattern"] === "string") {
    into.budget.spend(20 + 6 * schema["pattern"].length);
    const read = enforcedPattern(schema["pattern"], "search");
    if ("problem" in read) into.leaveOut("pattern", read.problem);
    else patterns.push(anchored(read.pattern));
    if ("partly" in read && read.partly !== undefined) into.leaveOut("pattern", read.partly);
  }
  if (typeof schema["format"] === "string") enforceFormat(schema, schema["format"], patterns, into);
  if (patterns[0] !== undefined) into.set("pattern", patterns[0]);
  if (patterns[1] !== undefined) into.set("allOf", [{ pattern: patterns[1] }]);
  for (const keyword of ["minLength", "maxLength"]) {
    const length = schema[keyword];
    if (typeof length !== "number") continue;
    if (patterns.length > 0 && length > longestWithPattern)
      into.leaveOut(keyword, "is too large to be enforced beside a pattern or a format");
    else into.set(keyword, length);
  }
}

function enforceFormat(schema: Node, name: string, patterns: string[], into: KeywordWriter): void {
  const format = enforcedFormat(name);
  switch (format.kind) {
    case "pattern":
      patterns.push(anchored(format.pattern));
      if (format.partly !== undefined) into.leaveOut("format", format.partly);
      return;
    case "bounds":
      // Numbers only, and only without other keywords for them.
      if (schema["type"] !== "integer") return into.leaveOut("format", "is enforced for whole numbers only");
      if (format.minimum !== undefined && !("minimum" in schema) && !("exclusiveMinimum" in schema))
        into.set("minimum", format.minimum);
      if (format.maximum !== undefined && !("maximum" in schema) && !("exclusiveMaximum" in schema))
        into.set("maximum", format.maximum);
      return;
    case "unknown":
      return into.leaveOut("format", "is none that can be enforced");
    case "nothing":
  }
}

export function* enforceArray(schema: Node, into: KeywordWriter): CooperativeWork<void> {
  const { items, prefixItems, additionalItems } = schema;
  const isTuple = Array.isArray(items);
  const first = into.dialect === "2020-12" && !isTuple ? prefixItems : isTuple ? items : undefined;
  const where = isTuple ? ".items" : ".prefixItems";
  if (Array.isArray(first)) {
    const written: EnforcedSchema[] = [];
    for (const [index, item] of first.entries()) written.push(yield* into.schema(item, where + step(index)));
    into.set("prefixItems", written);
  }
  const rest = isTuple ? additionalItems : items;
  if (rest !== undefined) into.set("items", yield* into.schema(rest, isTuple ? ".additionalItems" : ".items"));
  for (const keyword of ["minItems", "maxItems"]) if (keyword in schema) into.set(keyword, schema[keyword]);
}

const objectKeywords = [
  "properties",
  "patternProperties",
  "additionalProperties",
  "propertyNames",
  "required",
  "minProperties",
  "maxProperties",
];

export function* enforceObject(schema: Node, into: KeywordWriter): CooperativeWork<void> {
  if (!objectKeywords.some((keyword) => keyword in schema)) return;
  const { properties, patternProperties, additionalProperties, required } = schema;
  const named: Record<string, EnforcedSchema> = {};
  const only = enumeratedNames(schema);
  for (const [name, inner] of isObject(properties) ? Object.entries(properties) : []) {
    if (only?.includes(name) !== false) setOwn(named, name, yield* into.schema(inner, `.properties${step(name)}`));
  }
  if (only !== undefined) {
    const rest = yield* into.schema(additionalProperties, ".additionalProperties");
    for (const name of only) if (!Object.hasOwn(named, name)) setOwn(named, name, rest);
    into.set("additionalProperties", false);
  }
  if (isObject(properties) || only !== undefined) into.set("properties", named);
  if (Array.isArray(required)) into.set("required", required);
  const known = isObject(patternProperties) ? yield* enforcePatternProperties(patternProperties, named, into) : true;
  const isOpen = only === undefined && additionalProperties !== undefined && additionalProperties !== true;
  if (isOpen && known)
    into.set("additionalProperties", yield* into.schema(additionalProperties, ".additionalProperties"));
  else if (isOpen) into.leaveOut("additionalProperties", "depends on patternProperties, which cannot be enforced here");
  enforceCounts(only === undefined ? schema : { ...schema, properties: named, additionalProperties: false }, into);
}

/** False if they are left out. The engine takes several patterns only if no name matches two of them. */
function* enforcePatternProperties(
  given: Readonly<Record<string, unknown>>,
  named: Readonly<Record<string, EnforcedSchema>>,
  into: KeywordWriter,
): CooperativeWork<boolean> {
  const entries = Object.entries(given);
  if (entries.length === 0) return true;
  const patterns: ReturnType<typeof enforcedPattern>[] = [];
  for (const [source] of entries) {
    if (into.budget.isTurn()) yield;
    into.budget.spend(20 + 6 * source.length);
    patterns.push(enforcedPattern(source, "search"));
  }
  const problem = patterns.find((pattern) => "problem" in pattern);
  const refusal =
    problem !== undefined && "problem" in problem
      ? `has a pattern that cannot be enforced: ${problem.problem}`
      : patterns.some((pattern) => "partly" in pattern)
        ? "has a pattern with properties of Unicode"
        : into.isShared
          ? "shares its place with other schemas"
          : entries.length > 1 && !haveOwnBeginnings(entries.map(([source]) => source))
            ? "has patterns that may match the same name"
            : // A name in both would have to satisfy both schemas, which may be recursive.
              matchesAny(
                  entries.map(([source]) => source),
                  Object.keys(named),
                  into.budget,
                )
              ? "has a pattern that matches a named property"
              : undefined;
  if (refusal !== undefined) {
    into.leaveOut("patternProperties", refusal);
    return false;
  }
  const written: Record<string, EnforcedSchema> = {};
  for (const [index, [source, inner]] of entries.entries()) {
    const pattern = patterns[index];
    if (pattern !== undefined && "pattern" in pattern)
      setOwn(written, anchored(pattern.pattern), yield* into.schema(inner, `.patternProperties${step(source)}`));
  }
  into.set("patternProperties", written);
  return true;
}

function matchesAny(sources: readonly string[], names: readonly string[], budget: WorkBudget): boolean {
  return (
    names.length > 0 &&
    sources.some((source) => {
      const test = patternTest(patternOf(source), budget);
      return names.some((name) => test(name, budget));
    })
  );
}

/** Whether each pattern begins with letters, and none of these beginnings is the beginning of another. */
function haveOwnBeginnings(sources: readonly string[]): boolean {
  const beginnings: string[] = [];
  for (const source of sources) {
    const beginning = source.includes("|") ? undefined : /^\^([A-Za-z0-9_-]+)(?![?*{|])/.exec(source)?.[1];
    if (beginning === undefined) return false;
    beginnings.push(beginning);
  }
  // In sorted order a prefix stands right before the first text that it begins.
  beginnings.sort();
  return beginnings.every((one, index) => index === 0 || !one.startsWith(beginnings[index - 1]!));
}

/** The engine can count only required properties, or a single property of a closed object. */
function enforceCounts(schema: Node, into: KeywordWriter): void {
  const { properties, patternProperties, additionalProperties, minProperties, maxProperties } = schema;
  if (typeof minProperties !== "number" && typeof maxProperties !== "number") return;
  const required = new Set(Array.isArray(schema["required"]) ? (schema["required"] as unknown[]) : []);
  const optional = isObject(properties) ? Object.keys(properties).filter((name) => !required.has(name)).length : 0;
  const least = Math.max(0, (typeof minProperties === "number" ? minProperties : 0) - required.size);
  const most = typeof maxProperties === "number" ? Math.max(0, maxProperties - required.size) : undefined;
  const isClosed = additionalProperties === false && patternProperties === undefined;
  const canCount = !into.isShared && (optional === 0 || (isClosed && least <= 1 && (most ?? 1) === 1));
  for (const [keyword, count] of [
    ["minProperties", minProperties],
    ["maxProperties", maxProperties],
  ] as const) {
    if (typeof count !== "number") continue;
    if (canCount) into.set(keyword, count);
    else into.leaveOut(keyword, "is enforced only where all properties are required, or one of a closed object");
  }
  // An undeclared name may occur twice, and then counts once.
  if (canCount && !isClosed && least > 1) into.leaveOut("minProperties", "counts a name that comes twice as two");
}
