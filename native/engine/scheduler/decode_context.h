// A llama.cpp context with its scheduler and prefix cache. The engine has one in which runs share batches and prefixes,
// and creates a second one for the first deterministic run.
#pragma once

#include <algorithm>

#include "cache/host_cache.h"
#include "cache/kv_memory.h"
#include "cache/prefix_cache.h"
#include "model/llama_context.h"
#include "scheduler/scheduler.h"
#include "speculative/draft_policy.h"

namespace caduceus {

struct DecodeContext {
  // With `deterministic`, one run at a time: it shares nothing, keeps its cells, and its prompt is prefilled in chunks
  // of one size.
  DecodeContext(Context& context, uint64_t host_cache_bytes, Drafts drafts, bool deterministic)
      : context(context),
        deterministic(deterministic),
        memory(context.get()),
        store(host_cache_bytes),
        cache(memory, store, context.cache_tokens(), last_sequence(context),
              !deterministic && context.model().can_rewind()),
        scheduler(cache, limits(context, deterministic)),
        drafts(deterministic || !context.model().can_rewind() ? Drafts::never : drafts) {}

  // Number of rows of the next prefill.
  uint32_t prefill_rows() const {
    const uint32_t most = context.batch_size();
    if (deterministic) return std::min(deterministic_rows, most);
    const size_t decoding = scheduler.decoding();
    if (prefill_row_ms <= 0) return std::min(decoding > 0 ? 32u : 128u, most);
    // While nothing decodes, a prefill may take one second, so that new requests are served. Beside decoding runs it
    // may take about two of their steps, or one for each prompt that is prefilled, as long as nobody notices the delay.
    const double for_all = std::min(static_cast<double>(scheduler.prefilling()) * decode_ms, 100.0);
    const double budget = decoding > 0 ? std::max(2 * decode_ms, for_all) : 1000;
    // While nothing decodes, at least one tile, so that results do not depend on how busy the machine is.
    const uint32_t least = decoding > 0 ? 8 : attention_tile;
    return std::clamp(static_cast<uint32_t>(std::min(budget / prefill_row_ms, 1e6)), least, most);
  }

  Context& context;
  const bool deterministic;
  LlamaMemory memory;
  HostCache store;
  PrefixCache cache;
  Scheduler scheduler;
  DraftPolicy drafts;         // off where a rejected draft could not be removed from the cache
  double decode_ms = 0;       // smoothed: one decode step
  double prefill_row_ms = 0;  // smoothed: one row of a prefill
  bool interrupted = false;   // the last prefill was

 private:
  // Few enough rows not to delay the runs of the other decode context.
  static constexpr uint32_t deterministic_rows = 16;
  // From 64 rows on ggml computes attention by tiles. Below that, scores do not depend on how a prompt is divided, as
  // long as a run's cells lie in the order of its tokens; freeing cells meanwhile may change that order, and a score by
  // up to 0.4 (a model of 135M in Q4_1). Only the deterministic decode context avoids this.
  static constexpr uint32_t scored_rows = 63;

  // The unified cache knows 256 sequences; recurrent memory only n_seq_max.
  static int last_sequence(Context& context) {
    const size_t sequences = context.model().can_rewind() ? llama_max_parallel_sequences() : context.running() + 1;
    return static_cast<int>(sequences) - 1;
  }

  static Scheduler::Limits limits(const Context& context, bool deterministic) {
    Scheduler::Limits limits{.context_size = context.context_size(), .running = context.running()};
    limits.scored_rows = std::min(scored_rows, context.most_outputs());
    limits.decode_rows = std::min(limits.decode_rows, context.batch_size());
    // A second computation may differ in its last bits.
    if (deterministic) limits.paused_with_cells = limits.paused;
    return limits;
  }
};

}  // namespace caduceus
