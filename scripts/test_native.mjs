// Builds and runs the engine's plain C++ tests: node scripts/test_native.mjs [--debug]
// [--sanitize=address,undefined|thread] [--jobs=N] [--only=REGULAR_EXPRESSION]. Models are handed to the tests by
// environment variables.
import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";
import { build } from "./build.mjs";
import { parseBuildArguments } from "./build/build_options.mjs";
import { isBuilt, treeFolder } from "./build/build_tree.mjs";
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { root } from "./setup/paths.mjs";
import { showProgress } from "./setup/progress.mjs";
import { hermesTestOptions, testModels } from "./setup/steps.mjs";

/** What the tests find their models by. @returns {Promise<NodeJS.ProcessEnv>} */
export async function nativeTestEnvironment() {
  const { fetchDefaultModel } = await import("../dist/files/index.js");
  const { cachedModelPath } = await testModels();
  const { bertModel } = await import("../test/support/gguf/bert_model.mjs");
  return {
    ...process.env,
    CADUCEUS_TEST_SMOLLM2: await fetchDefaultModel(),
    CADUCEUS_TEST_HERMES_MODEL: cachedModelPath(hermesTestOptions),
    CADUCEUS_TEST_BERT_MEAN: bertModel("mean"),
    CADUCEUS_TEST_BERT_CLS: bertModel("cls"),
    CADUCEUS_TEST_BERT_RERANKER: bertModel("reranker"),
    // The first fault ends the test, with a stack.
    UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? "print_stacktrace=1",
    TSAN_OPTIONS: process.env.TSAN_OPTIONS ?? "halt_on_error=1",
  };
}

/**
 * Runs ctest in a tree whose tests are built.
 * @param {import("./build/build_options.mjs").BuildOptions} options
 * @param {string[]} [more] arguments of ctest
 * @returns {Promise<number>} its exit code
 */
export async function runNativeTests(options, more = []) {
  const env = await nativeTestEnvironment();
  const args = [
    "--test-dir",
    await treeFolder(options),
    "--output-on-failure",
    "--no-tests=error",
    "-C",
    "Release",
    ...more,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn("ctest", args, { cwd: root, env, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length);
    const options = {
      ...(await parseBuildArguments(process.argv.slice(2).filter((argument) => !argument.startsWith("--only=")))),
      tests: true,
      addon: false,
    };
    await setUp("test");
    if (!(await isBuilt(options))) await showProgress("native tests", (report) => build(options, report));
    process.exitCode = await runNativeTests(options, only === undefined ? [] : ["-R", only]);
  });
}
