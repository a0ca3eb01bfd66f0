// The answers to many prompts: JSON lines, appended as they come. A command that was killed resumes after them.
import { createReadStream, createWriteStream, realpathSync, statSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { LineFile } from "../../evaluation/run/line_file.js";
import type { Usage } from "../../index.js";
import { replaceFile } from "../../system/busy_file.js";
import { SystemFailure, systemReason, UsageError } from "../exit_codes.js";
import { jsonLine } from "../output/result_fields.js";
import { write } from "../output/terminal.js";
import type { PromptLine } from "./prompt_line.js";
import { readLines } from "./read_lines.js";

/** What every answer has. */
export interface Answer {
  /** Of the input, counted from 1. */
  readonly line: number;
  readonly id?: string | number;
  readonly usage?: Partial<Usage>;
  readonly error?: { readonly code: string; readonly message: string };
}

const longestAnswer = 2 ** 28;

export class Answers {
  /** Where they go, for messages. */
  readonly name: string;
  readonly #file: LineFile | undefined;
  /** A hash of what else decides how a line is answered, 8 hexadecimal digits. */
  readonly #settings: string;
  /**
   * By the number of the line: the mark of what was answered. An array of plain numbers, since there may be millions.
   */
  readonly #marks: number[];
  #failed: number;

  /** @internal See `open`. */
  private constructor(name: string, file: LineFile | undefined, settings: string, { marks, failed }: Known) {
    this.name = name;
    this.#file = file;
    this.#settings = settings;
    this.#marks = marks;
    this.#failed = failed;
  }

  /**
   * `-` is standard output, which forgets. With `retriesErrors` the lines that failed are taken out of the file first.
   */
  static async open(
    path: string,
    settings: string,
    { retriesErrors }: { readonly retriesErrors: boolean },
  ): Promise<Answers> {
    if (path === "-") return new Answers("standard output", undefined, settings, nothing);
    const isThere = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
    // Read before it is opened, which cuts off a torn line: it may be a file of another kind, given by mistake.
    let known = isThere ? await readKnown(path, settings) : nothing;
    if (retriesErrors && known.failed > 0) {
      await takeOutErrors(realpathSync(path));
      known = await readKnown(path, settings);
    }
    return new Answers(path, openFile(path), settings, known);
  }

  /** How many lines have failed, those of earlier runs included. */
  get failed(): number {
    return this.#failed;
  }

  /** The last line of the input that an earlier run has answered. */
  get lastLine(): number {
    return this.#marks.length - 1;
  }

  /** Throws where that line's answer is to something else. */
  has({ number, mark }: PromptLine): boolean {
    const known = this.#marks[number];
    if (known === undefined) return false;
    if (known !== mark)
      throw new UsageError(`${this.name} answers another input: line ${number} has changed. Give another --output.`);
    return true;
  }

  async add({ line, ...answer }: Answer, mark: number): Promise<void> {
    // Two at once would answer everything twice.
    if (this.#file?.isDisturbed)
      throw new UsageError(`Something else writes to ${this.name}: is the same command running twice?`);
    const text = jsonLine({ line, ...answer, key: `${this.#settings}-${mark.toString(16).padStart(12, "0")}` });
    if (this.#file === undefined) await write(`${text}\n`);
    else this.#addToFile(this.#file, text);
    if (answer.error !== undefined) this.#failed++;
  }

  #addToFile(file: LineFile, text: string): void {
    try {
      file.add(text);
    } catch (error) {
      throw unwritable(this.name, error);
    }
  }

  close(): void {
    this.#file?.close();
  }
}

interface Known {
  readonly marks: number[];
  readonly failed: number;
}

const nothing: Known = { marks: [], failed: 0 };

function openFile(path: string): LineFile {
  try {
    return LineFile.open(path);
  } catch (error) {
    throw new UsageError(unwritable(path, error).message);
  }
}

const unwritable = (name: string, error: unknown) =>
  new SystemFailure(`The answers cannot be written to ${name}: ${systemReason(error)}.`);

async function readKnown(path: string, settings: string): Promise<Known> {
  const marks: number[] = [];
  let failed = 0;
  for await (const { line, key, error, place } of readAnswers(path)) {
    const [madeWith, mark = ""] = key.split("-");
    if (madeWith !== settings)
      throw new UsageError(
        `${path} holds answers that were made with other settings: model, system message, tools or flags. Give another --output.`,
      );
    if (marks[line] !== undefined)
      throw new UsageError(`${place}: there is an answer to line ${line} already. Give another --output.`);
    marks[line] = Number.parseInt(mark, 16);
    if (error !== undefined) failed++;
  }
  return { marks, failed };
}

/** In a file beside it, which then takes its place. */
async function takeOutErrors(path: string): Promise<void> {
  const kept = `${path}.retry`;
  await pipeline(
    async function* () {
      for await (const { bytes, error } of readAnswers(path))
        if (error === undefined) yield Buffer.concat([bytes, Buffer.from("\n")]);
    },
    createWriteStream(kept, { flush: true }),
  ).catch((error: NodeJS.ErrnoException) => {
    throw error.syscall === undefined ? error : unwritable(kept, error);
  });
  await replaceFile(kept, path);
}

interface WrittenAnswer {
  readonly line: number;
  readonly key: string;
  readonly error: unknown;
  readonly bytes: Buffer;
  readonly place: string;
}

/** But for a last line without its end, which a kill has left. */
async function* readAnswers(path: string): AsyncGenerator<WrittenAnswer> {
  for await (const { number, bytes, isEnded } of readLines(createReadStream(path), longestAnswer)) {
    const place = `${path}, line ${number}`;
    const read = bytes && (isEnded ? parse(bytes) : isBeginning(bytes) ? "torn" : undefined);
    if (read === undefined)
      throw new UsageError(
        `${place} is no answer of caduceus run or embed: the file was changed by something else, or is another one. Give another --output.`,
      );
    if (read !== "torn") yield { ...read, bytes: bytes!, place };
  }
}

function parse(bytes: Buffer): Pick<WrittenAnswer, "line" | "key" | "error"> | undefined {
  try {
    const { line, key, error } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
    const isOurs =
      Number.isInteger(line) &&
      (line as number) > 0 &&
      typeof key === "string" &&
      /^[0-9a-f]{8}-[0-9a-f]{12}$/.test(key);
    return isOurs ? { line: line as number, key, error } : undefined;
  } catch {
    return undefined;
  }
}

const beginning = '{"line":';

function isBeginning(bytes: Buffer): boolean {
  const text = bytes.toString("latin1", 0, beginning.length);
  return beginning.startsWith(text);
}
