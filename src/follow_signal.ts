// Following an AbortSignal that many may share: one listener on it however many follow, none when nobody does.
// (A listener for each would make Node warn of a leak from the eleventh on.)

type Reaction = (reason: unknown) => void;

/** Those who follow one signal. */
class Followers {
  readonly #signal: AbortSignal;
  readonly #reactions = new Set<Reaction>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(react: Reaction): () => void {
    // A follower of its own, since one function may follow a signal twice.
    const follower: Reaction = (reason) => react(reason);
    if (this.#reactions.size === 0) this.#signal.addEventListener("abort", this.#onAbort);
    this.#reactions.add(follower);
    return () => {
      if (this.#reactions.delete(follower) && this.#reactions.size === 0)
        this.#signal.removeEventListener("abort", this.#onAbort);
    };
  }

  readonly #onAbort = () => {
    this.#signal.removeEventListener("abort", this.#onAbort);
    const told = [...this.#reactions];
    this.#reactions.clear();
    for (const react of told) react(this.#signal.reason);
  };
}

const followers = new WeakMap<AbortSignal, Followers>();

/**
 * Calls `react` with the reason when the signal aborts, at once if it has. Gives the function that ends this. No signal
 * never aborts.
 */
export function followSignal(signal: AbortSignal | undefined, react: Reaction): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    react(signal.reason);
    return () => {};
  }
  let together = followers.get(signal);
  if (together === undefined) followers.set(signal, (together = new Followers(signal)));
  return together.add(react);
}

/** Waits so long, or rejects with the signal's reason as soon as it aborts. */
export async function sleepUnlessAborted(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let end = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, milliseconds);
      const unfollow = followSignal(signal, reject);
      end = () => {
        clearTimeout(timer);
        unfollow();
      };
    });
  } finally {
    end();
  }
}

/**
 * The result of the work, or the signal's reason as soon as it aborts. A later result or error of the work is ignored.
 */
export async function unlessAborted<T>(work: () => T | Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw signal.reason;
  let unfollow = () => {};
  const aborted = new Promise<never>((_, reject) => (unfollow = followSignal(signal, reject)));
  try {
    return await Promise.race([(async () => work())(), aborted]);
  } finally {
    unfollow();
  }
}
