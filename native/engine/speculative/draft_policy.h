// Decides whether speculative decoding pays. Drafted tokens are computed in additional rows of a batch, which take
// time, as does a draft model. Times and acceptance rates are measured. Used by the engine thread only.
#pragma once

#include <cstdint>
#include <span>

#include "speculative/acceptance_rates.h"
#include "speculative/step_times.h"

namespace caduceus {

// `always`: whenever cells are free; for tests.
enum class Drafts { never, paying, always };

class DraftPolicy {
 public:
  static constexpr uint32_t most_drafts = 3;                   // of prompt lookup, in one batch
  static constexpr uint32_t most_rows = StepTimes::most_rows;  // drafts included

  explicit DraftPolicy(Drafts drafts) : drafts_(drafts) {}

  bool is_on() const { return drafts_ != Drafts::never; }
  bool must_pay() const { return drafts_ == Drafts::paying; }
  // Records the time of a step with that many rows.
  void measured(uint32_t rows, double ms) { times_.measured(rows, ms); }
  const StepTimes& times() const { return times_; }
  // Number of drafts to add to a batch of `rows`; `chances` are their acceptance rates, the highest first. The time
  // that accepted drafts are expected to save must exceed the additional time of the larger batch.
  // With `modeled`, a draft model has drafted: more than prompt lookup does, and since that took time already, batch
  // sizes without a measured time are not tried one after the other.
  uint32_t choose(uint32_t rows, std::span<const double> chances, bool modeled = false) const;
  // Whether the time of a batch of `rows` is measured, or that of two others that are close.
  bool is_known(uint32_t rows) const;
  // Expected time of each of `more` additional rows in a batch of `rows`.
  double row_ms(uint32_t rows, uint32_t more) const;

 private:
  Drafts drafts_;
  StepTimes times_;
};

}  // namespace caduceus
