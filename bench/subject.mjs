// Engines under test, each in a process of its own.
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { logFolder } from "../scripts/setup/paths.mjs";

/** @typedef {import("./subjects/subject.js").SubjectName} SubjectName */
/** @typedef {import("./subjects/subject.js").SubjectSettings} SubjectSettings */
/** @typedef {typeof import("./scenarios.mjs")} Scenarios */

const program = fileURLToPath(new URL("subject_process.mjs", import.meta.url));

export const everyone = /** @type {const} */ (["caduceus", "node-llama-cpp", "llama.node", "llama-server"]);
/**
 * llama.node's prebuilt binary uses no AVX and reads some 20 tokens a second: rows with long prompts would take hours.
 */
export const fastOnes = /** @type {const} */ (["caduceus", "node-llama-cpp", "llama-server"]);

export class SubjectProcess {
  /** @param {SubjectName} name @param {SubjectSettings} settings @param {NodeJS.ProcessEnv} [env] beside its own */
  static async open(name, settings, env) {
    // Not all of them can be told to be silent.
    mkdirSync(logFolder, { recursive: true });
    const log = openSync(path.join(logFolder, `bench-${name}.log`), "w");
    const child = fork(program, [name, JSON.stringify(settings)], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", log, log, "ipc"],
      env: { ...process.env, ...env },
    });
    closeSync(log);
    const subject = new SubjectProcess(child);
    subject.loadMs = /** @type {number} */ (await subject.#answer());
    return subject;
  }

  loadMs = 0;
  #child;

  /** @param {import("node:child_process").ChildProcess} child */
  constructor(child) {
    this.#child = child;
  }

  /**
   * @template {keyof Scenarios} S
   * @param {S} scenario @param {Parameters<Scenarios[S]>[1]} [options]
   * @returns {Promise<Awaited<ReturnType<Scenarios[S]>>>}
   */
  async run(scenario, options) {
    this.#child.send({ scenario, options });
    return /** @type {any} */ (await this.#answer());
  }

  async close() {
    const gone = once(this.#child, "exit");
    this.#child.send({ scenario: "close" });
    await gone;
  }

  /** @returns {Promise<unknown>} */
  #answer() {
    return new Promise((resolve, reject) => {
      const settle = (/** @type {() => void} */ how) => {
        this.#child.removeAllListeners("message").removeAllListeners("exit");
        how();
      };
      this.#child.once("message", (/** @type {any} */ { result, error }) =>
        settle(() => (error === undefined ? resolve(result) : reject(new Error(error)))),
      );
      this.#child.once("exit", (code, signal) =>
        settle(() => reject(new Error(`its process ended with ${signal ?? code}`))),
      );
    });
  }
}

/**
 * Opens these with the same settings, hands them over and closes them. One that cannot be opened is left out, with its
 * reason on standard error.
 * @template T
 * @param {readonly SubjectName[]} names @param {SubjectSettings} settings
 * @param {(subjects: Map<SubjectName, SubjectProcess>) => Promise<T>} use
 */
export async function withSubjects(names, settings, use) {
  /** @type {Map<SubjectName, SubjectProcess>} */
  const subjects = new Map();
  for (const name of names) {
    const subject = await SubjectProcess.open(name, settings).catch(
      (error) => void process.stderr.write(`  ${name} is left out: ${error.message}\n`),
    );
    if (subject) subjects.set(name, subject);
  }
  try {
    return await use(subjects);
  } finally {
    for (const subject of subjects.values()) await subject.close();
  }
}

/**
 * For `inTurn`: the same measure of each.
 * @template T
 * @param {Map<SubjectName, SubjectProcess>} subjects
 * @param {(subject: SubjectProcess, round: number, name: SubjectName) => Promise<T>} measure
 */
export const ofEach = (subjects, measure) =>
  Object.fromEntries(
    [...subjects].map(([name, subject]) => [name, (/** @type {number} */ round) => measure(subject, round, name)]),
  );
