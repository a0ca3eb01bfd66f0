// A place in the checked value, and what has been computed for it.
import { canonicalJson } from "../canonical_json.js";
import { step } from "../json_schema.js";
import type { Node } from "./schema_index.js";

/** A place in a value. There is one object for each place, so that results can be stored by place. */
export class Place {
  readonly value: unknown;
  readonly #above: Place | undefined;
  readonly #key: string | number;
  #parts: Map<string | number, Place> | undefined;
  #canonical: string | undefined;

  constructor(value: unknown, above?: Place, key: string | number = "") {
    this.value = value;
    this.#above = above;
    this.#key = key;
  }

  part(key: string | number): Place {
    this.#parts ??= new Map();
    let part = this.#parts.get(key);
    if (part === undefined) this.#parts.set(key, (part = new Place((this.value as Node)[key], this, key)));
    return part;
  }

  get path(): string {
    let path = "";
    for (let place: Place = this; place.#above !== undefined; place = place.#above) path = step(place.#key) + path;
    return path;
  }

  get canonical(): string {
    return (this.#canonical ??= canonicalJson(this.value));
  }
}
