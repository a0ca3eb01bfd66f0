// The processes that isolated models run in, found as the system knows them (Linux).
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Processes of engines whose parent is this one, or another. */
export function enginesOf(parent: number = process.pid): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const [, comm, ppid] = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, "utf8"))!;
      const isEngine =
        comm!.startsWith("caduceus") || readFileSync(`/proc/${name}/cmdline`, "utf8").includes("host_program");
      return Number(ppid) === parent && isEngine ? [Number(name)] : [];
    } catch {
      return []; // It has ended meanwhile.
    }
  });
}

/** Waits until it is gone, and its parent knows; false if it does not go. */
export async function isGone(pid: number, milliseconds = 60_000): Promise<boolean> {
  for (let waited = 0; waited < milliseconds; waited += 20) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await sleep(20);
  }
  return false;
}

/** The one engine of this process, once there is one other than `old`. */
export async function nextEngine(old?: number): Promise<number> {
  for (;;) {
    const pid = enginesOf().find((pid) => pid !== old);
    if (pid !== undefined) return pid;
    await sleep(20);
  }
}
