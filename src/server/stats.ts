// GET /stats: the current state of the server and its engines, and totals.
import type { EngineStats, Model } from "../index.js";

export function describeStats({
  waiting,
  active,
  models,
}: {
  readonly waiting: number;
  readonly active: number;
  readonly models: Iterable<readonly [string, Model]>;
}): object {
  return {
    waiting,
    active,
    models: Object.fromEntries(
      [...models].flatMap(([name, model]) => {
        const stats = statsOf(model);
        return stats === undefined ? [] : [[name, describeEngine(stats, model.info.contextSize)]];
      }),
    ),
  };
}

function describeEngine(stats: EngineStats, contextSize: number): object {
  return {
    context_size: contextSize,
    running: stats.running,
    queued: stats.queued,
    paused: stats.paused,
    threads: stats.threads,
    cache_tokens: stats.cacheTokens,
    cache_tokens_used: stats.cacheTokensUsed,
    prompt_tokens: stats.promptTokens,
    cached_tokens: stats.cachedTokens,
    generated_tokens: stats.generatedTokens,
    steps: stats.steps,
  };
}

/** A model that was closed has none. */
export function statsOf(model: Model): EngineStats | undefined {
  try {
    return model.stats();
  } catch {
    return undefined;
  }
}
