// Rules of schemas that may lead back to themselves.
import type { GbnfRules } from "./gbnf_rules.js";

export class RecursiveRules {
  readonly #rules: GbnfRules;
  /** Undefined: it allows nothing. */
  readonly #names = new Map<string, string | undefined>();
  readonly #used = new Set<string>();
  #isStale = false;

  constructor(rules: GbnfRules) {
    this.#rules = rules;
  }

  /** The rule of what has this key. `write`: its body, or undefined where it allows nothing. */
  once(key: string, write: () => string | undefined): string | undefined {
    if (this.#names.has(key)) {
      const known = this.#names.get(key);
      if (known !== undefined) this.#used.add(known);
      return known;
    }
    const name = this.#rules.reserve();
    this.#names.set(key, name);
    const body = write();
    if (body === undefined) {
      this.#names.set(key, undefined);
      if (!this.#used.has(name)) return undefined;
      this.#isStale = true;
    }
    this.#rules.set(name, body ?? '""');
    return body && name;
  }

  /**
   * Whether rules name one that turned out to allow nothing. All has to be written again then, with what is known now.
   */
  renew(): boolean {
    if (!this.#isStale) return false;
    this.#isStale = false;
    for (const [key, name] of this.#names) if (name !== undefined) this.#names.delete(key);
    return true;
  }
}
