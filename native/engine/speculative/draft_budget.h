// What a draft model may cost before it has paid: a hundredth of the time that the model itself computes, and a few
// steps at the beginning. So a draft model that is never right costs no more than that, whatever was expected of it.
// Used by the engine thread only.
#pragma once

#include <algorithm>
#include <cstdint>

namespace caduceus {

class DraftBudget {
 public:
  // The model has computed for so long; a step of it takes `step_ms`.
  void computed(double ms, double step_ms) {
    if (step_ms <= 0) return;
    if (!begun_) balance_ms_ = first_steps * step_ms;
    begun_ = true;
    balance_ms_ = std::min(balance_ms_ + share * ms, most_steps * step_ms);
  }
  void spent(double ms) { balance_ms_ -= ms; }
  void saved(double ms) { balance_ms_ += ms; }
  bool allows(double ms) const { return balance_ms_ >= ms; }

 private:
  static constexpr double share = 0.01;
  static constexpr double first_steps = 16;
  static constexpr double most_steps = 256;

  double balance_ms_ = 0;
  bool begun_ = false;
};

// When a draft model that does not pay is tried again: a few tokens, at longer and longer intervals.
class DraftTrials {
 public:
  // Once for each step in which nothing pays; true where a token shall be drafted to see whether it would be accepted.
  bool due() {
    if (waiting_ > 0) {
      --waiting_;
      return false;
    }
    return true;
  }
  void tried() {
    if (++tokens_ < tokens) return;
    tokens_ = 0;
    waiting_ = interval_;
    interval_ = std::min(interval_ * 2, longest_interval);
  }
  void paid() { interval_ = shortest_interval; }

 private:
  static constexpr uint32_t tokens = 8;
  static constexpr uint64_t shortest_interval = 256;  // steps
  static constexpr uint64_t longest_interval = 16'384;

  uint32_t tokens_ = 0;
  uint64_t waiting_ = 0;
  uint64_t interval_ = shortest_interval;
};

}  // namespace caduceus
