// Keeps a thread busy for a share of the time.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const periodMs = 50;

/** This thread, between whatever else it does. @param {number} share 0 to 1 @returns {() => void} stops it */
export function keepBusy(share) {
  if (share === 0) return () => {};
  let stopped = false;
  const work = () => {
    if (stopped) return;
    const until = performance.now() + periodMs * share;
    while (performance.now() < until);
    setTimeout(work, periodMs * (1 - share));
  };
  work();
  return () => (stopped = true);
}

/** Another process. @param {number} share @returns {() => void} ends it */
export function keepBusyElsewhere(share) {
  const child = fork(fileURLToPath(import.meta.url), [String(share)]);
  return () => void child.kill("SIGKILL");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) keepBusy(Number(process.argv[2]));
