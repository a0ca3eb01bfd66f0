// Asks what has not been answered yet, several questions at a time.
import type { Model } from "../index.js";
import { ask } from "./ask.js";
import type { AskSettings } from "./request_options.js";
import type { ResultsFile } from "./results_file.js";
import type { Sample } from "./sample.js";

export interface RunSettings extends AskSettings {
  /** Questions that are answered at the same time. */
  readonly concurrency: number;
}

/** Every answer is in the file before `onAnswer` hears of it. Rejects at the first failure that is not of one question alone. */
export async function runEvaluation(
  model: Model, samples: readonly Sample[], results: ResultsFile, settings: RunSettings, signal: AbortSignal, onAnswer: (sample: Sample) => void,
): Promise<void> {
  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const waiting = samples.filter(({ key }) => !results.answers.has(key));
  const work = async () => {
    for (let sample = waiting.shift(); sample !== undefined && !ending.aborted; sample = waiting.shift()) {
      results.add(sample.key, await ask(model, sample, settings, ending));
      onAnswer(sample);
    }
  };
  const workers = Array.from({ length: Math.min(settings.concurrency, waiting.length) }, () =>
    work().catch((error: unknown) => {
      failing.abort(error);
      throw error;
    }),
  );
  const ends = await Promise.allSettled(workers);
  signal.throwIfAborted();
  if (ends.some(({ status }) => status === "rejected")) throw failing.signal.reason;
}

/** The first so many of each group. */
export function limitGroups(samples: readonly Sample[], limit: number | undefined): readonly Sample[] {
  if (limit === undefined) return samples;
  const counts = new Map<string, number>();
  return samples.filter(({ group }) => {
    const count = (counts.get(group) ?? 0) + 1;
    counts.set(group, count);
    return count <= limit;
  });
}
