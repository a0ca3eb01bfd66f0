// Medians, spreads, and measurements in turn.

/** @typedef {Record<string, number[]>} Figures by who was measured, one number a run */

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = /** @type {number} */ (sorted[middle]);
  return sorted.length % 2 === 1 ? upper : (upper + /** @type {number} */ (sorted[middle - 1])) / 2;
}

/** @param {readonly number[]} values @param {number} share */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return /** @type {number} */ (sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]);
}

/**
 * How many tokens a round of `inTurn` takes: the warm-up of a large model only touches everything once.
 * @param {import("./main.mjs").Settings} settings @param {number} round @param {number} tokens
 */
export const tokensOf = ({ large }, round, tokens) => (large && round === 0 ? Math.min(16, tokens) : tokens);

/**
 * Measures each in turn, A B C, B C A, …, so that a machine that drifts does not tilt their ratios and nobody always
 * follows the same one. The first `warmUps` rounds do not count. What fails is left out, with its reason on standard
 * error.
 * @param {number} runs @param {Record<string, (run: number) => Promise<number | undefined>>} measures @param {number}
 * [warmUps]
 * @returns {Promise<Figures>}
 */
export async function inTurn(runs, measures, warmUps = 1) {
  /** @type {Figures} */
  const figures = {};
  const names = Object.keys(measures);
  const failed = new Set();
  for (let round = 0; round < warmUps + runs; round++) {
    for (let n = 0; n < names.length; n++) {
      const name = /** @type {string} */ (names[(n + round) % names.length]);
      if (failed.has(name)) continue;
      try {
        const value = await /** @type {(run: number) => Promise<number | undefined>} */ (measures[name])(round);
        if (round >= warmUps && value !== undefined) (figures[name] ??= []).push(value);
      } catch (error) {
        process.stderr.write(`  ${name} is left out: ${String(error).split("\n")[0]}\n`);
        failed.add(name);
        delete figures[name];
      }
    }
  }
  return Object.fromEntries(
    names.filter((name) => figures[name]).map((name) => [name, /** @type {number[]} */ (figures[name])]),
  );
}

/**
 * The median of the ratios run by run; undefined where one of them is missing.
 * @param {Figures} figures
 * @param {string} a
 * @param {string} b
 */
export function ratio(figures, a, b) {
  const [above, below] = [figures[a], figures[b]];
  if (!above || !below) return undefined;
  return median(above.map((value, run) => value / /** @type {number} */ (below[Math.min(run, below.length - 1)])));
}
