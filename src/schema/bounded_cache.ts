// A cache of values that can be made again, bounded by their total size.

export class BoundedCache<V> {
  readonly #most: number;
  readonly #largest: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, { readonly value: V; readonly size: number }>();
  #size = 0;

  /** `most`: bound on the sum of all sizes. `largest`: entries above this size are not stored. */
  constructor({ most, largest }: { readonly most: number; readonly largest: number }) {
    this.#most = most;
    this.#largest = largest;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Evicts the least recently used entries until the new one fits. */
  set(key: string, value: V, size: number): void {
    this.#delete(key);
    if (size > this.#largest) return;
    this.#entries.set(key, { value, size });
    this.#size += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= this.#most) return;
      this.#delete(oldest);
    }
  }

  #delete(key: string): void {
    this.#size -= this.#entries.get(key)?.size ?? 0;
    this.#entries.delete(key);
  }
}
