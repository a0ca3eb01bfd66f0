// The files of one folder and nothing outside of it: a path is followed to where it really leads before it is used.
import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, realpath } from "node:fs/promises";
import path from "node:path";

const largestFile = 200_000;
/** Files in these would run commands (hooks), or are not the project's own. */
const closed = new Set([".git", "node_modules"]);
// Whoever puts a link there between the check and the opening gets an error. (Windows knows no such flag.)
const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW = 0 } = constants;

export class Workspace {
  /** @param {string} root as `realpath` gives it */
  constructor(root) {
    this.root = root;
  }

  /** The paths of all files. @param {string} [folder] @returns {Promise<string[]>} */
  async list(folder = ".") {
    const entries = await readdir(await this.#existing(folder), { withFileTypes: true });
    const names = entries
      .filter(({ name }) => !closed.has(name))
      .map((entry) => {
        const name = path.posix.join(folder, entry.name);
        return entry.isDirectory() ? this.list(name) : entry.isFile() ? [name] : [];
      });
    return (await Promise.all(names)).flat().sort();
  }

  /** @param {string} name */
  async read(name) {
    const place = await this.#existing(name);
    const { size } = await this.#checkFile(place, name);
    if (size > largestFile) throw new Error(`${name} has ${size} bytes, more than ${largestFile}.`);
    const text = await withFile(place, O_RDONLY, (file) => file.readFile("utf8"));
    if (text.includes("\0")) throw new Error(`${name} is no text.`);
    return text;
  }

  /** Whether a file is there or not; its folders are made. @param {string} name @param {string} text */
  async write(name, text) {
    const place = await this.target(name);
    await mkdir(path.dirname(place), { recursive: true });
    await withFile(place, O_WRONLY | O_CREAT | O_TRUNC, (file) => file.writeFile(text));
  }

  /** What `write` and `replace` would write to. @param {string} name */
  async target(name) {
    const place = await this.#real(path.resolve(this.root, name));
    await this.#checkFile(place, name).catch((error) => error.code === "ENOENT" || Promise.reject(error));
    return place;
  }

  /** @param {string} name @param {string} find occurs once in it @param {string} replacement */
  async replace(name, find, replacement) {
    const parts = (await this.read(name)).split(find);
    if (parts.length !== 2) throw new Error(`The text occurs ${parts.length - 1} times in ${name}, not once.`);
    await this.write(name, parts.join(replacement));
  }

  /** Lines with a text, as `file:line: text`. @param {string} text @param {number} most */
  async search(text, most) {
    const found = [];
    for (const name of await this.list()) {
      const lines = (await this.read(name).catch(() => "")).split("\n");
      for (const [index, line] of lines.entries()) {
        if (line.includes(text)) found.push(`${name}:${index + 1}: ${line.trim().slice(0, 200)}`);
        if (found.length === most) return found;
      }
    }
    return found;
  }

  /** @param {string} name */
  async #existing(name) {
    return this.#inside(await realpath(this.#inside(path.resolve(this.root, name))));
  }

  /** Where a path leads that need not be there yet. @param {string} place @returns {Promise<string>} */
  async #real(place) {
    this.#inside(place);
    try {
      return this.#inside(await realpath(place));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      const isLink = await lstat(place).then(() => true, () => false);
      if (isLink) throw new Error(`${path.relative(this.root, place)} is a link to nothing.`);
      return path.join(await this.#real(path.dirname(place)), path.basename(place));
    }
  }

  /** @param {string} place */
  #inside(place) {
    const steps = path.relative(this.root, place).split(path.sep);
    if (steps[0] === ".." || path.isAbsolute(steps.join(path.sep))) throw new Error("That is outside of the folder.");
    const step = steps.find((step) => closed.has(step.toLowerCase()));
    if (step !== undefined) throw new Error(`${step} is closed to you.`);
    return place;
  }

  /** @param {string} place @param {string} name */
  async #checkFile(place, name) {
    const stats = await lstat(place);
    if (!stats.isFile()) throw new Error(`${name} is no file.`);
    return stats;
  }
}

/**
 * @template T @param {string} place @param {number} flags
 * @param {(file: import("node:fs/promises").FileHandle) => Promise<T>} use
 */
async function withFile(place, flags, use) {
  const file = await open(place, flags | O_NOFOLLOW);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
