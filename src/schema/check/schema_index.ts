// One schema prepared for checking values: the target of each reference, and which costly features it uses.
import { describe, mismatch } from "../../errors.js";
import { canonicalJson } from "../canonical_json.js";
import { eachInside, invalidSchema, visitSchemas, type Dialect, type JsonSchema } from "../json_schema.js";
import { followPointer } from "./json_pointer.js";
import { checkForms } from "./schema_forms.js";
import type { CooperativeWork } from "../cooperative_work.js";
import type { WorkBudget } from "../work_budget.js";
import { isObject } from "../../json_object.js";

export type Node = Record<string, unknown>;

/** The whole schema, or a part with its own `$id`: the base for its references, and its anchors. */
export interface Resource {
  readonly base: string;
  readonly root: Node;
  readonly anchors: Map<string, Node>;
  readonly dynamicAnchors: Map<string, Node>;
  /** Targets of its references. */
  readonly targets: Map<string, Target | undefined>;
}

export interface Target {
  readonly schema: unknown;
  /** The anchor that a `$dynamicRef` looks for in the scope of the check. */
  readonly dynamicAnchor?: string | undefined;
}

/** The address of a schema without `$id`. */
const noAddress = "schema:/";

/** Keywords whose schemas judge the very value that their own schema judges. */
const appliedHere: ReadonlySet<string> = new Set([
  "not",
  "if",
  "then",
  "else",
  "allOf",
  "anyOf",
  "oneOf",
  "dependentSchemas",
  "dependencies",
]);
/** Keywords that only hold schemas for references. */
const definitions: ReadonlySet<string> = new Set(["$defs", "definitions", "contentSchema"]);

/** Maximum number of schemas within one. Reading one takes some microseconds; 5,000 properties make 5,001. */
const mostSchemas = 8_000;
/** Number of schemas that are read in one time slice. */
const schemasAtOnce = 1_000;
/** Maximum length of one resolved `$id`, and of all of a schema together, in characters. */
const longestId = 2000;
const mostOfAddresses = 500_000;
/** Maximum number of `$id`s. Resolving one takes ten microseconds. */
const mostAddresses = 2_000;

export class SchemaIndex {
  readonly root: Node;
  readonly dialect: Dialect;
  hasDynamicReferences = false;
  hasUnevaluated = false;
  readonly #targets = new Map<string, Map<Node, Target>>([
    ["$ref", new Map()],
    ["$dynamicRef", new Map()],
  ]);
  readonly #resources = new Map<string, Resource>();
  readonly #resourceOf = new Map<Node, Resource>();
  /** Anchors of all resources: searching each resource for each name takes quadratic time. */
  readonly #dynamicAnchors = new Map<string, Node[]>();
  readonly #name: string;
  #ofAddresses = 0;
  #addresses = 0;
  readonly #values = { const: new Map<Node, ReadonlySet<string>>(), enum: new Map<Node, ReadonlySet<string>>() };

  private constructor(root: JsonSchema, dialect: Dialect, name: string) {
    this.root = root as Node;
    this.dialect = dialect;
    this.#name = name;
  }

  /**
   * @throws CaduceusError INVALID_SCHEMA, naming the place, for keywords of the wrong form and references that lead
   * nowhere or only to themselves
   */
  static *read(root: JsonSchema, dialect: Dialect, name: string): CooperativeWork<SchemaIndex> {
    const index = new SchemaIndex(root, dialect, name);
    yield* index.#add(index.root, name, undefined);
    const reachable = yield* index.#resolveAll();
    yield* index.#refuseLoops(reachable);
    index.hasDynamicReferences = reachable.some(
      (schema) => index.target(schema, "$dynamicRef")?.dynamicAnchor !== undefined,
    );
    index.hasUnevaluated =
      dialect === "2020-12" &&
      reachable.some((schema) => "unevaluatedProperties" in schema || "unevaluatedItems" in schema);
    return index;
  }

  target(schema: Node, keyword: "$ref" | "$dynamicRef"): Target | undefined {
    return this.#targets.get(keyword)!.get(schema);
  }

  /** Undefined for the schemas `true` and `false`, which belong to no resource. */
  resourceOf(schema: unknown): Resource | undefined {
    return this.#resourceOf.get(schema as Node);
  }

  /** The values in `enum` or `const`, as canonical JSON. */
  values(schema: Node, keyword: "const" | "enum", budget: WorkBudget): ReadonlySet<string> {
    const known = this.#values[keyword];
    let values = known.get(schema);
    if (values === undefined && keyword === "enum") budget.spend(10 * (schema["enum"] as unknown[]).length);
    if (values === undefined)
      known.set(
        schema,
        (values = new Set(
          (keyword === "const" ? [schema["const"]] : (schema["enum"] as unknown[])).map(canonicalJson),
        )),
      );
    return values;
  }

  /** Adds a schema and all schemas inside it; `outer`: the resource that contains it. */
  *#add(schema: Node, path: string, outer: Resource | undefined): CooperativeWork<void> {
    yield* checkForms(schema, path, this.dialect, (inner, parent) => {
      if (this.#resourceOf.has(inner)) return;
      if (this.#resourceOf.size >= mostSchemas)
        throw mismatch(
          "CONSTRAINT_TOO_COMPLEX",
          {
            expected: `a schema with at most ${mostSchemas} schemas in it`,
            place: this.#name,
            received: "more schemas",
          },
          { remedy: "Simplify it." },
        );
      const around = parent === undefined ? outer : this.#resourceOf.get(parent);
      // The forms of these values are checked right after this.
      const [$id, $anchor, $dynamicAnchor] = [inner["$id"], inner["$anchor"], inner["$dynamicAnchor"]].map((one) =>
        typeof one === "string" ? one : undefined,
      );
      if ($id !== undefined && $id.length > longestId)
        throw invalidSchema(`an address of at most ${longestId} characters`, `${path}.$id`, describe($id));
      const isOwn = around === undefined || ($id !== undefined && !$id.startsWith("#"));
      const resource = isOwn ? this.#resource(inner, $id, around, `${path}.$id`) : around;
      this.#resourceOf.set(inner, resource);
      if ($id?.startsWith("#")) resource.anchors.set($id.slice(1), inner);
      if ($anchor !== undefined) resource.anchors.set($anchor, inner);
      if ($dynamicAnchor !== undefined) {
        resource.anchors.set($dynamicAnchor, inner);
        resource.dynamicAnchors.set($dynamicAnchor, inner);
        const namesakes = this.#dynamicAnchors.get($dynamicAnchor);
        if (namesakes === undefined) this.#dynamicAnchors.set($dynamicAnchor, [inner]);
        else namesakes.push(inner);
      }
    });
  }

  #resource(root: Node, id: string | undefined, around: Resource | undefined, path: string): Resource {
    const base =
      (id === undefined ? undefined : address(id, around?.base ?? noAddress)?.base) ?? around?.base ?? noAddress;
    if (++this.#addresses > mostAddresses)
      throw invalidSchema(
        `at most ${mostAddresses} addresses in one schema`,
        path,
        `${describe(id)}, which is one more`,
      );
    this.#ofAddresses += base.length;
    if (this.#ofAddresses > mostOfAddresses)
      throw invalidSchema(
        `addresses that come to at most ${mostOfAddresses} characters together`,
        path,
        `${describe(id)}, with which they come to ${this.#ofAddresses}`,
      );
    const resource: Resource = { base, root, anchors: new Map(), dynamicAnchors: new Map(), targets: new Map() };
    if (!this.#resources.has(base)) this.#resources.set(base, resource);
    return resource;
  }

  /** Resolves all references, and returns every schema that a value may be checked against. */
  *#resolveAll(): CooperativeWork<Node[]> {
    const reachable = new Set<Node>();
    const waiting: unknown[] = [this.root];
    const sought = new Set<string>();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (!isObject(next) || reachable.has(next)) continue;
      reachable.add(next);
      if (reachable.size % schemasAtOnce === 0) yield;
      eachInside(next, (inner, keyword) => {
        if (!definitions.has(keyword)) waiting.push(inner);
      });
      for (const keyword of ["$ref", "$dynamicRef"] as const) {
        const reference = next[keyword];
        if (typeof reference !== "string" || (keyword === "$dynamicRef" && this.dialect !== "2020-12")) continue;
        const target = yield* this.#resolve(reference, next, keyword);
        if (target === undefined)
          throw invalidSchema(
            "a reference to a part of the schema",
            `${this.#pathOf(next)}.${keyword}`,
            describe(reference),
          );
        this.#targets.get(keyword)!.set(next, target);
        waiting.push(target.schema);
      }
      // Depending on the scope, any anchor of that name may be the target.
      const { $dynamicAnchor } = next;
      if (typeof $dynamicAnchor !== "string" || sought.has($dynamicAnchor)) continue;
      sought.add($dynamicAnchor);
      for (const namesake of this.#dynamicAnchors.get($dynamicAnchor) ?? []) waiting.push(namesake);
    }
    return [...reachable];
  }

  *#resolve(reference: string, from: Node, keyword: string): CooperativeWork<Target | undefined> {
    const own = this.#resourceOf.get(from)!;
    const key = `${keyword} ${reference}`;
    if (!own.targets.has(key)) own.targets.set(key, yield* this.#find(reference, own, keyword));
    return own.targets.get(key);
  }

  *#find(reference: string, own: Resource, keyword: string): CooperativeWork<Target | undefined> {
    const { base, fragment } = address(reference, own.base) ?? {};
    const resource = base === own.base ? own : base === undefined ? undefined : this.#resources.get(base);
    if (resource === undefined || fragment === undefined) return undefined;
    if (fragment === "") return { schema: resource.root };
    if (!fragment.startsWith("/")) {
      const schema = resource.anchors.get(fragment);
      return (
        schema && {
          schema,
          dynamicAnchor: keyword === "$dynamicRef" && resource.dynamicAnchors.has(fragment) ? fragment : undefined,
        }
      );
    }
    return yield* this.#follow(fragment, resource);
  }

  *#follow(pointer: string, resource: Resource): CooperativeWork<Target | undefined> {
    let around = resource;
    const schema = followPointer(resource.root, pointer, (place) => {
      around = this.#resourceOf.get(place as Node) ?? around;
    });
    // A target under a keyword that the dialect does not know has not been read yet.
    if (isObject(schema) && !this.#resourceOf.has(schema))
      yield* this.#add(schema, `${this.#name}${pointer.replaceAll("/", ".")}`, around);
    return schema === undefined ? undefined : { schema };
  }

  /** Refuses schemas that apply each other to the same value in a cycle. */
  *#refuseLoops(reachable: readonly Node[]): CooperativeWork<void> {
    const over = new Set<Node>();
    let entered = 0;
    for (const start of reachable) {
      const open = new Set<Node>();
      const path: { readonly schema: Node; readonly next: readonly (readonly [Node, string])[]; at: number }[] = [];
      const enter = (schema: Node) => {
        entered++;
        const next = this.#sameValue(schema);
        if (next.length === 0) return void over.add(schema);
        open.add(schema);
        path.push({ schema, next, at: 0 });
      };
      if (!over.has(start)) enter(start);
      if (entered >= schemasAtOnce) {
        entered = 0;
        yield;
      }
      for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
        const step = last.next[last.at++];
        if (step === undefined) {
          over.add(last.schema);
          open.delete(last.schema);
          path.pop();
          continue;
        }
        const [schema, keyword] = step;
        if (over.has(schema)) continue;
        if (!open.has(schema)) enter(schema);
        else
          throw invalidSchema(
            "a reference that ends",
            `${this.#pathOf(last.schema)}.${keyword}`,
            `${describe(last.schema[keyword])}, which leads back to itself without going deeper`,
          );
      }
    }
  }

  #sameValue(schema: Node): (readonly [Node, string])[] {
    const found: (readonly [Node, string])[] = [];
    eachInside(schema, (inner, keyword) => {
      if (appliedHere.has(keyword) && isObject(inner)) found.push([inner, keyword]);
    });
    for (const keyword of ["$ref", "$dynamicRef"] as const) {
      const target = this.target(schema, keyword)?.schema;
      if (isObject(target)) found.push([target, keyword]);
    }
    return found;
  }

  /** The path of a schema, for errors only: it searches the whole schema. */
  #pathOf(schema: Node): string {
    let path: string | undefined;
    visitSchemas(this.root, this.#name, (inner, where) => {
      if (inner === schema) path ??= where;
    });
    return path ?? this.#name;
  }
}

/** A reference as the address of a resource and a fragment; undefined if it is no reference. */
function address(reference: string, base: string): { readonly base: string; readonly fragment: string } | undefined {
  const at = reference.indexOf("#");
  const [before, fragment] = at < 0 ? [reference, ""] : [reference.slice(0, at), reference.slice(at + 1)];
  try {
    return { base: before === "" ? base : new URL(before, base).href, fragment: decodeURIComponent(fragment) };
  } catch {
    return undefined;
  }
}
