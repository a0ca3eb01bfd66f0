/**
 * Reads from `at` on, step by step, while `isReading`. A step gives the place behind what it read, or undefined where
 * more of the text has to come. Gives where what is left begins.
 */
export function readSteps(at: number, step: (from: number) => number | undefined, isReading: () => boolean): number {
  let from = at;
  for (;;) {
    const next = step(from);
    if (next === undefined) return from;
    from = next;
    if (!isReading()) return from;
  }
}
