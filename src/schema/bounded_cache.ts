// A cache of values that can be made again, bounded by their total size.

export class BoundedCache<V> {
  readonly #most: number;
  readonly #largest: number;
  /** The last used last. */
  readonly #entries = new Map<string, { readonly value: V; readonly size: number }>();
  #size = 0;

  /**
   * `most`: of the sizes of all entries together, in whatever unit they are given; `largest`: of one, which is not kept
   * beyond that.
   */
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

  /** Those that were not used for longest give way. */
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
