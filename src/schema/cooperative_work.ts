// Cooperative multitasking: long work is a generator, and at each `yield` other work may run. What it does between two
// of them is a time slice.
import { setImmediate } from "node:timers/promises";

export type CooperativeWork<T> = Generator<void, T, void>;

/** Does all of the work at once. */
export function atOnce<T>(work: CooperativeWork<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Shorter slices are combined: one turn of the event loop for each small tool would take longer than the work. */
const shortestSliceMs = 10;

let last: Promise<void> = Promise.resolve();

/** Resolves after all earlier waiters, each in an iteration of the event loop of its own. */
const nextTurn = (): Promise<void> => (last = last.then(() => setImmediate()));

/**
 * Waits for `turn` before its first slice, since much such work may begin at the same time, and then whenever its
 * slices have taken some time. @throws what the work or `turn` throws
 */
export async function inTurns<T>(work: CooperativeWork<T>, turn = nextTurn): Promise<T> {
  await turn();
  let began = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - began < shortestSliceMs) continue;
    await turn();
    began = performance.now();
  }
}
