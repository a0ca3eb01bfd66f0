// A lock between processes: a file that its holder keeps touching. One whose holder died goes stale and is taken over.
import { open, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { sleepUnlessAborted } from "../../follow_signal.js";
import { whileBusy } from "../../system/busy_file.js";
import { readRegularFile } from "./read_regular_file.js";

const touchEveryMs = 2_000;
const staleAfterMs = 15_000;
const pollEveryMs = 200;

/**
 * Runs `work` while holding the lock. `done` is asked whenever somebody else holds it and ends the wait when true,
 * since the other's work may have been the same. Not a guard of correctness: after a takeover two may run for a moment.
 * @returns what `work` gave, or undefined when `done` ended the wait
 */
export async function withFileLock<Result>(
  file: string,
  signal: AbortSignal | undefined,
  done: () => Promise<boolean>,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  while (!(await take(file))) {
    await sleepUnlessAborted(pollEveryMs, signal);
    if (await done()) return undefined;
  }
  const touch = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, touchEveryMs);
  touch.unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    await whileBusy(() => rm(file, { force: true }));
  }
}

async function take(file: string): Promise<boolean> {
  try {
    const handle = await whileBusy(() => open(file, "wx"));
    await handle.writeFile(`${process.pid} ${hostname()}\n`);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  if (await isStale(file)) {
    // Renaming decides between several that noticed it at once.
    const stale = `${file}.stale.${process.pid}.${Date.now()}`;
    await rename(file, stale)
      .then(() => rm(stale, { force: true }))
      .catch(() => {});
  }
  return false;
}

/** Its holder is known to be dead, or has not touched it for long (on another machine, or just created and empty). */
async function isStale(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return false;
  if (Date.now() - found.mtimeMs > staleAfterMs) return true;
  const [pid, host] = (await readRegularFile(file)).trim().split(" ");
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
