// Archives of sources: tar within brotli, which Node reads by itself everywhere. Measured on llama.cpp's subset (14.7
// MB): gzip 2.17 MB, brotli 1.46 MB (a larger window gains nothing), xz 1.45 MB.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, constants } from "node:zlib";
import path from "node:path";
import { root } from "./paths.mjs";
import { SetupError } from "./run_logged.mjs";

// Loaded only when it is used: a fresh checkout asks what is missing before it has packages. The published package
// brings it along in one file; what lies beside that package may be anybody's.
/** @returns {Promise<typeof import("tar")>} */
const loadTar = () =>
  existsSync(path.join(root, "node_modules", "tar"))
    ? import("tar")
    : import(pathToFileURL(path.join(root, "vendor", "tar.mjs")).href);

/**
 * The same files give the same bytes, on any day and machine.
 * @param {string} file
 * @param {string} folder
 * @param {string[]} names files below it, with forward slashes
 * @returns {Promise<string>} its SHA-256
 */
export async function writeArchive(file, folder, names) {
  const pack = (await loadTar()).create(
    {
      cwd: folder,
      portable: true,
      noDirRecurse: true,
      strict: true,
      mtime: new Date(0),
      // Not what the disk says: umasks differ, and a checkout's files may be hard links.
      filter: (_, stat) => Object.assign(stat, { mode: 0o100644, nlink: 1 }) !== undefined,
    },
    [...names].sort(),
  );
  const plain = Buffer.concat(await pack.collect());
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
  };
  const packed = await promisify(brotliCompress)(plain, { params });
  await writeFile(file, packed);
  return sha256(packed);
}

/**
 * Puts an archive's files in place of a folder, all of them or none.
 * @param {string} file
 * @param {string} wanted its SHA-256
 * @param {string} folder
 */
export async function unpackArchive(file, wanted, folder) {
  const name = path.relative(root, file);
  const damaged = (/** @type {string} */ why) =>
    new SetupError(`${name} is damaged (${why}): install the package again.`);
  const packed = await readFile(file).catch((error) => {
    throw error.code === "ENOENT" ? new SetupError(`${name} is missing: install the package again.`) : error;
  });
  if (sha256(packed) !== wanted) throw damaged("its SHA-256 is not the recorded one");
  const next = `${folder}.${process.pid}`;
  try {
    await rm(next, { recursive: true, force: true });
    await mkdir(next, { recursive: true });
    const plain = await promisify(brotliDecompress)(packed).catch(() => {
      throw damaged("it is not brotli");
    });
    extract(await loadTar(), plain, next, damaged);
    await rm(folder, { recursive: true, force: true });
    await rename(next, folder);
  } finally {
    await rm(next, { recursive: true, force: true });
  }
}

/**
 * @param {typeof import("tar")} tar
 * @param {Buffer} plain
 * @param {string} folder
 * @param {(why: string) => SetupError} damaged
 */
function extract(tar, plain, folder, damaged) {
  /** @type {string | undefined} */
  let refused;
  const unpack = tar.extract({
    cwd: folder,
    sync: true,
    strict: true,
    preserveOwner: false,
    // The archive's own times would make files of a newer package look older than what was built of the last one.
    noMtime: true,
    filter: (name, entry) => {
      const isFile = "type" in entry && entry.type === "File";
      const staysInside = !path.isAbsolute(name) && !/^[A-Za-z]:/.test(name) && !name.split(/[\\/]/).includes("..");
      if (!isFile || !staysInside) refused ??= name;
      return refused === undefined;
    },
  });
  try {
    unpack.end(plain);
  } catch (error) {
    // What the disk refuses is not the archive's fault.
    if (/** @type {NodeJS.ErrnoException} */ (error).syscall !== undefined) throw error;
    throw damaged(error instanceof Error ? error.message : String(error));
  }
  if (refused !== undefined) throw damaged(`${refused} is no plain file inside its folder`);
}

/** @param {Buffer} content */
function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}
