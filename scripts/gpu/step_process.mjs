// One check or measurement in a process of its own: node step_process.mjs NAME SETTINGS. Its last line of standard
// output is the result as JSON.
import { appendFileSync } from "node:fs";

const [name = "", settings = "{}"] = process.argv.slice(2);
const given = JSON.parse(settings);

/** @type {Record<string, () => Promise<{ saw?: string, rows?: import("../../bench/report.mjs").Row[] }>>} */
const steps = {
  model: async () => {
    const { makeModel } = await import("../../test/support/gguf/make_model.mjs");
    makeModel(given.file, given.options);
    return { saw: given.file };
  },
  module: async () => {
    const { buildModule } = await import("./module.mjs");
    return { saw: await buildModule(given.kind, given.architectures, (text) => process.stderr.write(`${text}\n`)) };
  },
};

/** @type {{ saw?: string, rows?: object[], why?: string }} */
let result;
try {
  const step = steps[name];
  if (step !== undefined) result = await step();
  else {
    const checks = /** @type {Record<string, (settings: any) => Promise<string>>} */ (
      /** @type {unknown} */ (await import("./checks.mjs"))
    );
    const check = checks[name];
    const measures = /** @type {Record<string, (settings: any) => Promise<any>>} */ (await import("./measures.mjs"));
    result = check === undefined ? { rows: await measures[name](given) } : { saw: await check(given) };
  }
} catch (error) {
  const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
  result = { why: code === undefined ? message : `${message} (${code})` };
  process.stderr.write(`${/** @type {Error} */ (error).stack ?? message}\n`);
}
appendFileSync(given.result, JSON.stringify(result));
// A thread of a driver may keep the process.
process.exit(result.why === undefined ? 0 : 1);
