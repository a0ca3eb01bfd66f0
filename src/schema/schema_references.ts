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
  readonly #looping = new Map<unknown, boolean>();
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

  /** Whether references lead back to the same place without going deeper: such a schema says nothing. */
  loops(schema: unknown, parents: readonly unknown[] = []): boolean {
    if (!isObject(schema)) return false;
    if (parents.includes(schema)) return true;
    const known = this.#looping.get(schema);
    if (known !== undefined) return known;
    const { $ref, allOf, anyOf, oneOf } = schema;
    const target = typeof $ref === "string" ? this.resolve($ref)?.schema : undefined;
    const here = [target, ...[allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list as unknown[] : []))];
    const loops = here.some((inner) => this.loops(inner, [...parents, schema]));
    this.#looping.set(schema, loops);
    return loops;
  }

  /** Whether `inner` can be come to from `schema`, by nesting or by references; from itself only by going round. */
  reaches(schema: unknown, inner: unknown): boolean {
    let reached = this.#reachable.get(schema);
    if (reached === undefined) {
      const found = new Set<unknown>();
      const waiting = [schema];
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const from = next;
        visitSchemas(from, "", (nested) => {
          if (nested !== from) found.add(nested);
          const target = typeof nested["$ref"] === "string" ? this.resolve(nested["$ref"])?.schema : undefined;
          if (target === undefined || found.has(target)) return;
          found.add(target);
          waiting.push(target);
        });
      }
      this.#reachable.set(schema, reached = found);
    }
    return reached.has(inner);
  }
}
