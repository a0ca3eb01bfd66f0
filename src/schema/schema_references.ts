// Where the references of one schema lead, and which of its schemas lead back to themselves.
import { isObject, visitSchemas, type JsonSchema } from "./json_schema.js";

type Node = Record<string, unknown>;

/** A schema that a reference leads to, and the path to it from the root: `.properties.a`. */
export interface Target {
  readonly schema: unknown;
  readonly path: string;
}

export class SchemaReferences {
  readonly #root: JsonSchema;
  readonly #paths = new Map<unknown, string>();
  readonly #anchors = new Map<string, Node>();
  /** A schema in here has a base of its own, against which its references are read. */
  readonly #hasOtherBases: boolean;
  readonly #cyclic = new Map<unknown, boolean>();
  readonly #reachable = new Map<unknown, Set<unknown>>();

  constructor(root: JsonSchema) {
    this.#root = root;
    let bases = 0;
    visitSchemas(root, "", (schema, path) => {
      this.#paths.set(schema, path);
      const { $id, $anchor, $dynamicAnchor } = schema;
      for (const anchor of [$anchor, $dynamicAnchor]) if (typeof anchor === "string") this.#anchors.set(anchor, schema);
      if (typeof $id === "string" && $id.startsWith("#")) this.#anchors.set($id.slice(1), schema);
      else if (typeof $id === "string" && schema !== root) bases++;
    });
    this.#hasOtherBases = bases > 0;
  }

  /** The schema that a `$ref` leads to; undefined where it leads out of the schema, or where its base is not the root's. */
  resolve(reference: string): Target | undefined {
    if (this.#hasOtherBases || !reference.startsWith("#")) return undefined;
    let fragment: string;
    try {
      fragment = decodeURIComponent(reference.slice(1));
    } catch {
      return undefined;
    }
    const found = fragment === "" || fragment.startsWith("/") ? this.#follow(fragment) : this.#anchors.get(fragment);
    if (!isObject(found) && typeof found !== "boolean") return undefined;
    return { schema: found, path: this.#paths.get(found) ?? reference };
  }

  #follow(pointer: string): unknown {
    let place: unknown = this.#root;
    for (const part of pointer.split("/").slice(1)) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (Array.isArray(place)) place = place[Number(key)];
      else place = isObject(place) && Object.hasOwn(place, key) ? place[key] : undefined;
    }
    return place;
  }

  /** The schemas inside a schema, one level down, and where its reference leads. */
  #next(schema: Node): unknown[] {
    const inside: unknown[] = [];
    visitSchemas(schema, "", (inner) => {
      if (inner !== schema) inside.push(inner);
      const target = typeof inner["$ref"] === "string" ? this.resolve(inner["$ref"]) : undefined;
      if (target !== undefined) inside.push(target.schema);
    });
    return inside;
  }

  /** Whether following references from here can go on for ever. */
  recurs(schema: unknown): boolean {
    return this.#recurs(schema, new Set());
  }

  #recurs(schema: unknown, parents: Set<unknown>): boolean {
    if (!isObject(schema)) return false;
    const known = this.#cyclic.get(schema);
    if (known !== undefined) return known;
    if (parents.has(schema)) return true;
    parents.add(schema);
    const recurs = this.#targets(schema).some((target) => this.#recurs(target, parents));
    parents.delete(schema);
    this.#cyclic.set(schema, recurs);
    return recurs;
  }

  /** Only what references lead to: nesting alone always ends. */
  #targets(schema: Node): unknown[] {
    const targets: unknown[] = [];
    visitSchemas(schema, "", ({ $ref }) => {
      const target = typeof $ref === "string" ? this.resolve($ref) : undefined;
      if (target !== undefined) targets.push(target.schema);
    });
    return targets;
  }

  /** Whether `inner` can be come to from `schema`, by nesting and by references. */
  reaches(schema: unknown, inner: unknown): boolean {
    let reached = this.#reachable.get(schema);
    if (reached === undefined) {
      reached = new Set([schema]);
      const waiting = [schema];
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        if (!isObject(next)) continue;
        for (const found of this.#next(next)) if (!reached.has(found)) reached.add(found), waiting.push(found);
      }
      this.#reachable.set(schema, reached);
    }
    return reached.has(inner);
  }
}
