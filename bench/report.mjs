// Medians, spreads and the table they stand in.

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} ours what was measured here, with its unit and spread
 * @property {string} theirs what it is compared with
 * @property {string} ratio
 * @property {string} target
 * @property {boolean | undefined} met
 * @property {unknown} [figures] every single figure, for the JSON file
 */

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
  return /** @type {number} */ (sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]);
}

/** Median, and in brackets the smallest and the largest. @param {readonly number[]} values @param {string} unit */
export function spread(values, unit) {
  const digits = median(values) < 10 ? 2 : median(values) < 100 ? 1 : 0;
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map((value) => value.toFixed(digits));
  return `${middle} ${unit} [${low}–${high}]`;
}

/**
 * Two measurements in turn, A B A B …, and their ratio pair by pair, so that a machine that drifts does not tilt it.
 * @param {number} runs @param {() => Promise<number>} ours @param {() => Promise<number>} theirs
 */
export async function inTurn(runs, ours, theirs) {
  /** @type {{ ours: number[], theirs: number[], ratios: number[] }} */
  const figures = { ours: [], theirs: [], ratios: [] };
  for (let run = 0; run < runs; run++) {
    const [a, b] = run % 2 === 0 ? [await ours(), await theirs()] : (await theirs().then(async (value) => [await ours(), value]));
    figures.ours.push(/** @type {number} */ (a));
    figures.theirs.push(/** @type {number} */ (b));
    figures.ratios.push(/** @type {number} */ (a) / /** @type {number} */ (b));
  }
  return figures;
}

/** A Markdown table. @param {readonly Row[]} rows */
export function printTable(rows) {
  const lines = rows.map((row) => [row.name, row.ours, row.theirs, row.ratio, row.target, row.met === undefined ? "" : row.met ? "yes" : "NO"]);
  const all = [["what", "caduceus", "against", "ratio", "target", "met"], ...lines];
  const widths = all[0].map((_, column) => Math.max(...all.map((line) => line[column].length)));
  const format = (/** @type {string[]} */ line) => `| ${line.map((cell, column) => cell.padEnd(/** @type {number} */ (widths[column]))).join(" | ")} |\n`;
  return format(all[0]) + format(widths.map((width) => "-".repeat(width))) + lines.map(format).join("");
}
