// `caduceus run --input` and `caduceus embed --input`: many lines, several at a time, one line of JSON for each answer.
import { createReadStream, realpathSync, statSync } from "node:fs";
import { forEachConcurrently } from "../../evaluation/run/for_each_concurrently.js";
import { CaduceusError, type Model } from "../../index.js";
import { ExitCode, UsageError } from "../exit_codes.js";
import { durationText } from "../output/progress_bar.js";
import { ProgressLine } from "../output/progress_line.js";
import { checkStandardInput, fingerprint, readRequest, type RequestFlags, type RunFlags } from "../request.js";
import { note, withModel } from "../output/terminal.js";
import { expandHome } from "../../system/home_folder.js";
import { decodeText } from "../output/user_text.js";
import { answerLine } from "./answer_line.js";
import { Answers, type Answer } from "./answers.js";
import { markOf, type PromptLine } from "./prompt_line.js";
import { readLines } from "./read_lines.js";

const longestLine = 2 ** 24;

export interface BatchFlags extends RequestFlags {
  readonly input: string;
  readonly output?: string;
  readonly concurrency?: number;
  readonly retryErrors?: boolean;
}

/** How lines are answered. */
export interface Batch {
  /** Of all that answers depend on. */
  readonly settings: string;
  /** Finds what is wrong with the flags, and so with every line, which is said once. */
  readonly check: (model: Model) => Promise<unknown>;
  readonly answer: (model: Model, line: PromptLine, signal: AbortSignal) => Promise<Answer>;
}

export async function batchCommand(flags: RunFlags & { readonly input: string }, ending: AbortSignal): Promise<void> {
  checkStandardInput(flags, { "--input": flags.input });
  const request = await readRequest(flags, ending);
  const batch = {
    settings: await fingerprint(flags),
    check: (model: Model) => model.chat(request.options).close(),
    answer: (model: Model, line: PromptLine, signal: AbortSignal) => answerLine(model, request, line, signal),
  };
  await runBatch(flags, batch, ending);
}

export async function runBatch(flags: BatchFlags, batch: Batch, ending: AbortSignal): Promise<void> {
  const { concurrency = 4 } = flags;
  const [input, output] = [expandHome(flags.input), expandHome(flags.output ?? "-")];
  const isFile = checkFiles(input, output);
  const answers = await Answers.open(output, batch.settings, { retriesErrors: flags.retryErrors === true });
  const counter = new Counter(answers);
  try {
    // A file is read twice, so that a changed one is noticed before anything is asked, and to know how many there are.
    if (isFile) counter.total = await countLines(waitingLines(input, answers, ending));
    if (counter.total !== 0)
      await withModel(flags, ending, (model) => answerAll(model, batch, input, concurrency, answers, counter, ending));
  } catch (error) {
    if (output !== "-" && counter.done > 0) note(`${counter.summary} The same command goes on from there.`);
    throw error;
  } finally {
    counter.end();
    answers.close();
  }
  note(`${counter.summary}${answers.failed > 0 && output !== "-" ? " --retry-errors asks those again." : ""}`);
  if (answers.failed > 0) process.exitCode = ExitCode.failure;
}

async function answerAll(
  model: Model,
  { check, answer }: Batch,
  input: string,
  concurrency: number,
  answers: Answers,
  counter: Counter,
  ending: AbortSignal,
): Promise<void> {
  await check(model);
  counter.begin();
  await forEachConcurrently(
    (stopping) => waitingLines(input, answers, stopping),
    concurrency,
    ending,
    async (line, signal) => {
      const answered = await answer(model, line, signal);
      await answers.add(answered, line.mark);
      counter.count(answered);
    },
  );
}

/** The lines that have no answer yet. Throws where answers and lines do not belong together. */
async function* waitingLines(input: string, answers: Answers, ending: AbortSignal): AsyncGenerator<PromptLine> {
  const stream = input === "-" ? process.stdin : createReadStream(input);
  const stop = () => stream.destroy(ending.reason);
  ending.addEventListener("abort", stop, { once: true });
  let last = 0;
  try {
    for await (const { number, bytes } of readLines(stream, longestLine)) {
      last = number;
      if (number === 1 && bytes !== undefined)
        decodeText(bytes.subarray(0, 2), input === "-" ? "standard input" : input);
      const line = promptLine(number, bytes);
      if (line !== undefined && !answers.has(line)) yield line;
    }
  } finally {
    ending.removeEventListener("abort", stop);
  }
  if (answers.lastLine > last)
    throw new UsageError(
      `${answers.name} answers another input: there is no line ${answers.lastLine}, which it answers. Give another --output.`,
    );
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Undefined for an empty line. */
function promptLine(number: number, bytes: Buffer | undefined): PromptLine | undefined {
  const refuse = (message: string) => ({
    number,
    mark: markOf(bytes ?? Buffer.alloc(0)),
    text: new CaduceusError("INVALID_ARGUMENT", message),
  });
  if (bytes === undefined) return refuse(`Expected a line of at most ${longestLine} bytes.`);
  try {
    const text = decoder.decode(bytes).trim();
    return text === "" ? undefined : { number, mark: markOf(bytes), text };
  } catch {
    return refuse("Expected UTF-8.");
  }
}

/** Whether the input can be read more than once. */
function checkFiles(input: string, output: string): boolean {
  if (input === "-") {
    if (process.stdin.isTTY)
      throw new UsageError("Expected lines on standard input, one JSON object each. Try --help.");
    return false;
  }
  const found = statSync(input, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`There is no file ${input}.`);
  if (found.isDirectory()) throw new UsageError(`Expected a file for --input but ${input} is a folder.`);
  if (
    output !== "-" &&
    statSync(output, { throwIfNoEntry: false }) !== undefined &&
    realpathSync(output) === realpathSync(input)
  ) {
    throw new UsageError("Expected --output to be another file than --input.");
  }
  return found.isFile();
}

async function countLines(lines: AsyncIterable<PromptLine>): Promise<number> {
  let count = 0;
  for await (const _ of lines) count++;
  return count;
}

const tellEveryMs = 30_000;

/** How far it is: on one line of the terminal, elsewhere on a new one now and then. */
class Counter {
  readonly #line = new ProgressLine();
  readonly #answers: Answers;
  /** Undefined: nobody knows. */
  total: number | undefined;
  done = 0;
  #failed = 0;
  #tokens = 0;
  #began = 0;
  #told = 0;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  begin(): void {
    this.#began = this.#told = performance.now();
    this.#line.show(this.#text);
  }

  count({ error, usage }: Answer): void {
    this.done++;
    if (error !== undefined) this.#failed++;
    this.#tokens += usage?.generatedTokens ?? usage?.promptTokens ?? 0;
    this.#line.show(this.#text);
    if (process.stderr.isTTY || performance.now() - this.#told < tellEveryMs) return;
    note(this.#text);
    this.#told = performance.now();
  }

  end(): void {
    this.#line.clear();
  }

  get summary(): string {
    const speed = this.#tokens > 0 ? `, ${this.#rate.toFixed(1)} tokens/s` : "";
    return `${this.done} answered${speed}; ${this.#answers.failed} failed. Answers: ${this.#answers.name}.`;
  }

  get #seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  get #rate(): number {
    return this.#tokens / this.#seconds;
  }

  get #text(): string {
    const parts = [this.total === undefined ? `${this.done} answered` : `${this.done} of ${this.total} answered`];
    if (this.#failed > 0) parts.push(`${this.#failed} failed`);
    if (this.#tokens > 0) parts.push(`${this.#rate.toFixed(1)} tokens/s`);
    if (this.total !== undefined && this.done > 0)
      parts.push(`${durationText((this.#seconds / this.done) * (this.total - this.done))} left`);
    return parts.join(", ");
  }
}
