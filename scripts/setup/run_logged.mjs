// Runs a program with its output in a log file, so that the terminal stays readable; on failure its errors and the
// log's tail are shown, since npm removes the log together with a package that does not install.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import path from "node:path";
import { logFolder, root } from "./paths.mjs";

/** Something the user can act on: printed as it stands, without a stack. */
export class SetupError extends Error {}

/** What the disk refuses, in a sentence with its remedy; undefined for any other error. @param {unknown} error */
export function diskError(error) {
  const { code, path: file, syscall } = /** @type {NodeJS.ErrnoException} */ (error ?? {});
  if (syscall === undefined) return undefined;
  const folder = file === undefined ? root : path.dirname(path.resolve(file));
  const where = `${folder}${path.sep}`.startsWith(root) ? path.resolve(root) : folder;
  if (code === "ENOSPC" || code === "EDQUOT") return new SetupError(diskFull);
  if (code === "EROFS")
    return new SetupError(
      `Caduceus cannot be built in ${where}, which is on a read-only file system: install it in a folder that can be written to.`,
    );
  if (code === "EACCES" || code === "EPERM")
    return new SetupError(
      `Caduceus cannot be built in ${where}, which this user may not write to: install it in a folder of your own.`,
    );
  return undefined;
}

/** Measured on Linux: 236 MB with the unpacked sources and the tree of the build. */
const diskFull = "The disk is full, and a build of Caduceus needs about 300 MB: make room and try again.";

const tailLines = 40;

/** Of compilers, linkers, CMake and cargo. @param {string} line */
const isError = (line) => /(?:^|[\s:])(?:fatal )?error(?:\[E\d+\])?:|CMake Error|undefined reference/i.test(line);

/**
 * @param {string} log name of the log, without folder and extension
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, append?: boolean, what?: string }}
 * [options]
 * @returns {Promise<string>} what the program wrote to its standard output
 */
export function runLogged(log, program, args, options = {}) {
  mkdirSync(logFolder, { recursive: true });
  const file = path.join(logFolder, `${log}.log`);
  const stream = createWriteStream(file, { flags: options.append ? "a" : "w" });
  /** @type {Error | undefined} */
  let logError;
  stream.write(`$ ${[program, ...args].join(" ")}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: options.env ?? inherited(),
      stdio: ["ignore", "pipe", "pipe"],
      // npm is a .cmd file on Windows, and those need a shell.
      shell: process.platform === "win32" && program.endsWith(".cmd"),
    });
    /** @type {string[]} */
    const tail = [];
    /** @type {string[]} */
    const errors = [];
    let output = "";
    let rest = "";
    const read = (/** @type {string} */ text) => {
      stream.write(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        tail.push(line);
        // Compilers that run beside the one that failed write on.
        const passed = tail.length > tailLines ? tail.shift() : undefined;
        if (passed !== undefined && isError(passed) && errors.length < 20) errors.push(passed);
        options.onLine?.(line);
      }
    };
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      read(text);
    });
    child.stderr.setEncoding("utf8").on("data", read);
    child.on("error", (error) => {
      stream.end();
      reject(new SetupError(`${program} could not be started: ${error.message}.`));
    });
    // Unheard it would end this process, and the program may come through without its log.
    stream.on("error", (error) => (logError = error));
    child.on("close", (code, signal) => {
      if (rest !== "") tail.push(rest);
      stream.end(() => {
        if (code === 0) return resolve(output);
        if (logError !== undefined) return reject(diskError(logError) ?? logError);
        if (tail.some((line) => /no space left on device|not enough space on the disk/i.test(line)))
          return reject(new SetupError(diskFull));
        const why = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
        const shown = [...errors, ...(errors.length > 0 ? ["…"] : []), ...tail].map((line) => `    ${line}`).join("\n");
        reject(new SetupError(`${options.what ?? program} ${why}. The end of ${path.relative(root, file)}:\n${shown}`));
      });
    });
  });
}

/** Without what git sets for its hooks: there our own git commands would act on the outer repository. */
function inherited() {
  const { GIT_DIR, GIT_WORK_TREE, GIT_INDEX_FILE, ...rest } = process.env;
  return rest;
}

/** On Windows `python3` is often the store's placeholder. */
export const python = process.platform === "win32" ? "python" : "python3";

/** npm as it runs us, else the one on the path. @param {string[]} args @returns {[string, string[]]} */
export function npmCommand(args) {
  const running = process.env.npm_execpath;
  if (running?.endsWith(".js")) return [process.execPath, [running, ...args]];
  return [process.platform === "win32" ? "npm.cmd" : "npm", args];
}
