// Answers as they arrive, one line each and append-only, so that an interrupted run can continue.
import { readFileSync } from "node:fs";
import { LineFile } from "./line_file.js";
import { EvaluationError } from "../outcome.js";
import type { Answer } from "../sample.js";

/** What must be the same for two runs to share a file. */
export type RunIdentity = Readonly<Record<string, string | number | boolean | null>>;

export class ResultsFile {
  readonly #file: LineFile;
  readonly #answers: Map<string, Answer>;

  /** @internal See `open`. */
  private constructor(file: LineFile, answers: Map<string, Answer>) {
    this.#file = file;
    this.#answers = answers;
  }

  /** Creates a file, or continues one of the same run. */
  static open(path: string, identity: RunIdentity): ResultsFile {
    const file = LineFile.open(path);
    try {
      const [first, ...lines] = readFileSync(path, "utf8").split("\n").slice(0, -1);
      if (first === undefined) file.add(JSON.stringify({ run: identity }));
      else checkIdentity(first, identity, path);
      return new ResultsFile(file, readAnswers(lines, path));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get answers(): ReadonlyMap<string, Answer> {
    return this.#answers;
  }

  add(key: string, answer: Answer): void {
    if (this.#answers.has(key)) return;
    this.#file.add(JSON.stringify({ key, ...answer }));
    this.#answers.set(key, answer);
  }

  close(): void {
    this.#file.close();
  }
}

function checkIdentity(line: string, identity: RunIdentity, file: string): void {
  const { run } = parse(line, file, 1) as { run?: RunIdentity };
  if (typeof run !== "object" || run === null) throw new EvaluationError(`${file} holds no results of an evaluation.`);
  const other = [...new Set([...Object.keys(run), ...Object.keys(identity)])].find(
    (name) => run[name] !== identity[name],
  );
  if (other === undefined) return;
  const say = (value: unknown) => (value === undefined || value === null ? "not set" : JSON.stringify(value));
  throw new EvaluationError(
    `${file} holds results of another run: ${other} was ${say(run[other])} and is ${say(identity[other])}. Give another --out, or --fresh to begin anew.`,
  );
}

function readAnswers(lines: readonly string[], file: string): Map<string, Answer> {
  const answers = new Map<string, Answer>();
  lines.forEach((line, index) => {
    const { key, ...answer } = parse(line, file, index + 2) as { key?: unknown } & Answer;
    if (typeof key !== "string") throw new EvaluationError(`${file}, line ${index + 2}: there is no key.`);
    // Two processes may have answered the same sample.
    if (!answers.has(key)) answers.set(key, answer);
  });
  return answers;
}

function parse(line: string, file: string, number: number): object {
  try {
    return JSON.parse(line) as object;
  } catch {
    throw new EvaluationError(
      `${file}, line ${number} is not JSON: the file was changed by something else. Give another --out, or --fresh to begin anew.`,
    );
  }
}
