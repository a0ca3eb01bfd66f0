// What a checkout needs before it can run, in order. Each step knows in milliseconds whether it is up to date.
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { cacheFolder, root } from "./paths.mjs";
import { npmCommand, runLogged } from "./run_logged.mjs";
import { llamaArchive, vendoredArchive } from "./vendored.mjs";

/**
 * @typedef {object} Step
 * @property {string} title
 * @property {Array<import("./check_tools.mjs").Tool>} tools what `run` needs besides Node and npm
 * @property {() => Promise<boolean>} isCurrent
 * @property {(report: (text: string) => void) => Promise<void>} run
 */

/** @type {Step} */
export const packages = {
  title: "packages",
  tools: [],
  isCurrent: async () => packagesMatchLock(),
  // Our own install script is what the later steps are; the packages themselves have none that matters here.
  run: () => npm("packages", "ci", root),
};

/** npm keeps a list of what it installed; optional packages of other platforms are not in it. */
function packagesMatchLock() {
  const read = (/** @type {string} */ name) => JSON.parse(readFileSync(path.join(root, name), "utf8")).packages;
  if (!existsSync(path.join(root, "node_modules", ".package-lock.json"))) return false;
  const wanted = read("package-lock.json");
  const installed = read("node_modules/.package-lock.json");
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === "") return true;
    const found = installed[name];
    return found === undefined
      ? entry.optional === true
      : found.version === entry.version && existsSync(path.join(root, name));
  });
}

/** @type {Step} */
export const peerPackages = ownPackages(
  "node-llama-cpp and llama.node, to be measured against",
  "peers",
  path.join(root, "bench", "peers"),
);

/** @type {Step} */
export const sitePackages = ownPackages("what builds the site", "site", path.join(root, "docs"));

/** @type {Step} */
export const consumerPackages = ownPackages(
  "runtimes, package managers and bundlers, to try the packed package with",
  "consumers",
  path.join(root, "test", "package", "tools"),
);

/**
 * Packages that only one command needs, in a folder of their own.
 * @param {string} title @param {string} log @param {string} folder @returns {Step}
 */
function ownPackages(title, log, folder) {
  return {
    title,
    tools: [],
    isCurrent: async () => {
      const wanted = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")).dependencies;
      const installed = (/** @type {string} */ name) =>
        readFile(path.join(folder, "node_modules", name, "package.json"), "utf8").then(
          (text) => JSON.parse(text).version,
          () => undefined,
        );
      return (
        await Promise.all(Object.keys(wanted).map(async (name) => (await installed(name)) === wanted[name]))
      ).every(Boolean);
    },
    // Their versions are exact, and no lock file holds: npm leaves the other platforms' packages out of it and then
    // misses them. Their binaries come as packages; their install scripts would look for GPUs and compilers.
    run: () => npm(log, "install", folder, "--no-package-lock"),
  };
}

/** @param {string} log @param {"ci" | "install"} verb @param {string} folder @param {string[]} more */
async function npm(log, verb, folder, ...more) {
  const [program, args] = npmCommand([
    verb,
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    ...more,
  ]);
  await runLogged(log, program, args, { cwd: folder, what: `npm ${verb}` });
}

/** @type {Step} */
export const llamaSource = {
  title: "llama.cpp source",
  tools: vendoredArchive(llamaArchive) === undefined ? ["git"] : [],
  isCurrent: async () => (await import("../fetch_llama_cpp.mjs")).isCurrent(),
  run: async (report) => (await import("../fetch_llama_cpp.mjs")).fetchLlamaCpp(report),
};

/** @type {Step} What the published package brings besides what is in the checkout. */
export const vendor = {
  title: "sources and licenses for the package",
  tools: ["rust"],
  // Its licenses are those of what is in dist/.
  isCurrent: async () =>
    packagesMatchLock() && (await typescript.isCurrent()) && (await import("../package/vendor.mjs")).isCurrent(),
  run: async (report) => (await import("../package/vendor.mjs")).makeVendor(report),
};

/** @param {import("../build/build_options.mjs").BuildOptions} [extra] @param {string} [title] @returns {Step} */
export function nativeBuild(extra = {}, title = "native build") {
  return {
    title,
    tools: ["compiler", "cmake", "rust"],
    isCurrent: async () => {
      const { installedOptions } = await import("../build/build_options.mjs");
      const { isBuilt } = await import("../build/build_tree.mjs");
      return isBuilt({ ...(await installedOptions()), ...extra });
    },
    run: async (report) => {
      const { build } = await import("../build.mjs");
      const { installedOptions } = await import("../build/build_options.mjs");
      await build({ ...(await installedOptions()), ...extra }, report);
    },
  };
}

/** @type {Step} */
export const typescript = stampedBuild(
  "TypeScript build",
  "typescript",
  "index.js",
  () => sourcesMark("src", ["tsconfig.json", "tsconfig.build.json", "rolldown.config.mjs", "package-lock.json"]),
  async () => {
    // Beside dist/ and then in its place, so that no removed file stays and nobody meets half of it.
    const next = path.join(root, `dist.${process.pid}`);
    const previous = path.join(root, `dist.${process.pid}.old`);
    try {
      await runLogged(
        "typescript",
        process.execPath,
        [path.join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json", "--outDir", next],
        { what: "The TypeScript build" },
      );
      await runLogged(
        "rolldown",
        process.execPath,
        [path.join(root, "node_modules/rolldown/bin/cli.mjs"), "--config", "rolldown.config.mjs", "--dir", next],
        { what: "Joining the modules" },
      );
      // Another step's, and not out of date because of this one.
      await rename(path.join(root, "dist", "page"), path.join(next, "page")).catch(() => {});
      await rename(path.join(root, "dist"), previous).catch(() => {});
      await rename(next, path.join(root, "dist"));
    } finally {
      await rm(next, { recursive: true, force: true });
      await rm(previous, { recursive: true, force: true });
    }
  },
);

/** @type {Step} */
export const page = stampedBuild(
  "web page",
  "page",
  "page/index.html",
  () => sourcesMark("page", ["package-lock.json"]),
  async () => {
    const next = path.join(root, `dist.page.${process.pid}`);
    try {
      await runLogged(
        "page",
        process.execPath,
        [path.join(root, "node_modules/vite/bin/vite.js"), "build", "page", "--outDir", next],
        { what: "The build of the page" },
      );
      await mkdir(path.join(root, "dist"), { recursive: true });
      await rm(path.join(root, "dist", "page"), { recursive: true, force: true });
      await rename(next, path.join(root, "dist", "page"));
    } finally {
      await rm(next, { recursive: true, force: true });
    }
  },
);

/**
 * What is made of sources, and again when their mark has changed. `made`: a file of it below dist/.
 * @param {string} title @param {string} name @param {string} made @param {() => Promise<string>} mark @param {() =>
 * Promise<void>} build
 * @returns {Step}
 */
function stampedBuild(title, name, made, mark, build) {
  const stamp = path.join(cacheFolder, `${name}.stamp`);
  return {
    title,
    tools: [],
    isCurrent: async () =>
      (await readFile(stamp, "utf8").catch(() => "")) === (await mark()) && existsSync(path.join(root, "dist", made)),
    run: async () => {
      // Of what is built, and not of what is changed meanwhile.
      const built = await mark();
      await build();
      await mkdir(cacheFolder, { recursive: true });
      await writeFile(stamp, built);
    },
  };
}

/** Changes when any of the files does. @param {string} folder @param {string[]} more */
async function sourcesMark(folder, more) {
  const hash = createHash("sha256");
  const sources = (await readdir(path.join(root, folder), { recursive: true }))
    .filter((name) => /\.(tsx?|json|css|html|svg)$/.test(name))
    .sort();
  for (const name of [...more, ...sources.map((name) => path.join(folder, name))]) {
    const { size, mtimeMs } = await stat(path.join(root, name));
    hash.update(`${name} ${size} ${mtimeMs};`);
  }
  return hash.digest("hex");
}

/** @type {Step} */
export const defaultModel = {
  title: "model smollm2",
  tools: ["python"],
  // The library itself knows; before it is built nobody does.
  isCurrent: async () => {
    return (await typescript.isCurrent()) && (await library()).hasDefaultModel();
  },
  run: async (report) => {
    const { fetchDefaultModel } = await library();
    await fetchDefaultModel({
      onProgress: (/** @type {{ fraction: number }} */ { fraction }) => report(`${Math.floor(100 * fraction)} %`),
    });
  },
};

const library = () => import(pathToFileURL(path.join(root, "dist/files/index.js")).href);

/** @type {Step} */
export const hermesTestModel = {
  title: "test model with Hermes' vocabulary",
  tools: [],
  isCurrent: async () => {
    if (!existsSync(path.join(root, "node_modules/mistral-tokenizer-js"))) return false;
    const { cachedModelPath } = await testModels();
    return existsSync(cachedModelPath(hermesTestOptions));
  },
  run: async () => {
    const { cachedModel } = await testModels();
    await cachedModel(hermesTestOptions);
  },
};

/** The one that the C++ tests load, too. */
export const hermesTestOptions = /** @type {const} */ ({ shape: "tiny", added: "control" });
export const testModels = () => import("../../test/support/gguf/make_model.mjs");
