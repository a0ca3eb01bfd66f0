// Whether anything else computes: llama.cpp's threads wait for each other, so that other work makes all figures lower.
import { cpus } from "node:os";

export class OtherWork {
  #before = now();

  /**
   * Which share of all processors other programs have taken since the last call, from 0 to 1. 0 where the system does
   * not tell.
   */
  share(): number {
    const [before, after] = [this.#before, now()];
    this.#before = after;
    const all = after.all - before.all;
    return all <= 0 ? 0 : Math.max(0, (after.busy - before.busy - (after.own - before.own)) / all);
  }
}

/** Milliseconds so far, of all processors together. */
function now(): { readonly all: number; readonly busy: number; readonly own: number } {
  let [all, idle] = [0, 0];
  for (const { times } of cpus()) {
    all += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  const { user, system } = process.cpuUsage();
  return { all, busy: all - idle, own: (user + system) / 1000 };
}
