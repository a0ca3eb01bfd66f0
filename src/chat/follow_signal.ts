// Following an AbortSignal that many replies may share: one listener on it however many follow, none when nobody does.
// (A listener for each would make Node warn of a leak from the eleventh on.)

type Reaction = (reason: unknown) => void;
const followers = new WeakMap<AbortSignal, Set<Reaction>>();

/** Calls `react` with the reason when the signal aborts, at once if it has. Gives the function that ends this. */
export function followSignal(signal: AbortSignal, react: Reaction): () => void {
  if (signal.aborted) {
    react(signal.reason);
    return () => {};
  }
  // A follower of its own, since one function may follow a signal twice.
  const follower: Reaction = (reason) => react(reason);
  const together = followers.get(signal) ?? new Set();
  together.add(follower);
  if (together.size === 1) {
    followers.set(signal, together);
    signal.addEventListener("abort", onAbort);
  }
  return () => {
    if (together.delete(follower) && together.size === 0) signal.removeEventListener("abort", onAbort);
  };
}

function onAbort(event: Event): void {
  const signal = event.target as AbortSignal;
  signal.removeEventListener("abort", onAbort);
  for (const follower of followers.get(signal) ?? []) follower(signal.reason);
}
