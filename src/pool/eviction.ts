// Whether a model fits beside those that hold memory, and which of them would have to go.

/** A model that holds memory, or will. */
export interface Holder {
  readonly bytes: number;
  /** `loading`: has not taken all of it yet. `leaving`: will give it back soon. */
  readonly stage: "loading" | "loaded" | "leaving";
  readonly isIdle: boolean;
  /** Larger is later. */
  readonly lastUsed: number;
}

export interface Limits {
  readonly maxBytes: number;
  readonly maxModels: number;
  /** What this machine has left. Other programs use it too. */
  readonly availableBytes: number;
}

export interface EvictionPlan<H extends Holder> {
  readonly fits: boolean;
  /** Those that have to go if it does not fit: idle ones before others, the least recently used first. */
  readonly victims: readonly H[];
}

/** What has to go for a model that needs so many bytes, and alone no more than `maxBytes`. */
export function planEviction<H extends Holder>(bytes: number, holders: readonly H[], limits: Limits): EvictionPlan<H> {
  const sum = (of: readonly Holder[]) => of.reduce((total, holder) => total + holder.bytes, 0);
  const loading = holders.filter(({ stage }) => stage === "loading");
  const missingBytes = Math.max(sum(holders) + bytes - limits.maxBytes, sum(loading) + bytes - limits.availableBytes);
  const missingModels = holders.length + 1 - limits.maxModels;
  const suffice = (gone: readonly Holder[]) => sum(gone) >= missingBytes && gone.length >= missingModels;
  // Alone it is tried in any case: loading says best what is missing.
  if (holders.length === 0 || suffice([])) return { fits: true, victims: [] };
  const leaving = holders.filter(({ stage }) => stage === "leaving");
  const candidates = holders
    .filter(({ stage }) => stage === "loaded")
    .sort((a, b) => Number(b.isIdle) - Number(a.isIdle) || a.lastUsed - b.lastUsed);
  let victims: readonly H[] = [];
  for (const holder of candidates) {
    if (suffice([...leaving, ...victims])) break;
    victims = [...victims, holder];
  }
  // A small one need not go where a larger one has to as well.
  for (const holder of victims) {
    const others = victims.filter((other) => other !== holder);
    if (suffice([...leaving, ...others])) victims = others;
  }
  return { fits: false, victims };
}
