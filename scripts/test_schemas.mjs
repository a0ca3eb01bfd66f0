// `npm run test:schemas`: the official JSON Schema Test Suite against the engine's constraints. The suite comes from
// the source distribution of the Python package jsonschema, which carries it, fetched with the user's own pip.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { build } from "./build.mjs";
import { parseBuildArguments } from "./build/build_options.mjs";
import { isBuilt, treeFolder } from "./build/build_tree.mjs";
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { cacheFolder, root } from "./setup/paths.mjs";
import { showProgress } from "./setup/progress.mjs";
import { python, runLogged, SetupError } from "./setup/run_logged.mjs";
import { nativeTestEnvironment } from "./test_native.mjs";

const version = "4.26.0";
const sha256 = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326";
const folder = path.join(cacheFolder, `jsonschema-${version}`);

await command(async () => {
  const options = { ...(await parseBuildArguments(process.argv.slice(2))), tests: true, addon: false };
  await setUp("test");
  if (!(await isBuilt(options))) await showProgress("native tests", (report) => build(options, report));
  if (!existsSync(folder)) await fetchSuite();
  const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
  const program = path.join(await treeFolder(options), "tests", "schema_matcher");
  const env = {
    ...(await nativeTestEnvironment()),
    CADUCEUS_MATCHER: program,
    CADUCEUS_SCHEMA_SUITE: path.join(folder, "json", "tests"),
  };
  const code = await new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, "run", "--config", "test/schemas/vitest.config.ts"], {
      cwd: root,
      stdio: "inherit",
      env,
    });
    child.on("error", reject);
    child.on("exit", resolve);
  });
  if (code !== 0) throw new SetupError("Failed: the JSON Schema Test Suite.");
});

async function fetchSuite() {
  const download = `${folder}.part`;
  rmSync(download, { recursive: true, force: true });
  mkdirSync(download, { recursive: true });
  await runLogged(
    "schema_suite",
    python,
    ["-m", "pip", "download", "--no-deps", "--no-binary", "jsonschema", "--dest", download, `jsonschema==${version}`],
    { what: "pip" },
  );
  const file = path.join(download, `jsonschema-${version}.tar.gz`);
  const found = createHash("sha256").update(readFileSync(file)).digest("hex");
  if (found !== sha256)
    throw new SetupError(`Invalid SHA-256 of ${path.basename(file)}: ${found}. Expected ${sha256}.`);
  await runLogged("schema_suite", python, ["-m", "tarfile", "-e", file, download], { append: true, what: "tarfile" });
  renameSync(path.join(download, `jsonschema-${version}`), folder);
  rmSync(download, { recursive: true, force: true });
}
