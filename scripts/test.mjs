// `npm test`: sets up what is missing, then runs the C++ tests (ctest), the checks (types, lint, format) and the
// TypeScript tests (vitest). `npm test -- FILTER …` hands its arguments to vitest and runs nothing else.
//
// What computes with all cores runs one after the other. The rest runs beside it and uses the time in which that waits:
// first programs, which wait themselves, and then, with less and less priority, what computes on one core.
import { spawn } from "node:child_process";
import { availableParallelism, getPriority, setPriority } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { installedOptions } from "./build/build_options.mjs";
import { runChecks } from "./check.mjs";
import { command, showFailure } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { SetupError } from "./setup/run_logged.mjs";
import { root } from "./setup/paths.mjs";
import { runNativeTests } from "./test_native.mjs";

/** @typedef {Record<string, () => Promise<number>>} Stages each gives an exit code */

/** @type {Stages} */
const allCores = {
  "TypeScript tests with a model": () => vitest("--project", "model", "--project", "hostile"),
  "C++ tests of the engine": () => nativeTests("-L", "all_cores"),
};
/** @type {Stages} */
const beside = {
  "TypeScript tests of programs": () => vitest("--project", "programs"),
  "TypeScript tests without a model": atPriority(5, () => vitest("--project", "unit")),
  "C++ tests": atPriority(10, () => nativeTests("-LE", "all_cores", "--parallel", String(availableParallelism()))),
  checks: atPriority(10, runChecks),
};
/** Runs only what runs beside the others; not for people. */
const besideFlag = "--beside";

await command(async () => {
  const args = process.argv.slice(2);
  if (args[0] === besideFlag) return runStages(beside);
  await setUp("test");
  if (args.length > 0) return runStages({ vitest: () => vitest(...args) });
  const results = await Promise.allSettled([runStages(allCores), runBeside()]);
  const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  for (const failure of failures) showFailure(failure);
  if (failures.length > 0) process.exitCode = 1;
});

/** All of them, whatever fails: one run tells everything. @param {Stages} stages */
async function runStages(stages) {
  /** @type {string[]} */
  const failed = [];
  for (const [name, stage] of Object.entries(stages)) {
    if ((await stage()) !== 0) failed.push(name);
  }
  if (failed.length > 0) throw new SetupError(`Failed: ${failed.join(", ")}.`);
}

/** In a process of its own. What it says is shown when it is done, and not between the lines of the others. */
async function runBeside() {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), besideFlag], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const code = await exitCode(child);
  process.stdout.write(`\n${output}`);
  if (code !== 0) throw new SetupError("Failed beside it: see above.");
}

/**
 * Lowers the priority of this process and of all that it starts from then on, for good.
 * @param {number} priority @param {() => Promise<number>} stage
 */
function atPriority(priority, stage) {
  return () => {
    if (getPriority() < priority) setPriority(priority);
    return stage();
  };
}

/** @param {string[]} selection arguments of ctest */
async function nativeTests(...selection) {
  return runNativeTests(await installedOptions(), selection);
}

/** @param {string[]} args */
function vitest(...args) {
  const program = path.join(root, "node_modules/vitest/vitest.mjs");
  return exitCode(spawn(process.execPath, [program, "run", ...args], { cwd: root, stdio: "inherit" }));
}

/** @param {import("node:child_process").ChildProcess} child @returns {Promise<number>} */
function exitCode(child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
