// Long work as a generator: at each `yield` other work may run.

export type Stretches<T> = Generator<void, T, void>;

/** Does all of it now. */
export function atOnce<T>(work: Stretches<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Shorter stretches are put together: a turn for each of a thousand small tools takes longer than they do. */
const shortestStretchMs = 10;

/** Waits for `turn` between its stretches, once they have taken some time. @throws what the work or `turn` throws */
export async function inTurns<T>(work: Stretches<T>, turn: () => Promise<void>): Promise<T> {
  let began = performance.now();
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - began < shortestStretchMs) continue;
    await turn();
    began = performance.now();
  }
}
