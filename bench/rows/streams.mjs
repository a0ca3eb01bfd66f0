// Many conversations at once: their throughput, and the delay of the event loop.
import { inTurn, median, ratio, tokensOf } from "../figures.mjs";
import { llamaBatchedBench } from "../llama_tools.mjs";
import { newPrompts } from "../prompts.mjs";
import { atLeast, claim } from "../report.mjs";
import { everyone, fastOnes, ofEach, withSubjects } from "../subject.mjs";

/** @typedef {import("../main.mjs").Settings} Settings */
/** @typedef {import("../report.mjs").Row} Row */

const promptTokens = 16;
/** How many streams, and the least ratio to llama-batched-bench where one is promised. */
const counts = [
  [2, 0.95],
  [4, 0.95],
  [8, 2.3],
  [16, 2.5],
  [32, 2.5],
];
const countsOfLarge = [
  [4, 1.9],
  [8, 2.2],
  [16, 2.2],
];

/** @type {(settings: Settings) => Promise<Row[]>} */
export async function streams(settings) {
  const { model, threads, runs, large } = settings;
  /** @type {Row[]} */
  const rows = [];
  /** @type {import("../figures.mjs").Figures} */
  const delays = {};
  for (const [count, least] of large ? countsOfLarge : counts) {
    const generatedTokens = large ? 24 : count > 8 ? 64 : 96;
    const figures = await withSubjects(
      large ? ["caduceus"] : count > 4 ? fastOnes : everyone,
      { model, contextSize: 256, sequences: count, threads },
      (subjects) =>
        inTurn(runs, {
          ...ofEach(subjects, async (subject, round, name) => {
            const result = await subject.run("replies", {
              prompts: newPrompts(count, promptTokens),
              tokens: tokensOf(settings, round, generatedTokens),
            });
            if (count === 16 && name !== "llama-server") (delays[name] ??= []).push(result.loopDelayP99Ms);
            return result.tokensPerSecond;
          }),
          "llama-batched-bench": async (round) =>
            large && round === 0
              ? undefined
              : llamaBatchedBench({ model, promptTokens, generatedTokens, streams: count, threads }),
        }),
    );
    const claims = [
      ...atLeast(figures, "llama-batched-bench", least),
      ...(count === 8 || count === 16
        ? [...atLeast(figures, "node-llama-cpp", 1.7), ...atLeast(figures, "llama-server", 1)]
        : []),
    ];
    rows.push({ name: `${count} streams together, ${generatedTokens} tokens each`, unit: "tokens/s", figures, claims });
  }
  const [sixteen, more] = rows.slice(-2).map(({ figures }) => figures.caduceus);
  if (sixteen && more && !large)
    rows.at(-1)?.claims.push(...claim("≥ 1 × 16 streams", median(more) / median(sixteen), (value) => value >= 1));
  if (delays.caduceus) {
    rows.push({
      name: "event-loop delay while 16 streams write, p99",
      unit: "ms",
      figures: delays,
      claims: claim("< 5 ms", Math.max(...delays.caduceus), (value) => value < 5),
    });
  }
  return rows;
}

/**
 * A long prompt that arrives among eight who write: the longest any of them waits for its next text.
 * @type {(settings: Settings) => Promise<Row[]>}
 */
export async function intruder({ model, threads, runs }) {
  const late = 2000;
  const figures = await withSubjects(
    fastOnes,
    { model, contextSize: 4096, sequences: 9, cacheTokens: 8192, threads },
    (subjects) =>
      inTurn(
        runs,
        ofEach(subjects, async (subject) => {
          const prompts = newPrompts(8, promptTokens);
          const [prompt] = newPrompts(1, late);
          return (
            await subject.run("replies", {
              prompts,
              tokens: 100,
              late: { prompt: /** @type {string} */ (prompt), afterMs: 1500 },
            })
          ).worstGapMs;
        }),
      ),
  );
  const value = ratio(figures, "caduceus", "llama-server");
  return [
    {
      name: `longest gap of 8 who write while a prompt of ${late} tokens arrives`,
      unit: "ms",
      figures,
      claims: claim("≤ 0.333 × llama-server", value, (value) => value <= 1 / 3),
    },
  ];
}
