// The targets of the references in one schema, and which of its schemas are recursive.
import { eachInside, step, visitSchemas, type JsonSchema } from "../json_schema.js";
import { followPointer } from "./json_pointer.js";
import { isObject } from "../../json_object.js";

type Node = Record<string, unknown>;

/** The target of a reference, and its path from the root: `.properties.a`. */
export interface Target {
  readonly schema: unknown;
  readonly path: string;
}

export class SchemaReferences {
  readonly #root: JsonSchema;
  readonly #anchors = new Map<string, Target>();
  /** A schema in here has its own base address for references. */
  readonly #hasOtherBases: boolean;
  readonly #targets = new Map<string, Target | undefined>();
  #known: Cycles | undefined;

  constructor(root: JsonSchema) {
    this.#root = root;
    let bases = 0;
    let anchors = 0;
    const look = (schema: unknown): void => {
      if (!isObject(schema)) return;
      const { $id } = schema;
      if (typeof $id === "string" && !$id.startsWith("#") && schema !== root) bases++;
      if ("$anchor" in schema || "$dynamicAnchor" in schema || $id !== undefined) anchors++;
      eachInside(schema, look);
    };
    look(root);
    this.#hasOtherBases = bases > 0;
    if (anchors === 0) return;
    visitSchemas(root, "", (schema, path) => {
      const { $id, $anchor, $dynamicAnchor } = schema;
      for (const anchor of [$anchor, $dynamicAnchor])
        if (typeof anchor === "string") this.#anchors.set(anchor, { schema, path });
      if (typeof $id === "string" && $id.startsWith("#")) this.#anchors.set($id.slice(1), { schema, path });
    });
  }

  /**
   * The target of a `$ref`; undefined if it is outside of the schema, or if its base address is not the root's.
   */
  resolve(reference: string): Target | undefined {
    if (this.#targets.has(reference)) return this.#targets.get(reference);
    const target = this.#resolve(reference);
    this.#targets.set(reference, target);
    return target;
  }

  #resolve(reference: string): Target | undefined {
    if (this.#hasOtherBases || !reference.startsWith("#")) return undefined;
    let fragment: string;
    try {
      fragment = decodeURIComponent(reference.slice(1));
    } catch {
      return undefined;
    }
    return fragment === "" || fragment.startsWith("/") ? this.#follow(fragment) : this.#anchors.get(fragment);
  }

  #follow(pointer: string): Target | undefined {
    let path = "";
    const schema = followPointer(this.#root, pointer, (_, key) => (path += step(key)));
    return schema === undefined ? undefined : { schema, path };
  }

  /** Whether the references from here are recursive. */
  recurs(schema: unknown): boolean {
    return this.#cycles().recurring.has(schema);
  }

  /**
   * Whether a schema and one that it reaches, by nesting or by references, reach each other: both are in one cycle.
   */
  share(schema: unknown, other: unknown): boolean {
    const { cycleOf } = this.#cycles();
    const cycle = cycleOf.get(schema);
    return cycle !== undefined && cycle === cycleOf.get(other);
  }

  /**
   * All cycles at once, by Tarjan's algorithm without recursion: searching from each schema takes quadratic time.
   */
  #cycles(): Cycles {
    if (this.#known !== undefined) return this.#known;
    const cycleOf = new Map<unknown, number>();
    const recurring = new Set<unknown>();
    const order = new Map<Node, { readonly index: number; low: number; isOpen: boolean }>();
    const open: Node[] = [];
    const path: { readonly schema: Node; readonly next: readonly Node[]; at: number }[] = [];
    const enter = (schema: Node) => {
      order.set(schema, { index: order.size, low: order.size, isOpen: true });
      open.push(schema);
      path.push({ schema, next: this.#successors(schema), at: 0 });
    };
    enter(this.#root as Node);
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const state = order.get(last.schema)!;
      const next = last.next[last.at++];
      if (next !== undefined) {
        const known = order.get(next);
        if (known === undefined) enter(next);
        else if (known.isOpen) state.low = Math.min(state.low, known.index);
        continue;
      }
      path.pop();
      const above = path.at(-1);
      if (above !== undefined) order.get(above.schema)!.low = Math.min(order.get(above.schema)!.low, state.low);
      if (state.low !== state.index) continue;
      const members = open.splice(open.lastIndexOf(last.schema));
      const isCycle = members.length > 1 || last.next.includes(last.schema);
      for (const member of members) {
        order.get(member)!.isOpen = false;
        if (isCycle) cycleOf.set(member, state.index);
      }
      // All schemas that they reach are finished by now.
      if (isCycle || last.next.some((inner) => recurring.has(inner)))
        for (const member of members) recurring.add(member);
    }
    return (this.#known = { cycleOf, recurring });
  }

  #successors(schema: Node): Node[] {
    const found: Node[] = [];
    const target = typeof schema["$ref"] === "string" ? this.resolve(schema["$ref"])?.schema : undefined;
    if (isObject(target)) found.push(target);
    eachInside(schema, (inner) => {
      if (isObject(inner)) found.push(inner);
    });
    return found;
  }
}

interface Cycles {
  /** The cycle of every recursive schema. */
  readonly cycleOf: ReadonlyMap<unknown, number>;
  /** Recursive schemas, and all schemas that reach one. */
  readonly recurring: ReadonlySet<unknown>;
}
