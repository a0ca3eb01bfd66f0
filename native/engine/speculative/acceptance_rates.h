// Acceptance rates of drafted tokens, as measured. Used by the engine thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace caduceus {

// Acceptance rate of a run's prompt lookup. Drafts count whether or not they were computed, so that a run that begins
// to repeat itself is noticed at no cost.
class PromptLookupAcceptance {
 public:
  void observe(bool accepted) { value_ += 0.15 * ((accepted ? 1.0 : 0.0) - value_); }
  double value() const { return value_; }

 private:
  double value_ = 0.2;
};

// Acceptance rate of a draft model's tokens, by the probability that it gave them. Until it is measured, the model is
// believed.
class DraftModelAcceptance {
 public:
  void observe(double probability, bool accepted) {
    const size_t group = group_of(probability);
    accepted_[group] += 0.1 * ((accepted ? 1.0 : 0.0) - accepted_[group]);
    for (size_t i = 0; i < groups; ++i) share_[i] += 0.05 * ((i == group ? 1.0 : 0.0) - share_[i]);
  }

  double chance(double probability) const { return accepted_[group_of(probability)]; }

  // Acceptance rate of all tokens together.
  double mean() const {
    double sum = 0;
    for (size_t i = 0; i < groups; ++i) sum += share_[i] * accepted_[i];
    return sum;
  }

  // Time that a step is expected to save by up to `depth` drafted tokens: each takes `draft_ms` to draft, is verified
  // for `row_ms` where that pays, and saves `token_ms` if it is accepted, as are those before it with a probability of
  // `chance`. Below 0 where drafting does not pay.
  double gain(double token_ms, double row_ms, double draft_ms, uint32_t depth, double chance = 1) const {
    double total = 0, reached = 1;
    for (uint32_t i = 0; i < depth; ++i) {
      double gain = -draft_ms, paying = 0, accepted = 0;
      for (size_t group = 0; group < groups; ++group) {
        const double value = chance * accepted_[group] * token_ms - row_ms;
        if (value <= 0) continue;
        gain += share_[group] * value;
        paying += share_[group];
        accepted += share_[group] * accepted_[group];
      }
      if (i > 0 && gain <= 0) break;
      total += reached * gain;
      if (paying == 0) break;
      reached *= paying;
      chance *= accepted / paying;
    }
    return total;
  }

 private:
  static constexpr std::array<double, 7> ends{0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.98};
  static constexpr size_t groups = ends.size() + 1;

  static size_t group_of(double probability) {
    return static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), probability) - ends.begin());
  }

  std::array<double, groups> accepted_{0.05, 0.2, 0.4, 0.6, 0.75, 0.85, 0.94, 0.99};
  std::array<double, groups> share_{0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125};
};

}  // namespace caduceus
