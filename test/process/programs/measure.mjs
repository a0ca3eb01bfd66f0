// Measures the memory of this process after a garbage collection.
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapStatistics } from "node:v8";

/** `native`: all of the process but V8's own heap, whose code for hot functions comes late. */
export async function measure(when) {
  for (let n = 0; n < 4; n++) {
    globalThis.gc();
    await sleep(20);
  }
  const { rss, external, heapUsed } = process.memoryUsage();
  return { ...when, native: rss - getHeapStatistics().total_physical_size, external, heapUsed };
}
