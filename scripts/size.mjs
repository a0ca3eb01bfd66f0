// `npm run size [-- --tarball FILE] [--runs 11] [--json]`: what a user of the package downloads, waits for and has on
// disk, next to the other packages for Node. Each is installed into an empty folder with npm and without install
// scripts, as prebuilt ones can be.
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { inTurn, median } from "../bench/figures.mjs";
import { findTarball } from "./package/tarball.mjs";
import { command } from "./setup/command.mjs";
import { setUp } from "./setup.mjs";
import { root } from "./setup/paths.mjs";
import { showProgress } from "./setup/progress.mjs";
import { npmCommand, SetupError } from "./setup/run_logged.mjs";

/**
 * @typedef {object} Install
 * @property {string} folder
 * @property {number} packages itself included
 * @property {number} downloadBytes all tarballs
 * @property {number} diskBytes all files of node_modules
 * @property {number} installMs with the tarballs in npm's cache: without the network
 *
 * @typedef {Omit<Install, "folder"> & { importMs: number, firstTokenMs?: number }} Figures
 */

const installs = 3;
const firstTokens = 5;

await command(async () => {
  const { values } = parseArgs({
    options: { tarball: { type: "string" }, runs: { type: "string", default: "11" }, json: { type: "boolean" } },
  });
  const runs = Number(values.runs);
  if (!Number.isSafeInteger(runs) || runs < 1)
    throw new SetupError(`Invalid value for --runs: ${values.runs}. Expected a whole number of at least 1.`);
  await setUp("size");
  const tarball = await findTarball(values.tarball);
  const { dependencies: peers } = JSON.parse(await readFile(path.join(root, "bench/peers/package.json"), "utf8"));
  /** @type {Record<string, string>} what npm is asked for */
  const wanted = {
    caduceus: tarball,
    ...Object.fromEntries(Object.entries(peers).map(([name, version]) => [name, `${name}@${version}`])),
  };

  const world = await mkdtemp(path.join(tmpdir(), "caduceus-size-"));
  try {
    /** @type {Record<string, Install>} */
    const installed = {};
    for (const [name, request] of Object.entries(wanted))
      installed[name] = await showProgress(name, () => install(world, name, request, tarball));
    const importMs = await importTimes(installed, runs);
    const firstTokenMs = median(await firstTokenTimes(/** @type {Install} */ (installed.caduceus).folder));
    /** @type {Record<string, Figures>} */
    const figures = {};
    for (const [name, { folder, ...rest }] of Object.entries(installed)) {
      figures[name] = {
        ...rest,
        importMs: /** @type {number} */ (importMs[name]),
        ...(name === "caduceus" ? { firstTokenMs } : {}),
      };
    }
    process.stdout.write(
      values.json
        ? `${JSON.stringify({ platform: `${process.platform}-${process.arch}`, node: process.versions.node, wanted: { ...wanted, caduceus: path.basename(tarball) }, figures }, null, 2)}\n`
        : table(figures),
    );
  } finally {
    await rm(world, { recursive: true, force: true });
  }
});

/**
 * @param {string} world
 * @param {string} name
 * @param {string} request
 * @param {string} tarball
 * @returns {Promise<Install>}
 */
async function install(world, name, request, tarball) {
  // One that holds nothing else, so that it tells what was downloaded.
  const cache = path.join(world, `cache-${name.replace("/", "-")}`);
  const times = [];
  let folder = "";
  for (let run = 0; run <= installs; run++) {
    await rm(folder || path.join(world, "none"), { recursive: true, force: true });
    folder = await mkdtemp(path.join(world, "project-"));
    await writeFile(
      path.join(folder, "package.json"),
      '{ "name": "project", "version": "1.0.0", "private": true, "type": "module" }',
    );
    const [program, args] = npmCommand([
      "install",
      request,
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--no-package-lock",
      "--prefer-offline",
      "--loglevel=error",
      "--cache",
      cache,
    ]);
    const begin = performance.now();
    execFileSync(program, args, {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      env: withoutNpm(process.env),
      shell: program.endsWith(".cmd"),
    });
    // The first one fills the cache.
    if (run > 0) times.push(performance.now() - begin);
  }
  const modules = path.join(folder, "node_modules");
  const packages = Object.entries(
    JSON.parse(await readFile(path.join(modules, ".package-lock.json"), "utf8")).packages,
  );
  let downloadBytes = 0;
  for (const [, { integrity, resolved }] of /** @type {Array<[string, { integrity: string, resolved?: string }]>} */ (
    packages
  )) {
    downloadBytes += resolved?.startsWith("file:") ? (await stat(tarball)).size : await cachedBytes(cache, integrity);
  }
  return {
    folder,
    packages: packages.length,
    downloadBytes,
    diskBytes: await folderBytes(modules),
    installMs: median(times),
  };
}

/**
 * Size of a tarball in npm's cache, where it lies under its own hash.
 * @param {string} cache
 * @param {string} integrity
 */
async function cachedBytes(cache, integrity) {
  const [algorithm = "", hash = ""] = integrity.split(/-(.*)/s);
  const hex = Buffer.from(hash, "base64").toString("hex");
  return (
    await stat(path.join(cache, "_cacache", "content-v2", algorithm, hex.slice(0, 2), hex.slice(2, 4), hex.slice(4)))
  ).size;
}

/** @param {string} folder @returns {Promise<number>} */
async function folderBytes(folder) {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    entries.map(async (entry) => (await stat(path.join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * How much longer a process takes that imports the package than one that does nothing.
 * @param {Record<string, Install>} installed
 * @param {number} runs
 * @returns {Promise<Record<string, number>>}
 */
async function importTimes(installed, runs) {
  const start = async (/** @type {string} */ folder, /** @type {string} */ program) => {
    const begin = performance.now();
    // Some of them leave a process that does not end by itself.
    execFileSync(process.execPath, ["--input-type=module", "-e", `${program}\nprocess.exit();`], {
      cwd: folder,
      stdio: "ignore",
    });
    return performance.now() - begin;
  };
  const folder = /** @type {Install} */ (installed.caduceus).folder;
  const times = await inTurn(runs, {
    empty: () => start(folder, ""),
    ...Object.fromEntries(
      Object.entries(installed).map(([name, { folder }]) => [
        name,
        () => start(folder, `await import(${JSON.stringify(name)});`),
      ]),
    ),
  });
  const empty = median(times.empty ?? []);
  return Object.fromEntries(Object.keys(installed).map((name) => [name, median(times[name] ?? []) - empty]));
}

/**
 * From `load` to the first text of the default model, its file in the page cache, each in a process of its own.
 * @param {string} folder
 */
async function firstTokenTimes(folder) {
  const { fetchDefaultModel } = await import("../dist/files/index.js");
  const model = await fetchDefaultModel();
  const program = path.join(folder, "first_token.mjs");
  await writeFile(
    program,
    `
    import { load } from "caduceus";
    const begin = performance.now();
    const model = await load(process.argv[2], { prefixFolder: false });
    for await (const _ of model.reply("Why is the sky blue?").textStream) break;
    console.log(performance.now() - begin);
    await model.close();
  `,
  );
  const times = [];
  for (let run = 0; run <= firstTokens; run++) {
    const milliseconds = Number(
      execFileSync(process.execPath, [program, model], {
        cwd: folder,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
      }),
    );
    // The first one brings the file into the page cache.
    if (run > 0) times.push(milliseconds);
  }
  return times;
}

/** @param {NodeJS.ProcessEnv} env */
function withoutNpm(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_(?!config_(cafile|registry))/.test(name)));
}

/** @param {Record<string, Figures>} figures */
function table(figures) {
  const megabytes = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const rows = Object.entries(figures).map(
    ([name, { packages, downloadBytes, diskBytes, installMs, importMs, firstTokenMs }]) => [
      name,
      String(packages),
      megabytes(downloadBytes),
      megabytes(diskBytes),
      `${(installMs / 1000).toFixed(1)} s`,
      `${importMs.toFixed(0)} ms`,
      firstTokenMs === undefined ? "" : `${firstTokenMs.toFixed(0)} ms`,
    ],
  );
  const all = [["package", "packages", "download", "on disk", "install", "import", "first token"], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all
    .map(
      (row) =>
        `${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  ")}\n`,
    )
    .join("");
}
