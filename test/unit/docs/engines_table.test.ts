// The table of what holds on which engine, against the results of the tests it is made from.
import { expect, test } from "vitest";
import { behaviors } from "../../engines/behaviors.js";
import { resultsTable, tableOfPage } from "../../engines/results_table.mjs";

test("the table is that of the results (node test/engines/results_table.mjs writes it)", () => {
  expect(tableOfPage()).toBe(resultsTable());
});

test("each behavior was tried on each engine", () => {
  const rows = tableOfPage().trim().split("\n").slice(2);
  expect(rows.length).toBe(Object.keys(behaviors).length);
  expect(rows.filter((row) => row.includes("not run"))).toEqual([]);
});
