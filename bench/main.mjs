// `npm run bench`: ratios against llama.cpp's own tools, taken in turn on this machine. Absolute figures are noise here.
//
//   npm run bench -- [--rows decode,prefill,…] [--runs N] [--model PATH] [--json FILE]
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { command, setUp } from "../scripts/setup.mjs";
import { describeMachine, waitUntilQuiet } from "./machine.mjs";
import { printTable } from "./report.mjs";
import { cancelRow } from "./rows/cancel.mjs";
import { decodeRow, prefillRow } from "./rows/one_stream.mjs";
import { loadRow } from "./rows/load.mjs";

/** @typedef {import("./report.mjs").Row} Row */
/** @typedef {{ model: string, runs: number }} Settings */

/** @satisfies {Record<string, (settings: Settings) => Promise<Row>>} */
const rows = { decode: decodeRow, prefill: prefillRow, load: loadRow, cancel: cancelRow };

const { values } = parseArgs({
  options: { rows: { type: "string" }, runs: { type: "string", default: "5" }, model: { type: "string", default: "smollm2" }, json: { type: "string" } },
});

await command(async () => {
  await setUp("bench");
  const { resolveModel } = await import("../dist/files/index.js");
  const { path } = await resolveModel(values.model);
  const chosen = values.rows?.split(",") ?? Object.keys(rows);
  const unknown = chosen.find((name) => !Object.hasOwn(rows, name));
  if (unknown !== undefined) throw new Error(`Expected rows among ${Object.keys(rows).join(", ")} but received ${unknown}.`);

  const machine = describeMachine();
  process.stderr.write(`${machine.summary}, model ${path.split("/").at(-1)}\n`);
  await waitUntilQuiet();
  /** @type {Row[]} */
  const results = [];
  for (const name of chosen) {
    process.stderr.write(`${name} …\n`);
    results.push(await rows[/** @type {keyof typeof rows} */ (name)]({ model: path, runs: Number(values.runs) }));
  }
  process.stdout.write(printTable(results));
  if (values.json) await writeFile(values.json, `${JSON.stringify({ machine, model: path.split("/").at(-1), rows: results }, null, 2)}\n`);
  if (results.some((row) => row.met === false)) process.exitCode = 1;
});
