// Gathers the licenses of everything that ends up in the package: its binaries, its JavaScript, its archives and its
// web page. What npm installs beside us brings its own.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { root } from "../setup/paths.mjs";
import { SetupError } from "../setup/run_logged.mjs";

/** @typedef {{ name: string, version: string, license: string, where: string, texts: string[] }} Entry */

/** @param {string} folder */
export const licensesFile = (folder) => path.join(folder, "THIRD_PARTY_LICENSES.md");

/** @param {string} folder where to @param {{ crates: string, llama: string }} sources */
export async function writeLicenses(folder, { crates, llama }) {
  const lock = await readFile(path.join(root, "native", "constraint", "Cargo.lock"), "utf8");
  const entries = [
    await llamaEntry(llama),
    ...(await crateEntries(crates, lock)),
    await packageEntry("node-addon-api", "the addon"),
    ...(await toolchainEntries()),
    ...(await Promise.all((await bundledPackages()).map((name) => packageEntry(name, "the JavaScript")))),
    ...(await Promise.all(
      (await buildTools()).map((name) => packageEntry(name, inTools[name] ?? "the tools for building")),
    )),
    ...(await Promise.all((await pagePackages()).map((name) => packageEntry(name, "the web page")))),
  ];
  await writeFile(licensesFile(folder), formatLicenses(entries));
}

/** A table, then each text once. @param {Entry[]} entries */
export function formatLicenses(entries) {
  /** @type {Map<string, string>} by what remains when line breaks and indents differ */
  const texts = new Map();
  const numberOf = (/** @type {string} */ text) => {
    const key = text.replace(/\s+/g, " ").trim();
    if (!texts.has(key)) texts.set(key, text.replaceAll("\r\n", "\n").replace(/^\n+|\s+$/g, ""));
    return [...texts.keys()].indexOf(key) + 1;
  };
  const rows = entries.map((entry) => {
    const missing =
      entry.license === "" ? "license" : entry.texts.some((text) => text.trim() !== "") ? undefined : "license text";
    if (missing !== undefined)
      throw new SetupError(
        `${entry.name} ${entry.version} has no ${missing}: look for it at its origin and add it in scripts/package/licenses.mjs.`,
      );
    const links = [...new Set(entry.texts.map(numberOf))].map((number) => `[${number}](#text-${number})`);
    return `| ${entry.name} | ${entry.version} | ${entry.license} | ${entry.where} | ${links.join(", ")} |`;
  });
  return [
    "# Third-party licenses\n",
    "What Caduceus' binaries, its JavaScript, its archives and its web page are made of, besides its own code.\n",
    "| What | Version | License | In | Texts |\n|---|---|---|---|---|",
    ...rows,
    ...[...texts.values()].map((text, index) => `\n## Text ${index + 1}\n\n\`\`\`\`text\n${text}\n\`\`\`\``),
    "",
  ].join("\n");
}

/**
 * Each crate of the lock file. Macros are only run by the compiler, yet what they write is linked.
 * @param {string} folder
 * @param {string} lock
 */
export async function crateEntries(folder, lock) {
  const locked = [...lock.matchAll(/^name = "(.+)"\r?\nversion = "(.+)"\r?\nsource = /gm)].map(
    ([, name = "", version = ""]) => ({ name, version }),
  );
  return Promise.all(
    locked.map(async ({ name, version }) => {
      const crate = path.join(folder, `${name}-${version}`);
      const manifest = await readFile(path.join(crate, "Cargo.toml"), "utf8").catch(() => {
        throw new SetupError(
          `The crate ${name} ${version} of Cargo.lock is not among the vendored ones: delete .cache/crates and try again.`,
        );
      });
      const license = /^license = "(.+)"/m.exec(manifest)?.[1] ?? "";
      return { name, version, license, where: "the addon (Rust)", texts: await licenseTexts(crate) };
    }),
  );
}

/** @param {string} folder @returns {Promise<Entry>} */
async function llamaEntry(folder) {
  const { version } = JSON.parse(await readFile(path.join(root, "llama.cpp", "pin.json"), "utf8"));
  const sgemm = await readFile(path.join(folder, "ggml", "src", "ggml-cpu", "llamafile", "sgemm.cpp"), "utf8");
  // Two parts have other authors; the second names its license without its text.
  const [header = ""] = /^(\/\/.*\r?\n)+/.exec(sgemm) ?? [];
  return {
    name: "llama.cpp with ggml",
    version,
    license: "MIT",
    where: "the addon",
    texts: [...(await licenseTexts(folder)), header.replace(/^\/\/ ?/gm, ""), await ownText("yarn")],
  };
}

/** What compilers add. Their packages bring no texts, or only in a form for browsers. @returns {Promise<Entry[]>} */
async function toolchainEntries() {
  const [rust, llvm, zig] = await Promise.all(["rust-std", "llvm", "zig"].map(ownText));
  const where = "the addon as built for Linux";
  return [
    {
      name: "Rust's standard library and the crates in it",
      version: "",
      license: "MIT OR Apache-2.0, and as its texts say",
      where: "the addon",
      texts: [/** @type {string} */ (rust), /** @type {string} */ (llvm)],
    },
    {
      name: "libc++, libc++abi, libunwind",
      version: "",
      license: "Apache-2.0 WITH LLVM-exception",
      where,
      texts: [/** @type {string} */ (llvm)],
    },
    {
      name: "Zig's compiler-rt",
      version: "",
      license: "MIT",
      where,
      texts: [/** @type {string} */ (zig), /** @type {string} */ (llvm)],
    },
  ];
}

/** @param {string} name */
function ownText(name) {
  return readFile(fileURLToPath(new URL(`licenses/${name}.txt`, import.meta.url)), "utf8");
}

/** @param {string} name @param {string} where @returns {Promise<Entry>} */
async function packageEntry(name, where) {
  const folder = path.join(root, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
  return { name, version, license: license ?? "", where, texts: await licenseTexts(folder) };
}

/** Whose code is in dist/, as its source maps say. @returns {Promise<string[]>} */
export async function bundledPackages() {
  const dist = path.join(root, "dist");
  const maps = (await readdir(dist, { recursive: true }).catch(() => [])).filter((name) => /\.c?js\.map$/.test(name));
  if (maps.length === 0)
    throw new SetupError("dist/ holds no source maps, by which its licenses are found: run `npm run build`.");
  const sources = await Promise.all(
    maps.map(async (name) => JSON.parse(await readFile(path.join(dist, name), "utf8")).sources.map(String)),
  );
  const names = sources.flat().map((source) => {
    const [, name, more] = /^(?:\.\.\/)+node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)/.exec(source) ?? [];
    if (more?.includes("node_modules/"))
      throw new SetupError(
        `${name} has a package of its own in dist/: teach bundledPackages in scripts/package/licenses.mjs to find its license.`,
      );
    return name;
  });
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

/** Some of it is in the addon as well. @type {Record<string, string>} */
const inTools = {
  "cmake-js": "the tools for building, the addon on Windows (delay-load hook)",
  "node-api-headers": "the tools for building, the addon",
};

/** cmake-js, tar, and all that they need. @returns {Promise<string[]>} */
export async function buildTools() {
  const { packages } = JSON.parse(await readFile(path.join(root, "package-lock.json"), "utf8"));
  const found = new Set(["cmake-js", "tar"]);
  // A set that grows while it is walked.
  for (const name of found) {
    const { dependencies = {} } = packages[`node_modules/${name}`];
    for (const needed of Object.keys(dependencies)) {
      if (`node_modules/${name}/node_modules/${needed}` in packages)
        throw new SetupError(
          `${name} has a ${needed} of its own: teach buildTools in scripts/package/licenses.mjs to take it along.`,
        );
      found.add(needed);
    }
  }
  return [...found].sort();
}

/** What the page imports, and what that depends on: vite puts all of it into one file. */
async function pagePackages() {
  const folder = path.join(root, "page");
  const sources = (await readdir(folder, { recursive: true })).filter(
    (name) => /\.tsx?$/.test(name) && name !== "vite.config.ts",
  );
  /** @type {Set<string>} */
  const found = new Set();
  for (const name of sources) {
    const source = await readFile(path.join(folder, name), "utf8");
    for (const [, from = ""] of source.matchAll(/(?:from|import) "([^".][^"]*)"/g))
      found.add(/^(@[^/]+\/)?[^/]+/.exec(from)?.[0] ?? from);
  }
  // A set that grows while it is walked.
  for (const name of found) {
    const { dependencies = {} } = JSON.parse(
      await readFile(path.join(root, "node_modules", name, "package.json"), "utf8"),
    );
    for (const needed of Object.keys(dependencies)) found.add(needed);
  }
  return [...found].sort();
}

/** @param {string} folder */
async function licenseTexts(folder) {
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
  const names = files
    .map(({ name }) => name)
    .filter((name) => /^(licen[cs]e|copying|unlicense|notice)/i.test(name))
    .sort();
  return Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8")));
}
