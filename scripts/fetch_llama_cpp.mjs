// Puts llama.cpp's source beside its pin and verifies the git tree id, whichever place it came from. The published
// package contains a subset, which has no tree id: it was made from the verified tree, and is verified by the SHA-256
// of its archive.
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { cacheFolder, llamaSource, root } from "./setup/paths.mjs";
import { npmCommand, runLogged, SetupError } from "./setup/run_logged.mjs";
import { unpackArchive } from "./setup/archive.mjs";
import { llamaArchive, vendoredArchive } from "./setup/vendored.mjs";

const stampFile = path.join(root, "llama.cpp", "source.tree");
const log = "llama.cpp";

/** @typedef {{ version: string, tree: string, commit: string, sources: Array<Record<string, string>> }} Pin */

/** @returns {Promise<Pin>} */
export async function readPin() {
  return JSON.parse(await readFile(path.join(root, "llama.cpp", "pin.json"), "utf8"));
}

/** The source is there and was verified: as the pinned tree, in the package as what its archive holds. */
export async function isCurrent() {
  const wanted = vendoredArchive(llamaArchive)?.sha256 ?? (await readPin()).tree;
  const stamp = await readFile(stampFile, "utf8").catch(() => "");
  return stamp.trim() === wanted && (await exists(path.join(llamaSource, "CMakeLists.txt")));
}

/** @param {(text: string) => void} report */
export async function fetchLlamaCpp(report = () => {}) {
  const pin = await readPin();
  await mkdir(cacheFolder, { recursive: true });
  const work = await mkdtemp(path.join(cacheFolder, "llama.cpp-"));
  /** @type {string[]} */
  const failures = [];
  try {
    for (const source of pin.sources) {
      const place = describePlace(source);
      if (place === undefined) continue;
      const folder = path.join(work, source.kind ?? "source");
      try {
        report(place);
        if (source.kind === "archive") return await unpack();
        await materialize(source, folder, work);
        const tree = await treeOf(folder, work);
        if (tree !== pin.tree) throw new Error(`its tree is ${tree}, not the pinned ${pin.tree}`);
        await putInPlace(folder, pin.tree);
        return;
      } catch (error) {
        // Whoever got the sources with the package expects no network.
        if (source.kind === "archive") throw error;
        failures.push(`  ${place}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  throw new SetupError(
    `llama.cpp ${pin.version} could not be fetched. Connect to a network, or set CADUCEUS_LLAMA_CPP_DIR to a folder with its source.\n${failures.join("\n")}`,
  );
}

/** Undefined when the place does not apply here. @param {Record<string, string>} source */
function describePlace(source) {
  if (source.kind === "archive") return vendoredArchive(llamaArchive) && "the package's own archive";
  if (source.kind === "folder")
    return process.env[source.environment ?? ""] ? `folder ${process.env[source.environment ?? ""]}` : undefined;
  return source.kind === "npm" ? `npm package ${source.package}` : `${source.url} at ${source.tag}`;
}

/** @param {Record<string, string>} source @param {string} folder @param {string} work */
async function materialize(source, folder, work) {
  if (source.kind === "folder") {
    const from = path.resolve(process.env[source.environment ?? ""] ?? "");
    // A checkout may hold build output: its commit is what counts. A plain folder must be exact.
    if (await exists(path.join(from, ".git"))) await clone(from, folder, []);
    else await cp(from, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  } else if (source.kind === "npm") {
    const [npm, args] = npmCommand([
      "pack",
      "--silent",
      "--json=false",
      "--ignore-scripts",
      "--pack-destination",
      work,
      source.package ?? "",
    ]);
    const output = await runLogged(log, npm, args, { cwd: work, append: true });
    const archive = path.join(work, path.basename(output.trim().split("\n").pop() ?? ""));
    await runLogged(log, "tar", ["-xzf", archive, "-C", work, source.bundle ?? ""], { append: true });
    await clone(path.join(work, source.bundle ?? ""), folder, []);
  } else {
    await clone(source.url ?? "", folder, ["--depth", "1", "--branch", source.tag ?? ""]);
  }
}

/** @param {string} from @param {string} folder @param {string[]} options */
async function clone(from, folder, options) {
  const settings = ["-c", "core.autocrlf=false", "-c", "core.symlinks=true", "-c", "advice.detachedHead=false"];
  await runLogged(log, "git", [...settings, "clone", "--quiet", ...settings, ...options, from, folder], {
    append: true,
  });
}

/** The git tree id of a folder's files as they lie there, with or without a repository of its own. */
async function treeOf(/** @type {string} */ folder, /** @type {string} */ work) {
  // On Windows the executable bits are not in the file system, so a clone's own answer is taken.
  if (process.platform === "win32" && (await exists(path.join(folder, ".git")))) {
    return (await runLogged(log, "git", ["-C", folder, "rev-parse", "HEAD^{tree}"], { append: true })).trim();
  }
  await rm(path.join(folder, ".git"), { recursive: true, force: true });
  const repository = path.join(work, "verify.git");
  await rm(repository, { recursive: true, force: true });
  const env = {
    ...process.env,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: process.platform === "win32" ? "NUL" : "/dev/null",
    GIT_DIR: repository,
    GIT_WORK_TREE: folder,
  };
  await runLogged(log, "git", ["init", "--quiet"], { env, append: true });
  // --force: llama.cpp tracks files that its own ignore rules name.
  await runLogged(
    log,
    "git",
    ["-c", "core.autocrlf=false", "-c", "core.looseCompression=0", "add", "--all", "--force", "."],
    { cwd: folder, env, append: true },
  );
  return (await runLogged(log, "git", ["write-tree"], { env, append: true })).trim();
}

async function unpack() {
  const archive = vendoredArchive(llamaArchive);
  if (archive === undefined) return;
  await rm(stampFile, { force: true });
  await unpackArchive(archive.file, archive.sha256, llamaSource);
  await writeStamp(archive.sha256);
}

/** The stamp goes first and comes last: a half-moved tree is never taken for the pinned one. */
async function putInPlace(/** @type {string} */ folder, /** @type {string} */ tree) {
  await rm(path.join(folder, ".git"), { recursive: true, force: true });
  await rm(stampFile, { force: true });
  await rm(llamaSource, { recursive: true, force: true });
  await rename(folder, llamaSource);
  await writeStamp(tree);
}

async function writeStamp(/** @type {string} */ verified) {
  await writeFile(`${stampFile}.new`, `${verified}\n`);
  await rename(`${stampFile}.new`, stampFile);
}

/** @param {string} file */
function exists(file) {
  return stat(file).then(
    () => true,
    () => false,
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (!(await isCurrent())) await fetchLlamaCpp((place) => process.stderr.write(`llama.cpp: ${place}\n`));
}
