// Cost of loading, memory, and cancelling.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { load } from "caduceus";
import { median, ratio } from "../figures.mjs";
import { newPrompt, newPrompts } from "../prompts.mjs";
import { claim } from "../report.mjs";
import { everyone, fastOnes, SubjectProcess, withSubjects } from "../subject.mjs";

/** @typedef {import("../main.mjs").Settings} Settings */
/** @typedef {import("../report.mjs").Row} Row */
/** @typedef {import("../figures.mjs").Figures} Figures */

/**
 * Load time with the file in the page cache, and memory before and after 16 streams.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function footprint({ model, threads, runs, large }) {
  /** @type {Figures} */
  const loading = {};
  /** @type {Figures} */
  const rest = {};
  /** @type {Figures} */
  const work = {};
  const names = large ? fastOnes : everyone;
  for (let run = 0; run < (large ? 3 : runs); run++) {
    // Each is first in turn: whoever comes after another has the memory that this one gave back, which is the fastest.
    const first = run % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      try {
        const subject = await SubjectProcess.open(name, { model, contextSize: 512, sequences: 16, threads });
        (loading[name] ??= []).push(subject.loadMs);
        (rest[name] ??= []).push(await subject.run("memory"));
        if (!large) {
          await subject.run("replies", { prompts: newPrompts(16, 40), tokens: 16 });
          (work[name] ??= []).push(await subject.run("memory"));
        }
        await subject.close();
      } catch (error) {
        process.stderr.write(`  ${name} is left out: ${error}\n`);
      }
    }
  }
  return [
    {
      name: "load, file in the page cache",
      unit: "ms",
      figures: loading,
      claims: large
        ? claim("≤ 1 × llama-server", ratio(loading, "caduceus", "llama-server"), (value) => value <= 1)
        : [],
    },
    { name: "memory at rest, room for 16 × 512 tokens", unit: "MiB", figures: rest, claims: [] },
    ...(large ? [] : [{ name: "memory after 16 replies of 56 tokens", unit: "MiB", figures: work, claims: [] }]),
  ];
}

/** How long loading and closing hold up the event loop. @type {(settings: Settings) => Promise<Row[]>} */
export async function loadBlock({ model, runs }) {
  /** @type {number[]} */
  const blocks = [];
  for (let run = 0; run < runs; run++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await (await load(model)).close();
    delay.disable();
    blocks.push(delay.max / 1e6);
  }
  return [
    {
      name: "longest block of the event loop while loading and closing",
      unit: "ms",
      figures: { caduceus: blocks },
      claims: claim("≤ 20 ms", Math.max(...blocks), (value) => value <= 20),
    },
  ];
}

/** How soon a prompt that is being read stops being read. @type {(settings: Settings) => Promise<Row[]>} */
export async function cancel({ model, threads }) {
  const promptTokens = 4000;
  const count = 12;
  return withSubjects(fastOnes, { model, contextSize: 8192, sequences: 1, threads }, async (subjects) => {
    /** @type {Figures} */
    const whole = {};
    /** @type {Figures} */
    const worst = {};
    for (const [name, subject] of subjects) {
      const wholeMs = (await subject.run("replies", { prompts: [newPrompt(promptTokens)], tokens: 1 })).firstMs;
      const { p99Ms } = await subject.run("cancels", {
        prompts: newPrompts(name === "caduceus" ? count : 2, promptTokens),
        wholeMs,
      });
      whole[name] = [wholeMs];
      worst[name] = [p99Ms];
    }
    const share = worst.caduceus && whole.caduceus ? median(worst.caduceus) / median(whole.caduceus) : undefined;
    return [
      { name: `reading a prompt of ${promptTokens} tokens`, unit: "ms", figures: whole, claims: [] },
      {
        name: `from a cancel in it until nothing is computed, p99 of ${count} (peers: the longer of 2)`,
        unit: "ms",
        figures: worst,
        claims: claim("≤ 0.05 of the prompt", share, (value) => value <= 0.05),
      },
    ];
  });
}
