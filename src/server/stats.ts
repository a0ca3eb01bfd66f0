// GET /stats: the current state of the server and its engines, and totals.
import type { EngineStats, Model, PooledModel } from "../index.js";

export function describeStats({
  waiting,
  active,
  models,
}: {
  readonly waiting: number;
  readonly active: number;
  readonly models: readonly PooledModel[];
}): object {
  return { waiting, active, models: Object.fromEntries(models.map((state) => [state.name, describeModel(state)])) };
}

function describeModel({ state, active, waiting, memoryBytes, progress, model }: PooledModel): object {
  const stats = model && statsOf(model);
  return {
    state,
    active,
    waiting,
    memory_bytes: memoryBytes,
    ...(progress === undefined ? {} : { progress }),
    ...(stats === undefined ? {} : describeEngine(stats, model!.info.contextSize)),
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
