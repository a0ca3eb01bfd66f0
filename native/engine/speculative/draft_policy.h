// Whether drafts pay: guesses of what comes next, computed in rows of their own beside the certain ones. A row more
// costs anything from nearly nothing to a whole step (SmolLM2 on 2 threads: 1 row 7.1 ms, 2 rows 14.0, 3 rows 17.1, 4
// rows 20.8, 15 rows 59.9, 16 rows 61), so that is measured, as is how often guesses come true. Used by the engine
// thread only.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace caduceus {

// `always`: wherever there is room; for tests.
enum class Drafts { never, paying, always };

// How likely the next guess of a run is to come true. Guesses count whether or not they were computed, so that a run
// that begins to repeat itself is noticed at no cost.
class DraftChance {
 public:
  void observe(bool came_true) { value_ += 0.15 * ((came_true ? 1.0 : 0.0) - value_); }
  double value() const { return value_; }

 private:
  double value_ = 0.2;
};

class DraftPolicy {
 public:
  static constexpr uint32_t most_drafts = 3;  // in one batch
  static constexpr uint32_t most_rows = 64;   // with drafts among them

  explicit DraftPolicy(Drafts drafts) : drafts_(drafts) {}

  bool is_on() const { return drafts_ != Drafts::never; }
  // So long a step with that many rows took.
  void measured(uint32_t rows, double ms);
  // How many drafts to add to a batch of `rows`; `chances` that they come true, the highest first. What they are
  // expected to bring, at the time a token takes without them, has to be more than what the larger batch takes longer.
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
