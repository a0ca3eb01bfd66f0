// Decides whether speculative decoding pays. Drafted tokens are computed in additional rows of a batch. An additional
// row costs between nearly nothing and a whole step (SmolLM2 on 2 threads: 1 row 7.1 ms, 2 rows 14.0, 3 rows 17.1, 4
// rows 20.8, 15 rows 59.9, 16 rows 61), so times are measured, as is the acceptance rate. Used by the engine thread
// only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace caduceus {

// `always`: whenever cells are free; for tests.
enum class Drafts { never, paying, always };

// Acceptance rate of a run's drafts. Drafts count whether or not they were computed, so that a run that begins to
// repeat itself is noticed at no cost.
class DraftChance {
 public:
  void observe(bool accepted) { value_ += 0.15 * ((accepted ? 1.0 : 0.0) - value_); }
  double value() const { return value_; }

 private:
  double value_ = 0.2;
};

class DraftPolicy {
 public:
  static constexpr uint32_t most_drafts = 3;  // in one batch
  static constexpr uint32_t most_rows = 64;   // drafts included

  explicit DraftPolicy(Drafts drafts) : drafts_(drafts) {}

  bool is_on() const { return drafts_ != Drafts::never; }
  // Records the time of a step with that many rows.
  void measured(uint32_t rows, double ms);
  // Number of drafts to add to a batch of `rows`; `chances` are their acceptance rates, the highest first. The time
  // that accepted drafts are expected to save must exceed the additional time of the larger batch.
  uint32_t choose(uint32_t rows, std::span<const double> chances) const;

 private:
  struct Time {
    double ms = 0;  // running mean
    uint32_t count = 0;
    uint64_t step = 0;  // when it was last measured
  };
  bool is_known(uint32_t rows) const;

  Drafts drafts_;
  std::array<Time, most_rows + 1> times_;
  uint64_t step_ = 0;
};

}  // namespace caduceus
