// Describes the machine, and whether other programs run: llama.cpp's threads spin, so a second busy process falsifies
// all figures.
import { cpus, loadavg, totalmem } from "node:os";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export function describeMachine() {
  const [first] = cpus();
  const summary = `${first?.model.trim() ?? "unknown processor"}, ${cpus().length} processors, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  return { summary, platform: `${process.platform}-${process.arch}`, processors: cpus().length };
}

/** Waits until the processors are idle for a second; says so when they are not. Needs /proc, else trusts. */
export async function waitUntilQuiet() {
  for (let attempt = 0; attempt < 120; attempt++) {
    const before = await busyTicks();
    await sleep(1000);
    const after = await busyTicks();
    if (!before || !after || (after.busy - before.busy) / (after.total - before.total) < 0.1) return;
    if (attempt % 10 === 0) process.stderr.write(`waiting for a quiet machine (load ${loadavg()[0]?.toFixed(1)})\n`);
  }
  process.stderr.write("the machine is busy: the figures below are not to be trusted\n");
}

async function busyTicks() {
  const text = await readFile("/proc/stat", "utf8").catch(() => undefined);
  const fields = text?.split("\n", 1)[0]?.trim().split(/\s+/).slice(1).map(Number);
  if (!fields) return undefined;
  const total = fields.reduce((sum, value) => sum + value, 0);
  return { total, busy: total - /** @type {number} */ (fields[3]) - (fields[4] ?? 0) };
}
