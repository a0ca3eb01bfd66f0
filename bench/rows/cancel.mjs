// How soon a prompt that is being read stops being read.
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { load } from "caduceus";
import { randomPrompt } from "../prompts.mjs";
import { median, percentile, spread } from "../report.mjs";

const promptTokens = 4000;
const cancels = 20;

/** @type {(settings: import("../main.mjs").Settings) => Promise<import("../report.mjs").Row>} */
export async function cancelRow({ model: file }) {
  const model = await load(file);
  const begin = performance.now();
  await model.complete(randomPrompt(model, promptTokens), { maxTokens: 1 });
  const whole = performance.now() - begin;
  /** @type {number[]} */
  const latencies = [];
  for (let n = 0; n < cancels; n++) {
    const controller = new AbortController();
    const reply = model.complete(randomPrompt(model, promptTokens), { signal: controller.signal });
    const aborted = reply.then(() => false, () => true);
    await sleep(whole * (0.05 + (0.85 * n) / cancels));
    const asked = performance.now();
    controller.abort();
    // Until the caller knows and the engine is idle, whichever comes last.
    const counts = await aborted;
    while (model.stats().running > 0) await setImmediate();
    if (counts) latencies.push(performance.now() - asked);
  }
  await model.close();
  const worst = percentile(latencies, 0.99);
  return {
    name: `cancel in a prefill of ${promptTokens} tokens, p99 of ${latencies.length}`,
    ours: `${worst.toFixed(1)} ms, median ${median(latencies).toFixed(1)} ms`, theirs: `the whole prompt takes ${spread([whole], "ms")}`,
    ratio: (worst / whole).toFixed(4), target: "≤ 0.05", met: worst / whole <= 0.05, figures: { latencies, whole },
  };
}
