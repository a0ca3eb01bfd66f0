// A second, smaller model of the same vocabulary, which drafts what the first one may write. It has a context and a KV
// cache of its own, in which a sequence follows each run that it drafts for: what was accepted or prefilled meanwhile
// is computed before the next draft, what was rejected is removed. Where its cells run out, the run that was drafted
// for longest ago loses its sequence, which costs time if it is drafted for again, and nothing else. Engine thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cache/host_cache.h"
#include "cache/kv_memory.h"
#include "cache/prefix_cache.h"
#include "model/llama_context.h"
#include "scheduler/run.h"
#include "speculative/draft_budget.h"
#include "speculative/step_times.h"

namespace caduceus {

// Throws MODEL_INVALID where the vocabularies differ in more than unused tokens at their ends, and UNSUPPORTED for
// models that cannot be drafted for, or cannot draft.
void check_draft_model(const Model& model, const Model& draft);

class DraftModel {
 public:
  // Shares the threads and the interrupt of the context of the model that it drafts for.
  DraftModel(std::unique_ptr<Context> context, const Model& model);

  const Context& context() const { return *context_; }
  const PrefixCache& cache() const { return cache_; }
  UntouchedMemory& untouched() { return context_->untouched(); }
  // Whether it knows all of the run's tokens, and was trained for so many and `more`.
  bool can_read(const Run& run, uint32_t more) const;
  // Number of the run's tokens to compute before it can be drafted for, at least 1. Follows the run from now on;
  // nothing where no sequence is free.
  std::optional<uint32_t> behind(Run& run);
  // The run has ended. What was computed for it serves those that begin with the same tokens.
  void forget(Run& run);

  struct Order {
    Run* run;
    uint32_t rows;  // of the tokens that it is behind, to compute now; drafts where those are all
    uint32_t most;  // tokens to draft
  };
  // Called with a drafted token and the probability that the draft model gave it. Whether another one shall follow.
  using Take = std::function<bool(Run& run, Token token, float probability)>;
  // Computes for all of them together: what they are behind, then token after token. The rows together are at most
  // `most_rows`.
  void draft(std::vector<Order> orders, const Take& take);
  // Rows of one computation.
  uint32_t most_rows() const { return context_->batch_size(); }

  // Expected time of a computation.
  double expected_ms(uint32_t rows) const;
  // Taken where no time is known yet.
  void guess_row(double ms) { guessed_row_ms_ = ms; }
  uint64_t steps() const { return steps_; }
  // Time of all computations since the last call.
  double take_ms() { return std::exchange(spent_ms_, 0.0); }
  // A computation has failed: it drafts no more.
  bool failed() const { return failed_; }

  DraftModelAcceptance acceptance;  // of all runs; a run begins with it
  DraftBudget budget;
  DraftTrials trials;

 private:
  struct Guess {
    Token token;
    float probability;
  };
  bool compute();
  Guess guess(int row) const;
  bool reserve(std::span<const Order> orders);
  void lose(Run& run);

  std::unique_ptr<Context> context_;
  uint32_t vocabulary_;  // tokens that both models have
  LlamaMemory memory_;
  HostCache store_{0};
  PrefixCache cache_;
  StepTimes times_;
  double guessed_row_ms_ = 0;
  double bulk_row_ms_ = 0;      // smoothed: one row of a computation that is larger than those in `times_`
  std::vector<Run*> followed_;  // the one that was drafted for last at the end
  std::vector<Context::Row> rows_;
  double spent_ms_ = 0;
  uint64_t steps_ = 0;
  bool failed_ = false;
};

}  // namespace caduceus
