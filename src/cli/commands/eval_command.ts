// `caduceus eval`: published data sets against a model, with the scores they are published with.
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  berkeleyCategories,
  EvaluationError,
  judge,
  limitGroups,
  makeReport,
  readBerkeleySet,
  readFunctionCallingSet,
  readJsonModeSet,
  ResultsFile,
  runEvaluation,
  writeReport,
  type AskSettings,
  type BerkeleyCategory,
  type DataSet,
  type RunIdentity,
  type Sample,
} from "../../evaluation/index.js";
import type { Model } from "../../index.js";
import { SystemFailure, systemReason, UsageError } from "../exit_codes.js";
import { adapterIdentity, modelIdentity, type ModelFlags } from "../flags/model_flags.js";
import { readChatTemplate } from "../flags/read_load_options.js";
import { ProgressLine } from "../output/progress_line.js";
import { note, withModel, write } from "../output/terminal.js";

export type YesOrNo = "yes" | "no";

export interface EvalFlags
  extends Pick<
    ModelFlags,
    | "model"
    | "ctxSize"
    | "kvType"
    | "threads"
    | "gpuLayers"
    | "format"
    | "promptVariant"
    | "chatTemplate"
    | "chatTemplateFile"
    | "lora"
    | "loraScaled"
  > {
  readonly maxTokens: number;
  readonly temp: number;
  readonly seed: number;
  readonly deterministic?: boolean;
  readonly limit?: number;
  readonly concurrency: number;
  readonly out?: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
  readonly constrained?: YesOrNo;
  readonly undeclaredProperties?: AskSettings["undeclaredProperties"];
}

export interface FunctionCallingFlags extends EvalFlags {
  readonly category?: string;
  readonly toolChoice?: AskSettings["toolChoice"];
  readonly callOrder?: AskSettings["callOrder"];
  readonly parallelCalls?: YesOrNo;
  readonly parallelHint?: YesOrNo;
  readonly untaggedCalls?: AskSettings["untaggedCalls"];
}

export async function evalFunctionCalling(
  source: string,
  flags: FunctionCallingFlags,
  ending: AbortSignal,
): Promise<void> {
  const isBerkeley = source === "berkeley";
  if (!isBerkeley && flags.category !== undefined)
    throw new UsageError(`Expected no --category but with berkeley: ${source} is a file, which has none.`);
  const categories = flags.category === undefined ? berkeleyCategories : readCategories(flags.category);
  await evaluate(
    () => (isBerkeley ? readBerkeleySet(categories, ending) : readFunctionCallingSet(source)),
    flags,
    ending,
  );
}

export async function evalJson(file: string, flags: EvalFlags, ending: AbortSignal): Promise<void> {
  await evaluate(() => readJsonModeSet(file), flags, ending);
}

async function evaluate(read: () => Promise<DataSet>, flags: FunctionCallingFlags, ending: AbortSignal): Promise<void> {
  try {
    await runAndReport(await read(), flags, ending);
  } catch (error) {
    if (error instanceof EvaluationError) throw new UsageError(error.message);
    const { syscall, path: file } = error as NodeJS.ErrnoException;
    throw syscall === undefined
      ? error
      : new SystemFailure(
          `The results cannot be written${file === undefined ? "" : ` to ${file}`}: ${systemReason(error)}.`,
        );
  }
}

async function runAndReport(data: DataSet, flags: FunctionCallingFlags, ending: AbortSignal): Promise<void> {
  const samples = limitGroups(data.samples, flags.limit);
  const settings = settingsOf(flags);
  const identity = identityOf(data, flags, settings, await readChatTemplate(flags, ending));
  const folder = path.resolve(flags.out ?? defaultFolder(data, flags, identity));
  const file = path.join(folder, "results.jsonl");
  if (flags.fresh) rmSync(file, { force: true });
  const results = ResultsFile.open(file, identity);
  try {
    const known = samples.filter(({ key }) => results.answers.has(key)).length;
    if (known > 0)
      note(`${known} of ${samples.length} answers are there from an earlier run; --fresh would begin anew.`);
    if (known < samples.length) {
      await withModel(flags, ending, (model) =>
        answerAll(model, data, samples, results, { ...settings, concurrency: flags.concurrency }, ending),
      );
    }
  } catch (error) {
    if (ending.aborted && results.answers.size > 0)
      note(`${results.answers.size} answers are kept in ${folder}; the same command goes on from them.`);
    throw error;
  } finally {
    results.close();
  }
  const report = makeReport(data, samples, results.answers, identity);
  const [json, text] = [`${JSON.stringify(report, null, 2)}\n`, writeReport(report)];
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "report.json"), json);
  writeFileSync(path.join(folder, "report.txt"), text);
  await write(flags.json ? json : text);
  note(`Answers and report: ${folder}`);
}

async function answerAll(
  model: Model,
  { scores }: DataSet,
  samples: readonly Sample[],
  results: ResultsFile,
  settings: AskSettings & { readonly concurrency: number },
  ending: AbortSignal,
): Promise<void> {
  if (settings.constrained === true && !model.capabilities.constrained)
    throw new UsageError("Expected no --constrained yes: this build's engine cannot constrain generation.");
  const counter = new ProgressCounter(scores, samples, results);
  try {
    await runEvaluation(model, samples, results, settings, ending, (sample) => counter.count(sample));
  } finally {
    counter.end();
  }
}

/** How far it is, and how many were right: on one line of the terminal, elsewhere at every tenth. */
class ProgressCounter {
  readonly #line = new ProgressLine();
  readonly #scores: readonly string[];
  readonly #results: ResultsFile;
  readonly #all: number;
  readonly #right = new Map<string, number>();
  #done = 0;

  constructor(scores: readonly string[], samples: readonly Sample[], results: ResultsFile) {
    this.#scores = scores;
    this.#results = results;
    this.#all = samples.length;
    for (const sample of samples) this.#add(sample);
    this.#line.show(this.#text);
  }

  count(sample: Sample): void {
    this.#add(sample);
    this.#line.show(this.#text);
    const tenth = (done: number) => Math.floor((10 * done) / this.#all);
    if (!process.stderr.isTTY && tenth(this.#done) > tenth(this.#done - 1)) note(this.#text);
  }

  end(): void {
    this.#line.clear();
  }

  #add(sample: Sample): void {
    const answer = this.#results.answers.get(sample.key);
    if (answer === undefined) return;
    this.#done++;
    const { reasons } = judge(sample, answer);
    for (const score of this.#scores)
      if (reasons[score] === undefined) this.#right.set(score, (this.#right.get(score) ?? 0) + 1);
  }

  get #text(): string {
    return `${this.#done} of ${this.#all} answered, right: ${this.#scores.map((score) => `${this.#right.get(score) ?? 0} (${score})`).join(", ")}`;
  }
}

function settingsOf(flags: FunctionCallingFlags): AskSettings {
  const {
    maxTokens,
    temp,
    seed,
    deterministic,
    constrained,
    toolChoice,
    callOrder,
    undeclaredProperties,
    parallelCalls,
    parallelHint,
    untaggedCalls,
    promptVariant,
  } = flags;
  const isYes = (flag: YesOrNo | undefined) => (flag === undefined ? undefined : flag === "yes");
  return {
    maxTokens,
    temperature: temp,
    seed,
    deterministic,
    constrained: isYes(constrained),
    toolChoice,
    callOrder,
    undeclaredProperties,
    parallelCalls: isYes(parallelCalls),
    parallelHint: isYes(parallelHint),
    untaggedCalls,
    promptVariant,
  };
}

/** What changes the answers; how many are asked, and how many at a time, does not. */
function identityOf(
  { name, version }: DataSet,
  { model, ctxSize, kvType, format, ...flags }: FunctionCallingFlags,
  settings: AskSettings,
  chatTemplate: string | undefined,
): RunIdentity {
  const adapters = adapterIdentity(flags);
  return {
    evaluation: name,
    data: version,
    model: modelIdentity(model),
    contextSize: ctxSize ?? null,
    kvType: kvType ?? null,
    ...withNulls(settings),
    ...(format === undefined ? {} : { format }),
    ...(adapters === undefined ? {} : { adapters }),
    ...(chatTemplate === undefined ? {} : { chatTemplate: createHash("sha256").update(chatTemplate).digest("hex") }),
  };
}

const withNulls = (settings: AskSettings) =>
  Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, value ?? null])) as RunIdentity;

function defaultFolder({ name }: DataSet, { model }: FunctionCallingFlags, identity: RunIdentity): string {
  const hash = createHash("sha256").update(JSON.stringify(identity)).digest("hex").slice(0, 8);
  return path.join("evaluation", `${name}-${path.basename(model, ".gguf").replace(/[^\w.-]/g, "_")}-${hash}`);
}

function readCategories(text: string): BerkeleyCategory[] {
  const names = [...new Set(text.split(",").map((name) => name.trim()))];
  const isKnown = (name: string): name is BerkeleyCategory => (berkeleyCategories as readonly string[]).includes(name);
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined)
    throw new UsageError(
      `Invalid value for --category: ${JSON.stringify(unknown)}. Expected categories among ${berkeleyCategories.join(", ")}, separated by commas.`,
    );
  return names.filter(isKnown);
}
