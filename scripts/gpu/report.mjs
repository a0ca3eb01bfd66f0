// The report of a run: a table for people in docs/performance.md's form, and all figures as JSON.
import { median } from "../../bench/figures.mjs";

/**
 * @typedef {object} Result
 * @property {string} title
 * @property {"passed" | "failed" | "missed" | "not run"} state
 * @property {number} seconds
 * @property {string} [saw]
 * @property {string} [why]
 * @property {string} [remedy]
 * @property {import("../../bench/report.mjs").Row[]} [rows]
 */

/** @param {string} machine @param {readonly Result[]} results */
export function markdown(machine, results) {
  const rows = results.flatMap(({ rows = [] }) => rows);
  const columns = [...new Set(rows.flatMap(({ figures }) => Object.keys(figures)))];
  const figure = (/** @type {number[] | undefined} */ values) =>
    values === undefined
      ? ""
      : values.length === 1
        ? short(values[0])
        : `${short(median(values))} [${short(Math.min(...values))}–${short(Math.max(...values))}]`;
  const table = [
    ["", ...columns, "Goal"],
    ["---", ...columns.map(() => "---"), "---"],
    ...rows.map(({ name, unit, figures, claims }) => [
      `${name}, ${unit}`,
      ...columns.map((column) => figure(figures[column])),
      claims.map(({ text, value, met }) => `${text}: ${value.toPrecision(3)}${met ? "" : ", missed"}`).join("; "),
    ]),
  ];
  const lines = results.map(({ title, state, seconds, saw, why, remedy }) =>
    `- ${title}: ${state}, ${seconds.toFixed(0)} s. ${why === undefined ? `${saw ?? ""}` : `${why}${remedy === undefined ? "" : ` Try this: ${remedy}.`}`}`.trimEnd(),
  );
  return [
    `${machine}\n`,
    ...(rows.length > 0 ? [`${table.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`] : []),
    `${lines.join("\n")}\n`,
  ].join("\n");
}

/** Three digits. @param {number} value */
function short(value) {
  if (value >= 1000) return Math.round(value).toLocaleString("en-US");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
