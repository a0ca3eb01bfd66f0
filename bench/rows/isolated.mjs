// What it costs that a model runs in a process of its own: start, memory, first token and tokens a second.
import { readFileSync, readdirSync } from "node:fs";
import { load } from "caduceus";
import { inTurn, median, ratio } from "../figures.mjs";
import { newPrompt } from "../prompts.mjs";
import { claim } from "../report.mjs";

/** @typedef {import("../report.mjs").Row} Row */

/** @type {(settings: import("../main.mjs").Settings) => Promise<Row[]>} */
export async function isolated({ model: file, threads, runs }) {
  const options = speedOptions(threads);
  /** @type {Record<string, Row>} */
  const rows = {};
  await inTurn(runs, {
    isolated: (run) => session(file, { ...options, isolate: true }, (...row) => run > 0 && add("isolated", ...row)),
    "in process": (run) => session(file, options, (...row) => run > 0 && add("in process", ...row)),
  });
  for (const row of Object.values(rows)) row.claims = claimsOf(row);
  return Object.values(rows);

  /** @param {string} who @param {string} name @param {string} unit @param {number} value */
  function add(who, name, unit, value) {
    ((rows[name] ??= { name, unit, figures: {}, claims: [] }).figures[who] ??= []).push(value);
  }
}

/** @typedef {import("caduceus").Model} Model */

/**
 * One after the other: two models in memory get in each other's way.
 * @param {string} file
 * @param {import("caduceus").LoadOptions} options
 * @param {(name: string, unit: string, value: number) => void} add
 * @returns {Promise<undefined>}
 */
async function session(file, options, add) {
  const before = memoryBytes();
  const begin = performance.now();
  const model = await load(file, options);
  add("load", "ms", performance.now() - begin);
  add("memory after loading", "MiB", (memoryBytes() - before) / 2 ** 20);
  await measureSpeed(model, add);
  await model.close();
  return undefined;
}

/** How models are loaded whose speed is measured. @param {number | undefined} threads */
export const speedOptions = (threads) => ({
  contextSize: 1024,
  cacheTokens: 16_384,
  threads,
  prefixFolder: /** @type {const} */ (false),
  promptLookup: false,
});

/** @param {Model} model @param {(name: string, unit: string, value: number) => void} add */
export async function measureSpeed(model, add) {
  await firstTokenMs(model);
  add("first token of a prompt of 100 tokens", "ms", await firstTokenMs(model));
  add("decode, 1 stream", "tokens/s", await tokensPerSecond(model, 1));
  add("decode, 8 streams", "tokens/s", await tokensPerSecond(model, 8));
}

/** @param {Row} row */
function claimsOf({ name, unit, figures }) {
  const more = median(figures["isolated"] ?? []) - median(figures["in process"] ?? []);
  const times = ratio(figures, "isolated", "in process");
  if (unit === "MiB") return claim("≤ in process + 60", more, (value) => value <= 60);
  if (unit === "tokens/s") return claim("≥ 0.97 × in process", times, (value) => value >= 0.97);
  if (name === "load") return claim("≤ in process + 300", more, (value) => value <= 300);
  return claim("≤ 1.03 × in process", times, (value) => value <= 1.03);
}

/** @param {Model} model @param {number} streams */
async function tokensPerSecond(model, streams) {
  const tokens = 128;
  let first = 0;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: streams }, async () => {
      const reply = model.complete(newPrompt(16), { temperature: 0, maxTokens: tokens, minTokens: tokens });
      for await (const _ of reply.textStream) first ||= performance.now();
    }),
  );
  return (1000 * (streams * tokens - 1)) / (performance.now() - (streams === 1 ? first : begin));
}

/** @param {Model} model */
async function firstTokenMs(model) {
  const begin = performance.now();
  for await (const _ of model.complete(newPrompt(100), { maxTokens: 2 }).textStream) break;
  return performance.now() - begin;
}

/** Memory of this process and its children, in which a page that several share counts once. */
function memoryBytes() {
  const kilobytes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        const parent = Number(
          readFileSync(`/proc/${name}/stat`, "utf8")
            .replace(/^.*\) \S /s, "")
            .split(" ")[0],
        );
        if (parent !== process.pid && name !== `${process.pid}`) return 0;
        return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/smaps_rollup`, "utf8"))?.[1]);
      } catch {
        return 0; // It has ended.
      }
    });
  return kilobytes.reduce((sum, count) => sum + count, 0) * 1024;
}
