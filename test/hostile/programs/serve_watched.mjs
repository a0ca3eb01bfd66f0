// A server in a process of its own that tells how long its event loop was held up. `node serve_watched.mjs MODEL`,
// started with a channel: it sends its address, and for each message the longest stretch since the one before, in
// milliseconds of its thread's processor time, which other programs on the machine don't lengthen.
import { readFileSync } from "node:fs";
import { load } from "../../../dist/index.js";
import { createHandler, listen } from "../../../dist/server/index.js";

const model = await load(process.argv[2], { contextSize: 8_192, threads: 1, prefixFolder: false });
const server = await listen(createHandler({ models: { m: model }, onError: (error) => console.error(error) }), {
  port: 0,
});

const cpuMs = chooseClock();
let last = cpuMs();
let longest = 0;
// Asked in each iteration of the loop that takes longer; short ones are put together, since going round without end
// would cost more.
const watch = () => {
  const now = cpuMs();
  longest = Math.max(longest, now - last);
  last = now;
  setTimeout(watch, 2);
};
watch();
// Not within the very stretch that is asked about.
process.on("message", () =>
  setTimeout(() => {
    process.send(longest);
    longest = 0;
  }, 10),
);
process.on("disconnect", () => process.exit());
process.send(server.url);

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

function sum({ user, system }) {
  return user + system;
}
