// Types of seeded.mjs.

export interface Seeded {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from 0 up to `limit`, without it. */
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
}

export function seeded(seed: number): Seeded;
