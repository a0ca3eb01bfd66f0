#include "speculative/draft_policy.h"

#include <algorithm>

namespace caduceus {
namespace {

// Measurements before a time is used, since one may have been disturbed.
constexpr uint32_t enough_measurements = 3;
// Older measurements are repeated, since contexts grow and other work comes and goes.
constexpr uint64_t trusted_steps = 256;
// Acceptance rate from which a batch size without a measured time is tried.
constexpr double worth_trying = 0.5;
constexpr double least_saved = 0.02;  // of a step; less is within the error of measurement
constexpr double weight_of_newest = 0.2;
constexpr double longest_believed = 1.25;  // times the mean

}  // namespace

void DraftPolicy::measured(uint32_t rows, double ms) {
  ++step_;
  if (rows > most_rows) return;
  Time& time = times_[rows];
  if (step_ - time.step >= trusted_steps) time.count = 0;
  ++time.count;
  time.step = step_;
  // An outlier was delayed by something else.
  if (time.count == 1)
    time.ms = ms;
  else if (time.count <= enough_measurements)
    time.ms = std::min(time.ms, ms);
  else
    time.ms += weight_of_newest * (std::min(ms, longest_believed * time.ms) - time.ms);
}

bool DraftPolicy::is_known(uint32_t rows) const {
  const Time& time = times_[rows];
  return time.count >= enough_measurements && step_ - time.step < trusted_steps;
}

uint32_t DraftPolicy::choose(uint32_t rows, std::span<const double> chances) const {
  const uint32_t most =
      std::min({static_cast<uint32_t>(chances.size()), most_drafts, most_rows - std::min(rows, most_rows)});
  if (drafts_ != Drafts::paying) return is_on() ? most : 0;
  // Steps without drafts are measured first, for comparison.
  if (most == 0 || !is_known(rows)) return 0;
  const double step_ms = times_[rows].ms;
  double expected = 0;
  double most_saved = least_saved * step_ms;
  uint32_t best = 0;
  for (uint32_t count = 1; count <= most; ++count) {
    expected += chances[count - 1];
    if (!is_known(rows + count)) {
      if (expected >= worth_trying * count) return count;
      continue;
    }
    const double saved = expected * step_ms / rows - (times_[rows + count].ms - step_ms);
    if (saved > most_saved) most_saved = saved, best = count;
  }
  return best;
}

}  // namespace caduceus
