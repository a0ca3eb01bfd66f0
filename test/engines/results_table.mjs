// The table of docs/scaling.md, made from results.json: node test/engines/results_table.mjs writes it there.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const page = new URL("../../docs/scaling.md", import.meta.url);
const [begin, end] = ["<!-- engines: begin -->\n", "<!-- engines: end -->"];
const names = /** @type {const} */ ({
  addon: "`load`",
  isolated: "`load`, `isolate`",
  caduceus: "Caduceus",
  "llama-server": "llama-server",
  vllm: "vLLM",
});

/** @type {import("./results_table.mjs").resultsTable} */
export function resultsTable() {
  /** @type {Record<string, Record<string, string>>} */
  const results = JSON.parse(readFileSync(new URL("results.json", import.meta.url), "utf8"));
  const engines = Object.entries(names);
  const rows = Object.keys(results["addon"] ?? {}).map((behavior) => [
    `${behavior[0]?.toUpperCase()}${behavior.slice(1)}`,
    ...engines.map(([engine]) => results[engine]?.[behavior] ?? "not run"),
  ]);
  return [["", ...engines.map(([, name]) => name)], Array(engines.length + 1).fill("---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |\n`)
    .join("");
}

/** @type {import("./results_table.mjs").tableOfPage} */
export function tableOfPage() {
  const text = readFileSync(page, "utf8");
  return text.slice(text.indexOf(begin) + begin.length, text.indexOf(end));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(page, readFileSync(page, "utf8").replace(`${begin}${tableOfPage()}`, `${begin}${resultsTable()}`));
