// Waiting for something that comes about by itself, on a machine that may be busy with other things.
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

const longestMs = 60_000;

/** Waits until it is so. Throws after a minute: later than on the busiest machine, and before the test's own limit. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + longestMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`It did not come about in ${longestMs / 1000} s: ${isSo}`);
    await sleep(5);
  }
}

/** Gives everything else in this process so many turns of the event loop, which no load makes fewer. */
export async function turns(count: number): Promise<void> {
  for (let done = 0; done < count; done++) await turn();
}
