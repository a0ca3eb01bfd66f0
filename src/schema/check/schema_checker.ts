// Checks a value against a schema, keyword by keyword. It interprets the schema and generates no code: programs may
// forbid generated code, and each step can be counted. A compiling validator spends milliseconds on each tool of a
// request, and takes exponential time for a schema whose references double at each level; here the target of a
// reference is checked once for each place in the value.
import { describe } from "../../errors.js";
import { brief, counted, withArticle } from "./issue_words.js";
import type { SchemaIssue } from "../json_schema.js";
import { checkNumber, checkString, hasType } from "../scalar_checks.js";
import { keptPattern, type PatternTest } from "../pattern/pattern_matcher.js";
import type { Node, Resource, SchemaIndex } from "./schema_index.js";
import type { CooperativeWork } from "../cooperative_work.js";
import { hasFormat } from "./string_formats.js";
import { Place } from "./value_place.js";
import { fits, nothing, written, type Issue, type Verdict } from "./verdict.js";
import type { WorkBudget } from "../work_budget.js";
import { isObject } from "../../json_object.js";

/** Maximum number of issues kept. */
const mostIssues = 100;
const stepsOfSchema = 20;

const combinations: readonly string[] = ["allOf", "anyOf", "oneOf", "not", "if"];

/**
 * Returns no issues if the value satisfies the schema.
 * @throws what the budget throws, and RangeError for values nested deeper than the stack
 */
export function* checkValue(
  index: SchemaIndex,
  value: unknown,
  budget: WorkBudget,
): CooperativeWork<readonly SchemaIssue[]> {
  const check = new Check(index, budget);
  const { issues } = yield* check.judge(index.root, new Place(value), [index.resourceOf(index.root)!]);
  return issues.map(written);
}

class Check {
  readonly #index: SchemaIndex;
  readonly #budget: WorkBudget;
  readonly #known = new Map<unknown, Map<Place, Verdict>>();
  readonly #patterns = new Map<string, PatternTest>();

  constructor(index: SchemaIndex, budget: WorkBudget) {
    this.#index = index;
    this.#budget = budget;
  }

  /** `scope`: the resources that the check has entered, outermost first. */
  *judge(schema: unknown, place: Place, scope: readonly Resource[]): CooperativeWork<Verdict> {
    this.#budget.spend(stepsOfSchema);
    if (this.#budget.isTurn()) yield;
    if (schema === true) return fits;
    if (!isObject(schema))
      return { issues: [{ place, message: () => `must be absent, not ${describe(place.value)}` }], judged: nothing };
    return yield* new Judgment(
      this,
      this.#index,
      this.#budget,
      schema,
      place,
      this.#index.hasDynamicReferences ? this.#enter(schema, scope) : scope,
    ).verdict();
  }

  /** Judges the target of a reference. */
  *judgeTarget(schema: unknown, place: Place, scope: readonly Resource[]): CooperativeWork<Verdict> {
    // The target of a dynamic reference depends on the scope.
    if (this.#index.hasDynamicReferences) return yield* this.judge(schema, place, scope);
    let known = this.#known.get(schema);
    if (known === undefined) this.#known.set(schema, (known = new Map()));
    let verdict = known.get(place);
    if (verdict === undefined) known.set(place, (verdict = yield* this.judge(schema, place, scope)));
    return verdict;
  }

  /** Prepared once for all places. */
  pattern(source: string): PatternTest {
    let test = this.#patterns.get(source);
    if (test === undefined) this.#patterns.set(source, (test = keptPattern(source, this.#budget)));
    return test;
  }

  #enter(schema: Node, scope: readonly Resource[]): readonly Resource[] {
    const resource = this.#index.resourceOf(schema);
    if (resource === undefined || resource === scope.at(-1)) return scope;
    this.#budget.spend(scope.length);
    return [...scope, resource];
  }
}

/** One schema against one place. */
class Judgment {
  readonly #check: Check;
  readonly #index: SchemaIndex;
  readonly #budget: WorkBudget;
  readonly #schema: Node;
  readonly #place: Place;
  readonly #scope: readonly Resource[];
  readonly #issues: Issue[] = [];
  readonly #judged: Set<string | number> | undefined;

  constructor(
    check: Check,
    index: SchemaIndex,
    budget: WorkBudget,
    schema: Node,
    place: Place,
    scope: readonly Resource[],
  ) {
    this.#check = check;
    this.#index = index;
    this.#budget = budget;
    this.#schema = schema;
    this.#place = place;
    this.#scope = scope;
    this.#judged = index.hasUnevaluated ? new Set() : undefined;
  }

  *verdict(): CooperativeWork<Verdict> {
    const { value } = this.#place;
    this.#checkType(value);
    this.#checkValues();
    const wrong = (expected: () => string) => this.#wrong(expected);
    if (typeof value === "number") checkNumber(value, this.#schema, wrong);
    else if (typeof value === "string")
      checkString(value, this.#schema, (source) => this.#check.pattern(source), this.#budget, wrong);
    const { format } = this.#schema;
    if (typeof format === "string" && !hasFormat(value, format, this.#budget))
      this.#wrong(() => `text of the format ${format}`);
    if (Array.isArray(value)) yield* this.#checkArray(value);
    else if (isObject(value)) yield* this.#checkObject(value);
    if ("$ref" in this.#schema || "$dynamicRef" in this.#schema) yield* this.#checkReferences();
    if (combinations.some((keyword) => keyword in this.#schema)) yield* this.#checkCombinations();
    if (this.#judged !== undefined) yield* this.#checkUnevaluated(value);
    return { issues: this.#issues, judged: this.#judged ?? nothing };
  }

  #wrong(expected: () => string): void {
    this.#report({ place: this.#place, message: () => `must be ${expected()}, not ${describe(this.#place.value)}` });
  }

  #report(issue: Issue): void {
    if (this.#issues.length < mostIssues) this.#issues.push(issue);
  }

  /** Applies a schema to a place of the value and records its issues. */
  *#apply(schema: unknown, place: Place): CooperativeWork<boolean> {
    return this.#take(yield* this.#check.judge(schema, place, this.#scope), place);
  }

  #take({ issues, judged }: Verdict, place: Place): boolean {
    for (const issue of issues) this.#report(issue);
    this.#budget.spend(issues.length + judged.size);
    if (place === this.#place) for (const key of judged) this.#judged?.add(key);
    return issues.length === 0;
  }

  /** Whether the value satisfies a schema; if so, the names and indexes it judged are recorded. */
  *#fits(schema: unknown): CooperativeWork<boolean> {
    const verdict = yield* this.#check.judge(schema, this.#place, this.#scope);
    return verdict.issues.length === 0 && this.#take(verdict, this.#place);
  }

  #checkType(value: unknown): void {
    const { type, nullable } = this.#schema;
    if (type === undefined) return;
    const types = [type, nullable === true ? "null" : []].flat() as string[];
    if (types.some((one) => hasType(value, one))) return;
    this.#wrong(() => withArticle(types.join(" or ")));
  }

  #checkValues(): void {
    const { const: only, enum: list } = this.#schema;
    const isListed = (keyword: "const" | "enum") => {
      this.#budget.spend(1 + (this.#place.canonical.length >> 4));
      return this.#index.values(this.#schema, keyword, this.#budget).has(this.#place.canonical);
    };
    if (Array.isArray(list) && !isListed("enum"))
      this.#wrong(
        () =>
          `one of ${list.slice(0, 20).map(brief).join(", ")}${list.length > 20 ? ` or ${list.length - 20} others` : ""}`,
      );
    if ("const" in this.#schema && !isListed("const")) this.#wrong(() => brief(only));
  }

  *#checkArray(value: readonly unknown[]): CooperativeWork<void> {
    const { items, prefixItems, additionalItems, minItems, maxItems, uniqueItems } = this.#schema;
    if (typeof minItems === "number" && value.length < minItems)
      this.#wrong(() => `an array of at least ${counted(minItems, "entry")}`);
    if (typeof maxItems === "number" && value.length > maxItems)
      this.#wrong(() => `an array of at most ${counted(maxItems, "entry")}`);
    if (uniqueItems === true) this.#checkUnique(value);
    const isOld = this.#index.dialect === "draft-07";
    const first =
      isOld && Array.isArray(items)
        ? (items as unknown[])
        : !isOld && Array.isArray(prefixItems)
          ? (prefixItems as unknown[])
          : [];
    const rest = isOld && Array.isArray(items) ? additionalItems : items;
    for (let index = 0; index < value.length; index++) {
      const schema = index < first.length ? first[index] : rest;
      if (schema === undefined) break;
      if (schema === false && index >= first.length) {
        this.#wrong(() => `an array of at most ${counted(first.length, "entry")}`);
        break;
      }
      yield* this.#apply(schema, this.#place.part(index));
      this.#judged?.add(index);
    }
    yield* this.#checkContains(value);
  }

  #checkUnique(value: readonly unknown[]): void {
    const seen = new Set<string>();
    for (let index = 0; index < value.length; index++) {
      const text = this.#place.part(index).canonical;
      this.#budget.spend(1 + (text.length >> 4));
      if (seen.has(text))
        return this.#wrong(() => `an array without duplicates (${brief(value[index])} stands there twice)`);
      seen.add(text);
    }
  }

  *#checkContains(value: readonly unknown[]): CooperativeWork<void> {
    const { contains, minContains, maxContains } = this.#schema;
    if (contains === undefined) return;
    const isOld = this.#index.dialect === "draft-07";
    const least = !isOld && typeof minContains === "number" ? minContains : 1;
    const most = !isOld && typeof maxContains === "number" ? maxContains : Infinity;
    let found = 0;
    for (let index = 0; index < value.length; index++) {
      if ((yield* this.#check.judge(contains, this.#place.part(index), this.#scope)).issues.length > 0) continue;
      found++;
      if (!isOld) this.#judged?.add(index);
    }
    if (found < least)
      this.#wrong(() => `an array with at least ${counted(least, "entry")} that its contains asks for`);
    if (found > most) this.#wrong(() => `an array with at most ${counted(most, "entry")} that its contains asks for`);
  }

  *#checkObject(value: Node): CooperativeWork<void> {
    const { required, minProperties, maxProperties, propertyNames } = this.#schema;
    const names = Object.keys(value);
    this.#budget.spend(names.length);
    if (Array.isArray(required)) this.#require(value, required, "is required");
    if (typeof minProperties === "number" && names.length < minProperties)
      this.#wrong(() => `an object of at least ${counted(minProperties, "property")}`);
    if (typeof maxProperties === "number" && names.length > maxProperties)
      this.#wrong(() => `an object of at most ${counted(maxProperties, "property")}`);
    yield* this.#checkDependencies(value);
    if (propertyNames !== undefined) {
      for (const name of names) {
        const [issue] = (yield* this.#check.judge(propertyNames, new Place(name), this.#scope)).issues;
        if (issue !== undefined)
          this.#report({ place: this.#place, message: () => `has the name ${brief(name)}, which ${issue.message()}` });
      }
    }
    yield* this.#checkProperties(names);
  }

  #require(value: Node, names: readonly unknown[], message: string): void {
    this.#budget.spend(names.length);
    for (const name of names)
      if (typeof name === "string" && !Object.hasOwn(value, name))
        this.#report({ place: this.#place, part: name, message: () => message });
  }

  *#checkDependencies(value: Node): CooperativeWork<void> {
    const { dependencies, dependentRequired, dependentSchemas } = this.#schema;
    const isOld = this.#index.dialect === "draft-07";
    for (const map of isOld ? [dependencies] : [dependencies, dependentRequired, dependentSchemas]) {
      if (!isObject(map)) continue;
      for (const [name, needed] of Object.entries(map)) {
        this.#budget.spend();
        if (!Object.hasOwn(value, name)) continue;
        if (Array.isArray(needed)) this.#require(value, needed, `is required beside ${name}`);
        else yield* this.#apply(needed, this.#place);
      }
    }
  }

  *#checkProperties(names: readonly string[]): CooperativeWork<void> {
    const { properties, patternProperties, additionalProperties } = this.#schema;
    if (names.length === 0) return;
    if (isObject(patternProperties)) this.#budget.spend(Object.keys(patternProperties).length);
    const patterns = isObject(patternProperties)
      ? Object.entries(patternProperties).map(([source, schema]) => [this.#check.pattern(source), schema] as const)
      : [];
    if (!isObject(properties) && patterns.length === 0 && additionalProperties === undefined) return;
    for (const name of names) {
      const schemas: unknown[] = [];
      if (isObject(properties) && Object.hasOwn(properties, name)) schemas.push(properties[name]);
      for (const [test, schema] of patterns) if (test(name, this.#budget)) schemas.push(schema);
      if (schemas.length === 0 && additionalProperties === false) this.#unknown(name);
      else if (schemas.length === 0 && additionalProperties !== undefined) schemas.push(additionalProperties);
      for (const schema of schemas) yield* this.#apply(schema, this.#place.part(name));
      if (schemas.length > 0) this.#judged?.add(name);
    }
  }

  #unknown(name: string): void {
    this.#report({ place: this.#place, part: name, message: () => "is not a known property" });
  }

  *#checkReferences(): CooperativeWork<void> {
    const plain = this.#index.target(this.#schema, "$ref");
    if (plain !== undefined)
      this.#take(yield* this.#check.judgeTarget(plain.schema, this.#place, this.#scope), this.#place);
    const dynamic = this.#index.target(this.#schema, "$dynamicRef");
    if (dynamic === undefined) return;
    const { dynamicAnchor, schema } = dynamic;
    this.#budget.spend(this.#scope.length);
    const outermost =
      dynamicAnchor === undefined
        ? undefined
        : this.#scope
            .find(({ dynamicAnchors }) => dynamicAnchors.has(dynamicAnchor))
            ?.dynamicAnchors.get(dynamicAnchor);
    this.#take(yield* this.#check.judgeTarget(outermost ?? schema, this.#place, this.#scope), this.#place);
  }

  *#checkCombinations(): CooperativeWork<void> {
    const { allOf, anyOf, oneOf, not, if: condition, then, else: otherwise } = this.#schema;
    if (Array.isArray(allOf)) for (const inner of allOf as unknown[]) yield* this.#apply(inner, this.#place);
    if (Array.isArray(anyOf)) yield* this.#checkAny(anyOf);
    if (Array.isArray(oneOf)) yield* this.#checkOne(oneOf);
    if (not !== undefined && (yield* this.#check.judge(not, this.#place, this.#scope)).issues.length === 0)
      this.#wrong(() => "something that its not excludes");
    if (condition === undefined) return;
    const branch = (yield* this.#fits(condition)) ? then : otherwise;
    if (branch !== undefined) yield* this.#apply(branch, this.#place);
  }

  *#checkAny(schemas: readonly unknown[]): CooperativeWork<void> {
    let fitting = 0;
    const failed: Verdict[] = [];
    for (const schema of schemas) {
      // The other alternatives matter only to `unevaluated…`.
      if (fitting > 0 && this.#judged === undefined) return;
      const verdict = yield* this.#check.judge(schema, this.#place, this.#scope);
      if (verdict.issues.length > 0) failed.push(verdict);
      else if (this.#take(verdict, this.#place)) fitting++;
    }
    if (fitting === 0) this.#noAlternative(failed, "anyOf");
  }

  *#checkOne(schemas: readonly unknown[]): CooperativeWork<void> {
    const failed: Verdict[] = [];
    let fitting: Verdict | undefined;
    for (const schema of schemas) {
      const verdict = yield* this.#check.judge(schema, this.#place, this.#scope);
      if (verdict.issues.length > 0) failed.push(verdict);
      else if (fitting !== undefined) return this.#wrong(() => "a value of exactly one alternative of oneOf");
      else fitting = verdict;
    }
    if (fitting === undefined) this.#noAlternative(failed, "oneOf");
    else this.#take(fitting, this.#place);
  }

  /** Reports the issues of each alternative, and then that none matches. */
  #noAlternative(failed: readonly Verdict[], keyword: string): void {
    for (const { issues } of failed) for (const issue of issues) this.#report(issue);
    this.#wrong(() => `a value of one alternative of ${keyword}`);
  }

  *#checkUnevaluated(value: unknown): CooperativeWork<void> {
    const { unevaluatedItems, unevaluatedProperties } = this.#schema;
    const isArray = Array.isArray(value);
    const schema = isArray ? unevaluatedItems : isObject(value) ? unevaluatedProperties : undefined;
    if (schema === undefined) return;
    for (const key of isArray ? value.keys() : Object.keys(value as Node)) {
      this.#budget.spend();
      if (this.#judged?.has(key) === true) continue;
      if (schema === false && typeof key === "string") this.#unknown(key);
      else if (schema === false)
        this.#report({ place: this.#place, part: key, message: () => "is one entry too many" });
      else yield* this.#apply(schema, this.#place.part(key));
      this.#judged?.add(key);
    }
  }
}
