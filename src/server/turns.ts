// Turns for work that occupies the event loop: reading a large request takes some tens of milliseconds, and many may
// arrive at once.
import { setImmediate } from "node:timers/promises";
import type { Reply } from "../index.js";

let last: Promise<void> = Promise.resolve();

/** Resolves after all earlier waiters, and after new requests (such as `/health`) have been accepted. */
export function turn(): Promise<void> {
  return (last = last.then(() => setImmediate()));
}

/** The same for an answer: ends with the signal's reason where nobody waits for it any more. */
export const turnsOf = (signal: AbortSignal) => async (): Promise<void> => {
  await turn();
  signal.throwIfAborted();
};

/** Of reading the same request for several answers, until others get their turn. */
const longestSliceMs = 10;

/**
 * Begins all answers of one request. Those that are quickly begun begin together: the same company each time gives the
 * same texts for a seed.
 */
export async function beginInTurns<T extends Reply>(count: number, begin: (index: number) => T): Promise<T[]> {
  const replies: T[] = [];
  let began = performance.now();
  for (let index = 0; index < count; index++) {
    if (performance.now() - began > longestSliceMs) {
      await turn();
      began = performance.now();
    }
    replies.push(begin(index));
  }
  return replies;
}
