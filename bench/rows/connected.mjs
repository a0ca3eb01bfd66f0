// What it costs that a model is reached over HTTP, on a server of this machine: first token and tokens a second.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connect, load } from "caduceus";
import { inTurn } from "../figures.mjs";
import { measureSpeed, speedOptions } from "./isolated.mjs";

/** @typedef {import("../report.mjs").Row} Row */

const program = fileURLToPath(new URL("../server_process.mjs", import.meta.url));

/** @type {(settings: import("../main.mjs").Settings) => Promise<Row[]>} */
export async function connected({ model: file, threads, runs }) {
  /** @type {Record<string, Row>} */
  const rows = {};
  const adding =
    (/** @type {string} */ who, /** @type {number} */ run) =>
    /** @param {string} name @param {string} unit @param {number} value */
    (name, unit, value) => {
      // The first run warms up.
      if (run > 0) ((rows[name] ??= { name, unit, figures: {}, claims: [] }).figures[who] ??= []).push(value);
    };
  const options = speedOptions(threads);
  await inTurn(runs, {
    connected: async (run) => {
      const server = spawn(process.execPath, [program, file, JSON.stringify(options)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const gone = once(server, "exit");
      const [url] = await Promise.race([once(server.stdout, "data"), gone]);
      await measure(await connect(String(url).trim()), adding("connected", run));
      server.kill("SIGTERM");
      await gone;
      return undefined;
    },
    "in process": async (run) => {
      await measure(await load(file, options), adding("in process", run));
      return undefined;
    },
  });
  return Object.values(rows);
}

/**
 * @param {import("caduceus").Model} model
 * @param {(name: string, unit: string, value: number) => void} add
 */
async function measure(model, add) {
  await measureSpeed(model, add);
  await model.close();
}
