// Two set-ups of one checkout, or two builds in one tree, would write into each other's files: the second waits.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { cacheFolder } from "./paths.mjs";

/**
 * @template Result
 * @param {string} name what is locked
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withLock(name, work) {
  makeCacheFolder();
  const file = path.join(cacheFolder, `${name}.lock`);
  let told = false;
  while (!take(file)) {
    if (!told) process.stderr.write(`Another ${name} in this checkout is under way: waiting for it …\n`);
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

/** Not `recursive`: on a read-only file system that one says ENOENT. */
function makeCacheFolder() {
  try {
    mkdirSync(cacheFolder);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
  }
}

function take(/** @type {string} */ file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
  }
  if (!holderLives(file)) rmSync(file, { force: true });
  return false;
}

function holderLives(/** @type {string} */ file) {
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
