// `npm test`: sets up what is missing, then the C++ tests (ctest), the type check (tsc) and the TypeScript tests (vitest).
// `npm test -- FILTER …` hands its arguments to vitest and runs nothing else.
import { spawn } from "node:child_process";
import path from "node:path";
import { installedOptions, treeFolder } from "./build.mjs";
import { command, setUp } from "./setup.mjs";
import { SetupError } from "./setup/run_logged.mjs";
import { hermesTestOptions, testModels } from "./setup/steps.mjs";
import { root } from "./setup/paths.mjs";

await command(async () => {
  await setUp("test");
  const filters = process.argv.slice(2);
  const vitest = () => run(process.execPath, [path.join(root, "node_modules/vitest/vitest.mjs"), "run", ...filters]);
  const stages = filters.length > 0 ? { vitest } : { "C++ tests": nativeTests, "type check": typeCheck, vitest };
  /** @type {string[]} */
  const failed = [];
  // All of them, whatever fails: one run tells everything.
  for (const [name, stage] of Object.entries(stages)) {
    if ((await stage()) !== 0) failed.push(name);
  }
  if (failed.length > 0) throw new SetupError(`Failed: ${failed.join(", ")}.`);
});

async function nativeTests() {
  const tree = await treeFolder(await installedOptions());
  return run("ctest", ["--test-dir", tree, "--output-on-failure", "--no-tests=error", "-C", "Release"], await testEnvironment());
}

function typeCheck() {
  return run(process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"]);
}

async function testEnvironment() {
  const { fetchEmbeddedModel } = await import("../dist/files/index.js");
  const { cachedModelPath } = await testModels();
  return {
    ...process.env,
    CADUCEUS_TEST_SMOLLM2: await fetchEmbeddedModel(),
    CADUCEUS_TEST_HERMES_MODEL: cachedModelPath(hermesTestOptions),
  };
}

/** @param {string} program @param {string[]} args @param {NodeJS.ProcessEnv} [env] @returns {Promise<number>} */
function run(program, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
