// The scenarios that run in each engine's process, so that all engines are measured alike.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { keepBusy } from "./busy.mjs";
import { percentile } from "./figures.mjs";

/** @typedef {import("./subjects/subject.js").Subject} Subject */

/**
 * Replies that begin together, one in each slot, and one more that comes later, whose own times are not counted.
 * @param {Subject} subject
 * @param {{ prompts: string[], tokens: number, own?: Record<string, unknown>, busy?: number, late?: { prompt: string,
 * afterMs: number } }} scenario
 *   `busy`: the share of its time that this process's main thread computes other things
 */
export async function replies(subject, { prompts, tokens, own = {}, busy = 0, late }) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const stopBusy = keepBusy(busy);
  if (busy === 0) delay.enable();
  const begin = performance.now();
  /** @type {number[]} */
  const firsts = [];
  /** @type {number[]} */
  const gaps = [];
  let generated = 0;
  let end = begin;
  const all = prompts.map(async (prompt, slot) => {
    let last = 0;
    let gap = 0;
    const count = await subject.generate({
      prompt,
      tokens,
      slot,
      own,
      onText: () => {
        const now = performance.now();
        if (last === 0) firsts.push(now - begin);
        else gap = Math.max(gap, now - last);
        last = now;
        end = Math.max(end, now);
      },
    });
    generated += count;
    gaps.push(gap);
  });
  if (late !== undefined) {
    await sleep(late.afterMs);
    all.push(
      subject.generate({ prompt: late.prompt, tokens: 1, slot: prompts.length, onText: () => {} }).then(() => {}),
    );
  }
  await Promise.all(all);
  delay.disable();
  stopBusy();
  const firstMs = Math.min(...firsts);
  return {
    // All that was written, over all that it took, reading the prompts included; for one stream from its first token
    // on.
    tokensPerSecond:
      prompts.length === 1 ? ((generated - 1) * 1000) / (end - begin - firstMs) : (generated * 1000) / (end - begin),
    firstMs,
    worstGapMs: Math.max(...gaps),
    loopDelayP99Ms: delay.percentile(99) / 1e6,
  };
}

/**
 * Texts a second.
 * @param {Subject} subject
 * @param {{ texts: string[] }} scenario
 */
export async function embed(subject, { texts }) {
  const begin = performance.now();
  const given = await subject.embed?.(texts);
  if (given !== texts.length) throw new Error(`${given} embeddings of ${texts.length} texts.`);
  return (texts.length * 1000) / (performance.now() - begin);
}

/**
 * From asking until the caller knows and nothing is computed.
 * @param {Subject} subject
 * @param {{ prompt: string, afterMs: number }} scenario
 */
async function cancel(subject, { prompt, afterMs }) {
  const controller = new AbortController();
  let over = false;
  const generation = subject
    .generate({ prompt, tokens: 1, slot: 0, signal: controller.signal, onText: () => {} })
    .then(() => (over = true));
  await sleep(afterMs);
  // The prompt was read before it could be cancelled.
  if (over) return undefined;
  const asked = performance.now();
  controller.abort();
  await generation;
  await subject.idle();
  return performance.now() - asked;
}

/** MiB of the process that computes. Linux only. @param {Subject} subject */
export async function memory(subject) {
  globalThis.gc?.();
  const status = await readFile(`/proc/${subject.pid ?? process.pid}/status`, "utf8");
  const [, kilobytes] = /** @type {RegExpExecArray} */ (/^VmRSS:\s+(\d+)/m.exec(status));
  return Number(kilobytes) / 1024;
}

/**
 * Several cancels spread over a prompt's time.
 * @param {Subject} subject
 * @param {{ prompts: string[], wholeMs: number }} scenario
 */
export async function cancels(subject, { prompts, wholeMs }) {
  const latencies = [];
  for (const [n, prompt] of prompts.entries())
    latencies.push(await cancel(subject, { prompt, afterMs: wholeMs * (0.05 + (0.85 * n) / prompts.length) }));
  return {
    p99Ms: percentile(
      latencies.filter((latency) => latency !== undefined),
      0.99,
    ),
  };
}
