// How long the event loop of this thread is held up at a time, in the processor's time of the thread: other programs on
// the machine don't lengthen it.
import { readFileSync } from "node:fs";

/** Begins to watch. */
export function watchLoop() {
  const cpuMs = chooseClock();
  let last = cpuMs();
  let longest = 0;
  /** @type {NodeJS.Timeout} */
  let timer;
  // Asked in each iteration of the loop that takes longer; short ones are put together, since going round without end
  // would cost more.
  const watch = () => {
    const now = cpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    timer = setTimeout(watch, 2);
  };
  watch();
  return {
    /** The longest stretch since this was asked before, in milliseconds. Not of the stretch in which it is asked. */
    async longestMs() {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const told = longest;
      longest = 0;
      return told;
    },
    end: () => clearTimeout(timer),
  };
}

/** Of this thread where the system tells, else of the process, whose other threads then count as well. */
function chooseClock() {
  if (process.threadCpuUsage !== undefined) return () => sum(process.threadCpuUsage()) / 1e3;
  try {
    // In nanoseconds, up to the last tick of the system's clock.
    const ofThread = () => Number(readFileSync("/proc/self/schedstat", "utf8").split(" ")[0]) / 1e6;
    if (ofThread() > 0) return ofThread;
  } catch {
    // No Linux.
  }
  return () => sum(process.cpuUsage()) / 1e3;
}

/** @param {NodeJS.CpuUsage} usage */
function sum({ user, system }) {
  return user + system;
}
