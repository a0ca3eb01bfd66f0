// Rows of measurements, and the table of rows.
import { median, ratio } from "./figures.mjs";

/**
 * @typedef {object} Claim
 * @property {string} text what is promised
 * @property {number} value
 * @property {boolean} met
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} unit of the figures
 * @property {import("./figures.mjs").Figures} figures every single one, by who was measured
 * @property {Claim[]} claims
 */

/**
 * @param {string} text
 * @param {number | undefined} value
 * @param {(value: number) => boolean} holds
 * @returns {Claim[]}
 */
export function claim(text, value, holds) {
  return value === undefined ? [] : [{ text, value, met: holds(value) }];
}

/**
 * That caduceus has at least so many times the other's.
 * @param {import("./figures.mjs").Figures} figures
 * @param {string} other
 * @param {number} least
 */
export function atLeast(figures, other, least) {
  return claim(`≥ ${least} × ${other}`, ratio(figures, "caduceus", other), (value) => value >= least);
}

/** Median, and in brackets the smallest and the largest. @param {readonly number[]} values */
function spread(values) {
  const middle = median(values);
  const digits = middle < 1 ? 3 : middle < 10 ? 2 : middle < 100 ? 1 : 0;
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits));
  return values.length === 1 ? middle.toFixed(digits) : `${middle.toFixed(digits)} [${low}–${high}]`;
}

/** A Markdown table: a line a row, a column for each that was measured. @param {readonly Row[]} rows */
export function printTable(rows) {
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const lines = rows.map(({ name, unit, figures, claims }) => [
    `${name}, ${unit}`,
    ...columns.map((column) => (figures[column] ? spread(figures[column]) : "")),
    claims.map(({ text, value, met }) => `${text}: ${value.toPrecision(3)}${met ? "" : " **missed**"}`).join("; "),
  ]);
  const all = [["what", ...columns, "claims"], ...lines];
  const widths = all[0].map((_, column) => Math.max(...all.map((line) => line[column].length)));
  const format = (/** @type {string[]} */ line) =>
    `| ${line.map((cell, column) => cell.padEnd(/** @type {number} */ (widths[column]))).join(" | ")} |\n`;
  return format(all[0]) + format(widths.map((width) => "-".repeat(width))) + lines.map(format).join("");
}
