// Fear: the published package builds only where its checkout is. CADUCEUS_PACKAGE is what `npm pack` made.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run, type Outcome, type RunOptions } from "../process/run_program.js";
import { installPackage } from "./install_package.js";

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "caduceus built from source ")));
const installed = path.join(folder, "node_modules", "caduceus");
const isLinux = process.platform === "linux";
/** A network namespace of its own has none. Elsewhere only a proxy that nobody answers at. */
const withoutNetwork = isLinux && spawnSync("unshare", ["-rn", "true"]).status === 0 ? ["unshare", "-rn"] : [];
const closed = "http://127.0.0.1:9";

const environment = {
  npm_config_build_from_source: "true",
  // Neither crates that an earlier build left there, nor settings.
  CARGO_HOME: path.join(folder, "cargo home"),
  HTTP_PROXY: closed,
  HTTPS_PROXY: closed,
  http_proxy: closed,
  https_proxy: closed,
  npm_config_offline: "true",
};

beforeAll(() => installPackage(folder), 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }), 120_000);

test("the package has its sources and what builds them, and a license for each crate and each package of others within", () => {
  const has = (name: string) => existsSync(path.join(installed, name));
  expect(
    has("vendor/llama.cpp.tar.br") &&
      has("vendor/crates.tar.br") &&
      has("vendor/build_tools.tar.br") &&
      !has(".git") &&
      !has("llama.cpp/source") &&
      !has("scripts/package"),
  ).toBe(true);
  expect(readdirSync(path.join(folder, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
    "@standard-schema",
    "caduceus",
    "node-addon-api",
    "node-gyp-build",
  ]);
  const size = ["llama.cpp.tar.br", "crates.tar.br", "build_tools.tar.br"]
    .map((name) => statSync(path.join(installed, "vendor", name)).size)
    .reduce((sum, size) => sum + size);
  expect(size).toBeLessThan(3.5e6);
  const licenses = readFileSync(path.join(installed, "vendor/THIRD_PARTY_LICENSES.md"), "utf8");
  const lock = readFileSync(path.join(installed, "native/constraint/Cargo.lock"), "utf8");
  const crates = [...lock.matchAll(/^name = "(.+)"\nversion = "(.+)"\nsource = /gm)].map(
    ([, name, version]) => `| ${name} | ${version} |`,
  );
  expect(crates.length).toBeGreaterThan(20);
  expect(crates.filter((crate) => !licenses.includes(crate))).toEqual([]);
  for (const name of ["ajv-formats", "hono", "commander", "cmake-js", "yargs", "tar"])
    expect(licenses).toContain(`| ${name} | `);
});

test.runIf(isLinux)(
  "without Rust and CMake the install script says so in one sentence, before it does anything",
  async () => {
    const { code, stderr } = await install(["git", "cargo", "rustc", "cmake"]);
    expect(stderr).toMatch(
      /^Caduceus needs .*CMake 3\.21 or newer and Rust 1\.87 or newer, which are not on this machine: install them with `[^`]+`\.\n$/,
    );
    expect(code).toBe(1);
    expect(existsSync(path.join(installed, "llama.cpp/source"))).toBe(false);
  },
);

test.runIf(isLinux)("an archive that was damaged on the way is named", async () => {
  const archive = path.join(installed, "vendor/llama.cpp.tar.br");
  const bytes = readFileSync(archive);
  writeFileSync(archive, bytes.subarray(0, 1000));
  const { code, stderr } = await install(["git"]);
  writeFileSync(archive, bytes);
  expect(stderr).toMatch(/^vendor\/llama\.cpp\.tar\.br is damaged \(.*\): install the package again\.$/m);
  expect(code).toBe(1);
});

test("npm shows what made a build fail, though it removes the log together with the package", async () => {
  const file = path.join(installed, "CMakeLists.txt");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, `message(FATAL_ERROR "the compiler is on strike")\n${text}`);
  const { code, stderr } = await cutOff("npm", ["rebuild", "caduceus"], { env: environment });
  writeFileSync(file, text);
  expect(stderr).toContain("The native build ended with code 1.");
  expect(stderr).toContain("the compiler is on strike");
  expect(code).not.toBe(0);
}, 300_000);

test("without network and git, in a folder with spaces in its name, the package builds and generates", async () => {
  const built = await cutOff("npm", ["rebuild", "caduceus", "--foreground-scripts"], {
    env: { ...environment, PATH: pathWithout(["git"]) },
    timeoutMs: 3_500_000,
  });
  expect(built.code, built.stderr + built.stdout).toBe(0);
  expect(existsSync(path.join(installed, "build/Release/caduceus.node"))).toBe(true);
  // What is needed to run, and what another build would begin from.
  for (const name of [
    ".cache/native",
    ".cache/crates",
    ".cache/build_tools",
    "llama.cpp/source",
    "llama.cpp/source.tree",
  ])
    expect(existsSync(path.join(installed, name)), name).toBe(false);
  expect(megabytes(installed)).toBeLessThan(40);
  process.stderr.write(
    `built in ${(built.milliseconds / 60_000).toFixed(1)} minutes, taking ${megabytes(installed)} MB${withoutNetwork.length > 0 ? ", without any network" : ""}\n`,
  );

  const answer = async (library: string) => {
    writeFileSync(
      path.join(folder, "answer.mjs"),
      `
      import { load } from ${JSON.stringify(library)};
      const model = await load("smollm2");
      const { text } = await model.reply("What is the capital of France?", { maxTokens: 24, temperature: 0, deterministic: true });
      await model.close();
      console.log(text);
    `,
    );
    return cutOff(process.execPath, ["answer.mjs"]);
  };
  const answered = await answer("caduceus");
  expect(answered.code, answered.stderr).toBe(0);
  expect(answered.stdout.length).toBeGreaterThan(20);
  // Both are tuned to this machine.
  expect(answered.stdout).toBe((await answer(new URL("../../dist/index.js", import.meta.url).href)).stdout);
});

/** npm's install script by itself: npm would put its own words around. */
function install(hidden: readonly string[]): Promise<Outcome> {
  return cutOff(process.execPath, [path.join(installed, "scripts/install.mjs")], {
    env: { ...environment, PATH: pathWithout(hidden) },
  });
}

function megabytes(of: string): number {
  const files = readdirSync(of, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.round(
    files.reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0) / 1e6,
  );
}

function cutOff(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [first = program, ...rest] = [...withoutNetwork, program, ...args];
  return run(first, rest, { ...options, cwd: folder });
}

/** A search path with everything on it but these: git lies where compilers lie. */
function pathWithout(hidden: readonly string[]): string {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((name) => existsSync(name));
  if (!isLinux) return folders.join(path.delimiter);
  const links = path.join(folder, `without ${hidden.join(" ")}`);
  mkdirSync(links, { recursive: true });
  for (const name of folders.flatMap((from) => readdirSync(from).map((name) => path.join(from, name)))) {
    const link = path.join(links, path.basename(name));
    if (!hidden.includes(path.basename(name)) && !existsSync(link)) symlinkSync(name, link);
  }
  return links;
}
