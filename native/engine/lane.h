// A context with all that decides who computes in it. The engine has one in which runs share batches and prefixes, and
// makes another when it is first asked for a run that must come out the same to the bit each time.
#pragma once

#include <algorithm>

#include "branch_store.h"
#include "context.h"
#include "kv_memory.h"
#include "prefix_cache.h"
#include "scheduler.h"

namespace caduceus {

struct Lane {
  // Exact: one run at a time, which shares nothing, loses its cells to nobody and reads its prompt in chunks of one size.
  Lane(Context& context, uint64_t branch_memory, bool exact)
      : context(context),
        exact(exact),
        memory(context.get()),
        store(branch_memory),
        cache(memory, store, context.cache_tokens(), last_sequence(context), !exact && context.model().can_rewind()),
        scheduler(cache, limits(context, exact)) {}

  // Rows of the next piece of a prompt.
  uint32_t prefill_rows() const {
    const uint32_t most = context.batch_size();
    if (exact) return std::min(exact_rows, most);
    const bool others_decode = scheduler.anyone_decodes();
    if (prefill_row_ms <= 0) return std::min(others_decode ? 32u : 128u, most);
    // While others decode, reading may take about two of their ticks; alone, a second, so that newcomers are served.
    const double budget = others_decode ? 2 * decode_ms : 1000;
    const uint32_t least = others_decode ? 8 : 32;
    return std::clamp(static_cast<uint32_t>(std::min(budget / prefill_row_ms, 1e6)), least, most);
  }

  Context& context;
  const bool exact;
  LlamaMemory memory;
  BranchStore store;
  PrefixCache cache;
  Scheduler scheduler;
  double decode_ms = 0;       // smoothed: one decode tick
  double prefill_row_ms = 0;  // smoothed: one row of a prefill

 private:
  // Few enough not to hold up the runs of the other lane.
  static constexpr uint32_t exact_rows = 16;

  // The unified cache knows 256 sequences; recurrent memory only n_seq_max.
  static int last_sequence(Context& context) {
    const size_t sequences = context.model().can_rewind() ? llama_max_parallel_sequences() : context.running() + 1;
    return static_cast<int>(sequences) - 1;
  }

  static Scheduler::Limits limits(const Context& context, bool exact) {
    Scheduler::Limits limits{.context_size = context.context_size(), .running = context.running()};
    limits.decode_rows = std::min(limits.decode_rows, context.batch_size());
    // What is computed a second time comes out otherwise in its last bits.
    if (exact) limits.parked_with_cells = limits.parked;
    return limits;
  }
};

}  // namespace caduceus
