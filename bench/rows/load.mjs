// How long loading a model holds up the event loop.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { load } from "caduceus";
import { percentile, spread } from "../report.mjs";

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row>} */
export async function loadRow({ model: file, runs }) {
  /** @type {number[]} */
  const blocks = [];
  /** @type {number[]} */
  const times = [];
  for (let run = 0; run < runs; run++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const begin = performance.now();
    const model = await load(file);
    times.push(performance.now() - begin);
    await model.close();
    delay.disable();
    blocks.push(delay.max / 1e6);
  }
  const worst = percentile(blocks, 1);
  return {
    name: "longest block of the event loop while loading and closing",
    ours: spread(blocks, "ms"), theirs: `loading takes ${spread(times, "ms")}`,
    ratio: "", target: "≤ 20 ms", met: worst <= 20, figures: { blocks, times },
  };
}
