// Two set-ups of one checkout at once would build into each other's files: the second waits.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { cacheFolder } from "./paths.mjs";

const file = path.join(cacheFolder, "setup.lock");

/** @template Result @param {() => Promise<Result>} work @returns {Promise<Result>} */
export async function withSetupLock(work) {
  mkdirSync(cacheFolder, { recursive: true });
  let told = false;
  while (!take()) {
    if (!told) process.stderr.write("Another set-up of this checkout is under way: waiting for it …\n");
    told = true;
    await sleep(300);
  }
  const release = () => rmSync(file, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

function take() {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
  }
  if (!holderLives()) rmSync(file, { force: true });
  return false;
}

function holderLives() {
  let holder = 0;
  try {
    holder = Number(readFileSync(file, "utf8"));
  } catch {
    return true;
  }
  // Just created and not yet written.
  if (holder === 0) return true;
  try {
    process.kill(holder, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH";
  }
}
