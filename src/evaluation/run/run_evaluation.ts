// Asks the samples that have no answer yet, several at a time.
import type { Model } from "../../index.js";
import { ask } from "./ask.js";
import type { AskSettings } from "./request_options.js";
import type { ResultsFile } from "./results_file.js";
import type { Sample } from "../sample.js";
import { forEachConcurrently } from "./for_each_concurrently.js";

export interface RunSettings extends AskSettings {
  /** Questions that are answered at the same time. */
  readonly concurrency: number;
}

/**
 * Every answer is in the file before `onAnswer` hears of it. Rejects at the first failure that is not of one question
 * alone.
 */
export async function runEvaluation(
  model: Model,
  samples: readonly Sample[],
  results: ResultsFile,
  settings: RunSettings,
  signal: AbortSignal,
  onAnswer: (sample: Sample) => void,
): Promise<void> {
  const waiting = samples.filter(({ key }) => !results.answers.has(key));
  await forEachConcurrently(
    () => waiting.values(),
    settings.concurrency,
    signal,
    async (sample, ending) => {
      results.add(sample.key, await ask(model, sample, settings, ending));
      onAnswer(sample);
    },
  );
}

/** Number of samples of each group. */
export function limitGroups(samples: readonly Sample[], limit: number | undefined): readonly Sample[] {
  if (limit === undefined) return samples;
  const counts = new Map<string, number>();
  return samples.filter(({ group }) => {
    const count = (counts.get(group) ?? 0) + 1;
    counts.set(group, count);
    return count <= limit;
  });
}
