// Answers as they come, one line each, so that a run that was killed goes on where it ended. Lines are only ever added.
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { EvaluationError } from "./outcome.js";
import type { Answer } from "./sample.js";

/** What must be the same for two runs to share a file. */
export type RunIdentity = Readonly<Record<string, string | number | boolean | null>>;

export class ResultsFile {
  readonly path: string;
  readonly #answers: Map<string, Answer>;
  #descriptor: number | undefined;

  /** @internal See `open`. */
  private constructor(file: string, descriptor: number, answers: Map<string, Answer>) {
    this.path = file;
    this.#descriptor = descriptor;
    this.#answers = answers;
  }

  /** Begins a file, or goes on with one of the same run: a last line without its end is dropped. */
  static open(file: string, identity: RunIdentity): ResultsFile {
    mkdirSync(path.dirname(file), { recursive: true });
    const descriptor = openSync(file, "a+");
    try {
      const whole = readFileSync(file);
      const end = whole.lastIndexOf("\n") + 1;
      if (end < whole.length) ftruncateSync(descriptor, end);
      const [first, ...lines] = whole.subarray(0, end).toString("utf8").split("\n").slice(0, -1);
      if (first === undefined) writeSync(descriptor, `${JSON.stringify({ run: identity })}\n`);
      else checkIdentity(first, identity, file);
      return new ResultsFile(file, descriptor, readAnswers(lines, file));
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  get answers(): ReadonlyMap<string, Answer> {
    return this.#answers;
  }

  /** Written at once, so that a kill leaves at most one line without its end. */
  add(key: string, answer: Answer): void {
    if (this.#descriptor === undefined || this.#answers.has(key)) return;
    writeSync(this.#descriptor, `${JSON.stringify({ key, ...answer })}\n`);
    this.#answers.set(key, answer);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

function checkIdentity(line: string, identity: RunIdentity, file: string): void {
  const { run } = parse(line, file, 1) as { run?: RunIdentity };
  if (typeof run !== "object" || run === null) throw new EvaluationError(`${file} holds no results of an evaluation.`);
  const other = [...new Set([...Object.keys(run), ...Object.keys(identity)])].find((name) => run[name] !== identity[name]);
  if (other === undefined) return;
  const say = (value: unknown) => (value === undefined || value === null ? "not set" : JSON.stringify(value));
  throw new EvaluationError(`${file} holds results of another run: ${other} was ${say(run[other])} and is ${say(identity[other])}. Give another --out, or --fresh to begin anew.`);
}

function readAnswers(lines: readonly string[], file: string): Map<string, Answer> {
  const answers = new Map<string, Answer>();
  lines.forEach((line, index) => {
    const { key, ...answer } = parse(line, file, index + 2) as { key?: unknown } & Answer;
    if (typeof key !== "string") throw new EvaluationError(`${file}, line ${index + 2}: there is no key.`);
    // Two processes at once may have answered the same.
    if (!answers.has(key)) answers.set(key, answer);
  });
  return answers;
}

function parse(line: string, file: string, number: number): object {
  try {
    return JSON.parse(line) as object;
  } catch {
    throw new EvaluationError(`${file}, line ${number} is not JSON: the file was changed by something else. Give another --out, or --fresh to begin anew.`);
  }
}
