// The part of a schema that is enforced during generation: rewritten into the few keywords that mean the same to the
// engine and to the checker, with a list of everything left out. Leaving out makes the schema wider, never narrower.
import type { EnforcedSchema } from "../../engine/engine.js";
import { DisjointSchemas } from "./disjoint_schemas.js";
import { enumeratedNames, propertiesInPlace, withEach } from "./enforced_names.js";
import { enforceNumber } from "./enforced_numbers.js";
import { enforceArray, enforceObject, enforceString, type KeywordWriter } from "./enforced_values.js";
import { keywords, refusesSomething } from "./enforced_keywords.js";
import {
  appendTo,
  hasOwnKeywords,
  inPlace,
  refersInPlace,
  typesWith,
  unevaluatedAsPlain,
  valuesIn,
} from "../schema_shapes.js";
import { eachInside, type Dialect, type JsonSchema } from "../json_schema.js";
import { SchemaReferences, type Target } from "../check/schema_references.js";
import type { CooperativeWork } from "../cooperative_work.js";
import { BudgetSpent, readingBudget, tooComplex, type WorkBudget } from "../work_budget.js";
import { isObject, setOwn } from "../../json_object.js";

/** A keyword that is not, or not fully, enforced during generation, and is checked afterwards. */
export interface UnenforcedKeyword {
  /** Where the schema with the keyword stands, beginning with the name of the whole: `schema.properties.email`. */
  readonly path: string;
  readonly keyword: string;
  /** The reason, as part of a sentence. */
  readonly reason: string;
}

export interface EnforcedReading {
  readonly schema: EnforcedSchema;
  /** Paths are relative to the schema: `.properties.email`, and empty for the schema itself. */
  readonly unenforced: readonly UnenforcedKeyword[];
  /** What each of its `$defs` was made of. Undefined: it has none. */
  readonly definitions?: ReadonlyMap<string, Target> | undefined;
}

/** Maximum nesting of references. */
const deepestReference = 500;

/** Maximum number of combinations of alternatives in one place. */
const mostBranches = 1_024;

const partKeywords: readonly string[] = [
  "properties",
  "patternProperties",
  "additionalProperties",
  "items",
  "prefixItems",
  "additionalItems",
  "unevaluatedProperties",
  "unevaluatedItems",
];

/**
 * What objects may be written with whose schema has `properties` and says nothing of others: `"refuse"` closes them
 * while the model writes, `"allow"` leaves them open as JSON Schema has it. The check afterwards is the same.
 */
export type UndeclaredProperties = "refuse" | "allow";

/** @throws CaduceusError CONSTRAINT_TOO_COMPLEX, with the name, where reading it takes more than its budget */
export function* enforcedPart(
  schema: JsonSchema,
  dialect: Dialect,
  undeclared: UndeclaredProperties,
  name: string,
): CooperativeWork<EnforcedReading> {
  try {
    return yield* new SchemaReader(schema, dialect, undeclared, name).read();
  } catch (error) {
    // A chain of references longer than the stack, or a pattern that nothing here can read.
    if (error instanceof RangeError || error instanceof BudgetSpent) throw tooComplex(name, { cause: error });
    throw error;
  }
}

type Node = Record<string, unknown>;

/** One of several schemas that all hold in the same place. */
interface Source {
  readonly keyword: string;
  readonly schemas: readonly unknown[];
  readonly write: (result: Node, isShared: boolean) => CooperativeWork<void>;
}

class SchemaReader {
  readonly #root: JsonSchema;
  readonly #dialect: Dialect;
  readonly #closes: boolean;
  readonly #references: SchemaReferences;
  readonly #disjoint: DisjointSchemas;
  readonly #budget: WorkBudget;
  readonly #widths = new Map<unknown, number>();
  readonly #unenforced = new Map<string, UnenforcedKeyword>();
  readonly #definitions: Node = {};
  readonly #targets = new Map<string, Target>();
  /** Number of shared places around the schema that is being read. */
  #sharedAround = 0;
  readonly #names = new Map<string, string>();
  readonly #name: string;
  #depth = 0;

  constructor(root: JsonSchema, dialect: Dialect, undeclared: UndeclaredProperties, name: string) {
    this.#root = root;
    this.#dialect = dialect;
    this.#closes = undeclared === "refuse";
    this.#name = name;
    this.#budget = readingBudget(name);
    this.#references = new SchemaReferences(root);
    this.#disjoint = new DisjointSchemas(this.#references);
  }

  *read(): CooperativeWork<EnforcedReading> {
    const schema = yield* this.#schema(this.#root, "", false);
    const unenforced = [...this.#unenforced.values()];
    if (!isObject(schema) || this.#targets.size === 0) return { schema, unenforced };
    return { schema: { ...schema, $defs: this.#definitions }, unenforced, definitions: this.#targets };
  }

  #leaveOut(path: string, keyword: string, reason: string): void {
    const key = `${path} ${keyword}`;
    // The target of a reference is read once for each kind of place.
    if (!this.#unenforced.has(key)) this.#unenforced.set(key, { path, keyword, reason });
  }

  /** `isShared`: other schemas hold in the same place. */
  *#schema(value: unknown, path: string, isShared: boolean): CooperativeWork<EnforcedSchema> {
    if (!isObject(value)) return value !== false;
    if (this.#budget.isTurn()) yield;
    this.#budget.spend(10);
    const isAlone = !inPlace.some((keyword) => keyword in value);
    const names = () =>
      this.#closes && !isShared && this.#sharedAround === 0
        ? propertiesInPlace(value, this.#references, this.#budget)
        : undefined;
    const schema = unevaluatedAsPlain(
      isAlone && names() !== undefined ? { ...value, additionalProperties: false } : value,
    );
    this.#listUnenforced(schema, path);
    if (schema["not"] === true || (isObject(schema["not"]) && Object.keys(schema["not"]).length === 0)) return false;
    // Most schemas share their place with no other.
    if (isAlone) {
      const result: Node = {};
      yield* this.#writeOwn(schema, path, isShared, (keyword, inner) => setOwn(result, keyword, inner));
      return result;
    }
    this.#budget.spend(20);
    const sources = yield* this.#sources(schema, path);
    const kept = this.#compatible(value, sources, path);
    const result: Node = {};
    // Where another schema alone is in the place, it is closed in there.
    for (const source of kept) yield* source.write(result, isShared || sources.length > 1);
    const declared = sources.length > 1 && kept.length === sources.length ? names() : undefined;
    if (declared !== undefined) appendTo(result, { properties: withEach(declared, true), additionalProperties: false });
    return result;
  }

  #listUnenforced(schema: Node, path: string): void {
    for (const keyword of Object.keys(schema)) {
      const treatment = keywords[this.#dialect][keyword];
      if (treatment === undefined) {
        if (!keyword.startsWith("x-"))
          this.#leaveOut(path, keyword, `is no keyword of JSON Schema ${this.#dialect}: nothing checks it either`);
      } else if (treatment === "checked" && refusesSomething(keyword, schema)) {
        const isNever =
          keyword === "not" &&
          (schema["not"] === true || (isObject(schema["not"]) && Object.keys(schema["not"]).length === 0));
        const isNamed = keyword === "propertyNames" && enumeratedNames(schema) !== undefined;
        if (!isNever && !isNamed) this.#leaveOut(path, keyword, "has no form that can be enforced");
      }
    }
  }

  /** Writes the keywords of one schema, except those that add other schemas in the same place. */
  *#writeOwn(
    schema: Node,
    path: string,
    isShared: boolean,
    set: (keyword: string, value: unknown) => void,
  ): CooperativeWork<void> {
    const into: KeywordWriter = {
      dialect: this.#dialect,
      isShared,
      budget: this.#budget,
      set,
      leaveOut: (keyword, reason) => this.#leaveOut(path, keyword, reason),
      // Each schema of a shared place declares only some of the properties, so none of them may close an object.
      schema: (inner, where) => this.#part(inner, path + where, isShared),
    };
    const types = typesWith(schema);
    if (types !== undefined) set("type", types);
    for (const keyword of ["const", "enum"]) if (keyword in schema) set(keyword, schema[keyword]);
    enforceNumber(schema, into);
    enforceString(schema, into);
    yield* enforceArray(schema, into);
    yield* enforceObject(schema, into);
  }

  *#part(schema: unknown, path: string, isOfShared: boolean): CooperativeWork<EnforcedSchema> {
    this.#sharedAround += isOfShared ? 1 : 0;
    try {
      return yield* this.#schema(schema, path, false);
    } finally {
      this.#sharedAround -= isOfShared ? 1 : 0;
    }
  }

  /** All schemas that hold in one place, beginning with the schema itself. */
  *#sources(schema: Node, path: string): CooperativeWork<Source[]> {
    const sources: Source[] = [];
    sources.push({
      keyword: "type",
      schemas: [],
      write: (result, isShared) =>
        this.#writeOwn(schema, path, isShared, (keyword, value) => setOwn(result, keyword, value)),
    });
    const { $ref } = schema;
    // A second reference to the same target in one place adds nothing, and would double the work at each level.
    const referred = new Set<unknown>();
    if (typeof $ref === "string") {
      const target = this.#references.resolve($ref);
      referred.add(target?.schema);
      if (target === undefined) this.#leaveOut(path, "$ref", "leads where it cannot be followed");
      else
        sources.push({
          keyword: "$ref",
          schemas: [target.schema],
          write: (result, isShared) => this.#writeReference(target, result, isShared),
        });
    }
    const list = (keyword: string) => (Array.isArray(schema[keyword]) ? (schema[keyword] as unknown[]) : []);
    list("allOf").forEach((inner, index) => {
      const target =
        isObject(inner) && typeof inner["$ref"] === "string" && Object.keys(inner).length === 1
          ? this.#references.resolve(inner["$ref"])?.schema
          : undefined;
      if (target !== undefined && referred.has(target)) return;
      referred.add(target);
      sources.push({
        keyword: "allOf",
        schemas: [inner],
        write: (result, isShared) => this.#append(inner, `${path}.allOf[${index}]`, result, isShared),
      });
    });
    for (const keyword of ["anyOf", "oneOf"]) {
      const branches = list(keyword);
      if (branches.length === 0) continue;
      if (keyword === "oneOf" && !(yield* this.#disjoint.areDisjoint(branches)))
        this.#leaveOut(path, "oneOf", "is enforced as anyOf: its branches may overlap");
      sources.push({
        keyword,
        schemas: branches,
        write: (result, isShared) => this.#writeBranches(branches, `${path}.${keyword}`, result, isShared),
      });
    }
    return sources.filter(({ keyword }) => keyword !== "type" || hasOwnKeywords(schema) || sources.length === 1);
  }

  *#writeReference({ schema, path }: Target, result: Node, isShared: boolean): CooperativeWork<void> {
    setOwn(result, "$ref", yield* this.#definition(schema, path, isShared));
  }

  *#append(inner: unknown, path: string, result: Node, isShared: boolean): CooperativeWork<void> {
    appendTo(result, yield* this.#schema(inner, path, isShared));
  }

  *#writeBranches(branches: readonly unknown[], path: string, result: Node, isShared: boolean): CooperativeWork<void> {
    const anyOf: EnforcedSchema[] = [];
    for (const [index, inner] of branches.entries())
      anyOf.push(yield* this.#schema(inner, `${path}[${index}]`, isShared));
    appendTo(result, { anyOf });
  }

  /**
   * The sources that the engine can intersect, first ones first. It cannot intersect a schema inside of itself, two
   * recursive schemas, or too many combinations of alternatives.
   */
  #compatible(place: Node, sources: readonly Source[], path: string): readonly Source[] {
    if (sources.length < 2) return sources;
    const circling = this.#references.share(place, place)
      ? sources.find((source) => this.#isInCycle(place, source))
      : undefined;
    if (circling !== undefined) {
      // The engine cannot intersect a schema that it is still reading; that source is kept alone.
      const refersHere = circling.keyword === "$ref" || circling.schemas.some(refersInPlace);
      return sources.filter((source) => {
        const isKept =
          source === circling || (!refersHere && source.keyword !== "$ref" && !this.#hasParts(place, source));
        if (!isKept) this.#leaveOut(path, source.keyword, "stands beside a reference to a schema that it is part of");
        return isKept;
      });
    }
    let recurring = 0;
    let branches = 1;
    return sources.filter(({ keyword, schemas }) => {
      const recurs = schemas.some((schema) => this.#references.recurs(schema));
      // A single list of alternatives may be long: only products of lists are bounded.
      const width =
        keyword === "type" ? valuesIn(place) : schemas.reduce<number>((sum, schema) => sum + this.#width(schema), 0);
      if ((recurs && recurring > 0) || (width > 1 && branches > 1 && branches * width > mostBranches)) {
        this.#leaveOut(
          path,
          keyword,
          recurs ? "recurs, as another schema in its place does" : "multiplies the alternatives of its place",
        );
        return false;
      }
      recurring += recurs ? 1 : 0;
      branches *= width;
      return true;
    });
  }

  /** Number of combinations of alternatives in the place of a schema. */
  #width(schema: unknown): number {
    if (!isObject(schema)) return 1;
    const known = this.#widths.get(schema);
    if (known !== undefined) return known;
    this.#budget.spend();
    const { $ref, allOf, anyOf, oneOf } = schema;
    const target = typeof $ref === "string" ? this.#references.resolve($ref)?.schema : undefined;
    const all = [target, ...(Array.isArray(allOf) ? (allOf as unknown[]) : [])].map((inner) => this.#width(inner));
    const any = [anyOf, oneOf].map((list) =>
      Array.isArray(list) ? list.reduce<number>((sum, inner) => sum + this.#width(inner), 0) : 1,
    );
    const width = [...all, ...any].reduce(
      (product, width) => Math.min(Number.MAX_SAFE_INTEGER, product * width),
      valuesIn(schema),
    );
    this.#widths.set(schema, width);
    return width;
  }

  /** Whether the references of a source lead back to the place. */
  #isInCycle(place: Node, { keyword, schemas }: Source): boolean {
    if (keyword !== "type") return schemas.some((schema) => this.#references.share(schema, place));
    let isInCycle = false;
    eachInside(place, (inner, keyword) => {
      this.#budget.spend();
      isInCycle ||= !inPlace.includes(keyword) && this.#references.share(inner, place);
    });
    return isInCycle;
  }

  /** Whether a source has keywords about the parts of a value. */
  #hasParts(place: Node, { keyword, schemas }: Pick<Source, "keyword" | "schemas">): boolean {
    const said = keyword === "type" ? [place] : schemas;
    this.#budget.spend(said.length);
    return said.some(
      (schema) =>
        isObject(schema) &&
        Object.entries(schema).some(([key, value]) =>
          keyword === "type" && inPlace.includes(key)
            ? false
            : partKeywords.includes(key) ||
              (["const", "enum"].includes(key) &&
                [value].flat().some((one) => typeof one === "object" && one !== null)) ||
              (inPlace.includes(key) &&
                (key === "$ref" ||
                  (Array.isArray(value) &&
                    value.some((inner) => this.#hasParts(place, { keyword: key, schemas: [inner] }))))),
        ),
    );
  }

  /** The target of a reference is written once, or twice if it shares its place with others in some uses only. */
  *#definition(schema: unknown, path: string, isShared: boolean): CooperativeWork<string> {
    const key = `${isShared ? "shared" : this.#sharedAround > 0 ? "open" : "alone"} ${path}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      name = `d${this.#names.size}`;
      this.#names.set(key, name);
      this.#targets.set(name, { schema, path });
      if (++this.#depth > deepestReference) throw tooComplex(this.#name);
      this.#definitions[name] = yield* this.#schema(schema, path, isShared);
      this.#depth--;
    }
    return `#/$defs/${name}`;
  }
}

export const withName = (name: string, unenforced: readonly UnenforcedKeyword[]): UnenforcedKeyword[] =>
  unenforced.map(({ path, keyword, reason }) => ({ path: name + path, keyword, reason }));
