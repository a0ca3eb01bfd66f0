// `npm test`: sets up what is missing, then the C++ tests (ctest), the checks (types, lint, format) and the TypeScript
// tests (vitest). `npm test -- FILTER …` hands its arguments to vitest and runs nothing else.
import { spawn } from "node:child_process";
import path from "node:path";
import { installedOptions } from "./build/build_options.mjs";
import { runChecks } from "./check.mjs";
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { SetupError } from "./setup/run_logged.mjs";
import { root } from "./setup/paths.mjs";
import { runNativeTests } from "./test_native.mjs";

await command(async () => {
  await setUp("test");
  const filters = process.argv.slice(2);
  const vitest = () => run(process.execPath, [path.join(root, "node_modules/vitest/vitest.mjs"), "run", ...filters]);
  const stages = filters.length > 0 ? { vitest } : { "C++ tests": nativeTests, checks: runChecks, vitest };
  /** @type {string[]} */
  const failed = [];
  // All of them, whatever fails: one run tells everything.
  for (const [name, stage] of Object.entries(stages)) {
    if ((await stage()) !== 0) failed.push(name);
  }
  if (failed.length > 0) throw new SetupError(`Failed: ${failed.join(", ")}.`);
});

async function nativeTests() {
  return runNativeTests(await installedOptions());
}

/** @param {string} program @param {string[]} args @returns {Promise<number>} */
function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
