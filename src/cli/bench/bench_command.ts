// `caduceus bench`: how fast a model runs on this machine.
import { doctor, type Model } from "../../index.js";
import { UsageError } from "../exit_codes.js";
import type { ModelFlags } from "../flags/model_flags.js";
import { bytesText } from "../output/progress_bar.js";
import { ProgressLine } from "../output/progress_line.js";
import { writeTable } from "../output/table.js";
import { note, withModel, withoutControls, write } from "../output/terminal.js";
import { Measures, median, shortPrompt, type Row } from "./measures.js";
import { OtherWork } from "./other_work.js";

export interface BenchFlags extends Pick<ModelFlags, "model" | "threads" | "kvType" | "gpuLayers"> {
  readonly nPrompt: number;
  readonly nGen: number;
  readonly repetitions: number;
  readonly streams: readonly number[];
  readonly json?: boolean;
}

/** Of all processors: below that, figures differ as much from run to run. */
const muchOtherWork = 0.1;

export async function benchCommand(flags: BenchFlags, ending: AbortSignal): Promise<void> {
  const progress = new ProgressLine();
  const loading = row("load", "ms");
  // The first time brings the file into the system's cache, perhaps from the hub.
  await withModel(flags, ending, async ({ info }) => checkLength(flags, info.trainingContextSize), {
    contextSize: 64,
    cacheTokens: 64,
  });
  const work = new OtherWork();
  for (let run = 1; run < flags.repetitions; run++) {
    progress.show(`Loading, ${run} of ${flags.repetitions}`);
    await timed(loading, (loaded) => withModel(flags, ending, async () => loaded(), loadOptionsOf(flags)));
  }
  await timed(loading, (loaded) =>
    withModel(
      flags,
      ending,
      async (model) => {
        loaded();
        const rows = [loading, ...(await measure(model, flags, progress, ending))];
        progress.clear();
        const othersShare = work.share();
        const { findings } = await doctor(model.info.path, { signal: ending });
        const machine = ["Processor", "Memory", "Node", "Addon"].flatMap(
          (subject) => findings.find((finding) => finding.subject === subject)?.detail ?? [],
        );
        const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
        const results = { model, machine, flags, rows, peakMemoryBytes, othersShare };
        await write(flags.json ? `${JSON.stringify(asJson(results))}\n` : asText(results));
        if (othersShare > muchOtherWork)
          note(
            `Other programs took ${Math.round(othersShare * 100)} % of the processors: on a quiet machine the figures are better.`,
          );
      },
      loadOptionsOf(flags),
    ),
  );
}

const row = (name: string, unit: Row["unit"]): Row => ({ name, unit, values: [] });

/** Adds the time until it is loaded. */
async function timed(loading: Row, load: (loaded: () => void) => Promise<void>): Promise<void> {
  const began = performance.now();
  await load(() => loading.values.push(performance.now() - began));
}

/** As the flags name it: what is given to the library is another number. */
function checkLength(flags: BenchFlags, trained: number): void {
  const room = trained - (loadOptionsOf(flags).contextSize - Math.max(flags.nPrompt, flags.nGen));
  if (flags.nPrompt > room)
    throw new UsageError(
      `Invalid value for -p/--n-prompt: ${flags.nPrompt}. Expected at most ${room}, which fills this model's context.`,
    );
  if (flags.nGen > room)
    throw new UsageError(
      `Invalid value for -n/--n-gen: ${flags.nGen}. Expected at most ${room}, which fills this model's context.`,
    );
}

/** Room for what is measured and no more, and nothing that would carry over from one measurement to the next. */
function loadOptionsOf({ nPrompt, nGen, streams }: BenchFlags) {
  const contextSize = Math.max(nPrompt + shortPrompt, shortPrompt + nGen) + shortPrompt;
  const cacheTokens = Math.max(64, 2 * contextSize, Math.max(...streams) * (nGen + 2 * shortPrompt));
  return { contextSize, cacheTokens, promptLookup: false, prefixFolder: false, hostCacheBytes: 0 } as const;
}

async function measure(
  model: Model,
  { nPrompt, nGen, repetitions, streams }: BenchFlags,
  progress: ProgressLine,
  ending: AbortSignal,
): Promise<Row[]> {
  const measures = new Measures(model, ending);
  const reading = row(`read ${nPrompt} tokens`, "tokens/s");
  const first = row(`first token after ${nPrompt} tokens`, "ms");
  const cachedFirst = row("  the same, when they are cached", "ms");
  const writing = streams.map((count) => ({
    count,
    row: row(`write ${nGen} tokens, ${count === 1 ? "one stream" : `${count} streams`}`, "tokens/s"),
  }));
  // In turn, so that a machine that slows down does so for all; the first time does not count.
  for (let run = 0; run <= repetitions; run++) {
    const round = run === 0 ? "warming up" : `${run} of ${repetitions}`;
    progress.show(`Reading, ${round}`);
    const read = await measures.read(nPrompt);
    if (run > 0) {
      reading.values.push(read.tokensPerSecond);
      first.values.push(read.firstTokenMs);
      cachedFirst.values.push(read.cachedFirstTokenMs);
    }
    for (const { count, row } of writing) {
      progress.show(`Writing, streams: ${count}, ${round}`);
      const tokensPerSecond = await measures.write(count, nGen);
      if (run > 0) row.values.push(tokensPerSecond);
    }
  }
  return [reading, first, cachedFirst, ...writing.map(({ row }) => row)];
}

interface Results {
  readonly model: Model;
  readonly machine: readonly string[];
  readonly flags: BenchFlags;
  readonly rows: readonly Row[];
  readonly peakMemoryBytes: number;
  readonly othersShare: number;
}

function asJson({
  model: { info },
  machine,
  flags: { nPrompt, nGen, repetitions, streams },
  rows,
  peakMemoryBytes,
  othersShare,
}: Results) {
  const { name, description, path, sizeBytes, threads, matrixKernels, kvType, cacheTokens } = info;
  return {
    machine,
    model: { name, description, path, sizeBytes },
    threads,
    matrixKernels,
    kvType,
    cacheTokens,
    nPrompt,
    nGen,
    repetitions,
    streams,
    rows: rows.map(({ name, unit, values }) => ({
      name: name.trim(),
      unit,
      median: median(values),
      least: Math.min(...values),
      most: Math.max(...values),
      values,
    })),
    peakMemoryBytes,
    othersShare,
  };
}

function asText({ model: { info }, machine, rows, peakMemoryBytes }: Results): string {
  const { name, description, sizeBytes, threads, matrixKernels, cacheTokens } = info;
  const show = (text: string) => (process.stdout.isTTY ? withoutControls(text) : text);
  const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));
  const table = rows.map(({ name, unit, values }) => [
    name,
    digits(median(values)),
    unit,
    values.length === 1 ? "" : `${digits(Math.min(...values))} to ${digits(Math.max(...values))}`,
  ]);
  return [
    `${show([name, description].filter(Boolean).join(", "))}, ${bytesText(sizeBytes)}, threads: ${threads}, kernels: ${matrixKernels}`,
    ...machine,
    "",
    writeTable(table, [1]),
    `Memory at most: ${bytesText(peakMemoryBytes)}, with room for ${cacheTokens} cached tokens.`,
    "",
  ].join("\n");
}
