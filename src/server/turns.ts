// Whose turn it is to hold the event loop up: reading a large request takes some tens of milliseconds, and many may
// come at once.
import { setImmediate } from "node:timers/promises";

let last: Promise<void> = Promise.resolve();

/**
 * Resolves when what waited before has had its turn, and what has arrived since has been looked at: `/health` among it.
 */
export function turn(): Promise<void> {
  return (last = last.then(() => setImmediate()));
}

/** The same for an answer: ends with the signal's reason where nobody waits for it any more. */
export const turnsOf = (signal: AbortSignal) => async (): Promise<void> => {
  await turn();
  signal.throwIfAborted();
};
