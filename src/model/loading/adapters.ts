// The adapters (LoRA) of a loaded model, by their names, and the option by which a request chooses among them.
import path from "node:path";
import type { AdapterUse, Engine } from "../../engine/engine.js";
import { CaduceusError, invalidArgument, reading } from "../../errors.js";
import { checkOptions, checkText, nearestName } from "../../options/option_checks.js";

/** An adapter to be loaded. */
export interface AdapterOptions {
  /** Path of its GGUF file, as llama.cpp's `convert_lora_to_gguf.py` writes it. */
  readonly path: string;
  /** Name by which requests choose it. Text of 1 to 200 characters. Defaults to the file's name without `.gguf`. */
  readonly name?: string | undefined;
  /**
   * Scale with which requests use it that do not choose adapters. A finite number; 0 leaves it to the requests that
   * name it. Defaults to 1.
   */
  readonly scale?: number | undefined;
}

/** An adapter that is loaded. */
export interface Adapter {
  readonly name: string;
  readonly path: string;
  /** Scale with which requests use it that do not choose adapters. */
  readonly scale: number;
  /** Size of its file. */
  readonly sizeBytes: number;
}

/** How a request uses an adapter. */
export interface AdapterChoice {
  readonly name: string;
  /** A finite number. Defaults to 1. */
  readonly scale?: number | undefined;
}

/** Each takes a place in llama.cpp's graphs, used or not. */
const mostAdapters = 64;

export interface CheckedAdapter {
  readonly path: string;
  readonly name: string;
  readonly scale: number;
}

export class Adapters {
  readonly #engine: Engine;
  readonly #loaded = new Map<string, Adapter & { readonly id: number }>();
  /** Names of those that are being loaded. */
  readonly #loading = new Set<string>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  list(): Adapter[] {
    return [...this.#loaded.values()].map(({ id, ...adapter }) => adapter);
  }

  async add({ name, path, scale }: CheckedAdapter): Promise<Adapter> {
    if (this.#loaded.has(name) || this.#loading.has(name))
      throw invalidArgument("a name that no other adapter of this model has", "name", name);
    if (this.#loaded.size + this.#loading.size >= mostAdapters)
      throw new CaduceusError("INVALID_ARGUMENT", `The model has ${mostAdapters} adapters, which is the most.`, {
        remedy: "Remove one first.",
      });
    this.#loading.add(name);
    try {
      const { id, sizeBytes } = await this.#engine.addAdapter(path);
      const adapter = { name, path, scale, sizeBytes };
      this.#loaded.set(name, { ...adapter, id });
      return adapter;
    } finally {
      this.#loading.delete(name);
    }
  }

  remove(name: unknown): void {
    const { id, name: known } = this.#find(name, "name");
    this.#loaded.delete(known);
    this.#engine.removeAdapter(id);
  }

  setScale(name: unknown, scale: unknown): void {
    const adapter = this.#find(name, "name");
    this.#loaded.set(adapter.name, { ...adapter, scale: checkScale(scale, "scale") });
  }

  /** What the option `adapter` of a request means to the engine. */
  resolve(value: unknown): AdapterUse[] {
    if (value === undefined)
      return [...this.#loaded.values()].filter(({ scale }) => scale !== 0).map(({ id, scale }) => ({ id, scale }));
    return reading("adapter", () => {
      const list = Array.isArray(value) ? Array.from(value as unknown[]) : [value];
      if (list.length > mostAdapters) throw invalidArgument(`at most ${mostAdapters} adapters`, "adapter", value);
      const uses = list.map((one, index) => this.#choose(one, Array.isArray(value) ? `adapter[${index}]` : "adapter"));
      const twice = uses.findIndex(({ id }, index) => uses.findIndex((other) => other.id === id) !== index);
      if (twice !== -1) throw invalidArgument("each adapter once", `adapter[${twice}]`, list[twice]);
      return uses;
    });
  }

  #choose(value: unknown, place: string): AdapterUse {
    if (typeof value === "string") return { id: this.#find(value, place).id, scale: 1 };
    if (typeof value !== "object" || value === null)
      throw invalidArgument(
        "the name of an adapter, an object with name and scale, or an array of these",
        place,
        value,
      );
    const { name, scale } = checkOptions(value, place, ["name", "scale"]);
    return {
      id: this.#find(name, `${place}.name`).id,
      scale: scale === undefined ? 1 : checkScale(scale, `${place}.scale`),
    };
  }

  #find(value: unknown, place: string) {
    const name = checkText(value, place);
    const adapter = this.#loaded.get(name);
    if (adapter !== undefined) return adapter;
    const names = [...this.#loaded.keys()];
    const nearest = nearestName(name, names);
    throw invalidArgument("the name of an adapter of this model", place, name, {
      remedy:
        nearest !== undefined
          ? `Did you mean ${nearest}?`
          : names.length === 0
            ? "It has none."
            : `It has ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}.`,
    });
  }
}

/** Also the option `adapters` of `load`. */
export function checkAdapters(value: unknown): CheckedAdapter[] {
  if (value === undefined) return [];
  return reading("adapters", () => {
    if (!Array.isArray(value)) throw invalidArgument("an array of adapters", "adapters", value);
    if (value.length > mostAdapters) throw invalidArgument(`at most ${mostAdapters} adapters`, "adapters", value);
    const adapters = Array.from(value as unknown[], (one, index) => checkAdapter(one, `adapters[${index}]`));
    const twice = adapters.findIndex(({ name }, at) => adapters.findIndex((other) => other.name === name) !== at);
    if (twice !== -1)
      throw invalidArgument("a name that no other adapter has", `adapters[${twice}].name`, adapters[twice]!.name);
    return adapters;
  });
}

export function checkAdapter(value: unknown, place?: string): CheckedAdapter {
  const named = (name: string) => (place === undefined ? name : `${place}.${name}`);
  if (typeof value !== "object" || value === null)
    throw invalidArgument("an object with the path of an adapter", place ?? "the options of addAdapter", value, {
      param: place ?? "options",
    });
  const options = checkOptions(value, place ?? "addAdapter", ["path", "name", "scale"]);
  const file = checkText(options["path"], named("path"));
  if (file.trim() === "" || file.includes("\0")) throw invalidArgument("the path of a file", named("path"), file);
  const name = checkText(options["name"] ?? path.basename(file).replace(/\.gguf$/i, ""), named("name"));
  if (name === "" || name.length > 200) throw invalidArgument("a name of 1 to 200 characters", named("name"), name);
  return {
    path: path.resolve(file),
    name,
    scale: options["scale"] === undefined ? 1 : checkScale(options["scale"], named("scale")),
  };
}

function checkScale(value: unknown, place: string): number {
  // The engine has 32 bits for it.
  if (typeof value === "number" && Number.isFinite(Math.fround(value))) return Math.fround(value) === 0 ? 0 : value;
  throw invalidArgument("a finite number", place, value);
}
