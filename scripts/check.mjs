// `npm run check`: types, lint and format of all three languages. `npm run format` (--write) rewrites what differs.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { findCargo } from "./setup/check_tools.mjs";
import { clangFormat, installClangFormat, isClangFormatInstalled } from "./setup/clang_format.mjs";
import { command } from "./setup/command.mjs";
import { root } from "./setup/paths.mjs";
import { showProgress } from "./setup/progress.mjs";
import { SetupError } from "./setup/run_logged.mjs";

const widest = 120;

/** Runs all checks, whatever fails, and gives the highest exit code. @param {{ write?: boolean }} [options] */
export async function runChecks({ write = false } = {}) {
  if (!(await isClangFormatInstalled())) await showProgress("clang-format", installClangFormat);
  const node = (/** @type {string[]} */ ...args) =>
    run(
      process.execPath,
      args.map((one) => (one.startsWith("node_modules/") ? path.join(root, one) : one)),
    );
  const codes = [
    await node(
      "node_modules/@biomejs/biome/bin/biome",
      write ? "check" : "ci",
      ...(write ? ["--write"] : []),
      "--error-on-warnings",
    ),
    await run(clangFormat, [...(write ? ["-i"] : ["--dry-run", "--Werror"]), ...tracked(/^native\/.*\.(cpp|h)$/)]),
    await rustFormat(write),
    checkComments(),
  ];
  if (!write)
    for (const project of ["tsconfig.json", "tsconfig.scripts.json", "tsconfig.examples.json", "page/tsconfig.json"])
      codes.push(await node("node_modules/typescript/bin/tsc", "-p", project));
  return Math.max(...codes);
}

/** @param {RegExp} pattern */
function tracked(pattern) {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  return files.split("\n").filter((file) => pattern.test(file));
}

/** @param {boolean} write */
async function rustFormat(write) {
  const cargo = findCargo() ?? "cargo";
  if (spawnSync(cargo, ["fmt", "--version"]).status !== 0) {
    process.stderr.write("Rust's format was not checked: rustup component add rustfmt.\n");
    return 0;
  }
  return run(cargo, [
    "fmt",
    ...(write ? [] : ["--check"]),
    "--manifest-path",
    path.join(root, "native/constraint/Cargo.toml"),
  ]);
}

/** biome leaves comments as they are. */
function checkComments() {
  const places = tracked(/^(src|test|scripts|bench|page)\/.*\.(ts|tsx|mjs)$/).flatMap((file) =>
    readFileSync(path.join(root, file), "utf8")
      .split("\n")
      .flatMap((line, index) =>
        line.length > widest && /^\s*(\/\/|\/\*|\*) /.test(line) && !/https?:\/\/\S{60}/.test(line)
          ? [`${file}:${index + 1}`]
          : [],
      ),
  );
  for (const place of places) process.stderr.write(`${place}: a comment of more than ${widest} columns\n`);
  return places.length > 0 ? 1 : 0;
}

/** @param {string} program @param {string[]} args @returns {Promise<number>} */
function run(program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await command(async () => {
    if ((await runChecks({ write: process.argv.includes("--write") })) !== 0)
      throw new SetupError("Not all checks passed.");
  });
}
