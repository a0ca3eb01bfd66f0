#include "speculative/step_times.h"

#include <algorithm>

namespace caduceus {
namespace {

// Measurements before a time is used, since one may have been disturbed.
constexpr uint32_t enough_measurements = 3;
// Older measurements are repeated, since contexts grow and other work comes and goes.
constexpr uint64_t trusted_steps = 256;
constexpr double weight_of_newest = 0.2;
constexpr double longest_believed = 1.25;  // times the mean

}  // namespace

void StepTimes::measured(uint32_t rows, double ms) {
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

bool StepTimes::is_known(uint32_t rows) const {
  if (rows > most_rows) return false;
  const Time& time = times_[rows];
  return time.count >= enough_measurements && step_ - time.step < trusted_steps;
}

double StepTimes::expected(uint32_t rows) const {
  if (is_known(rows)) return ms(rows);
  uint32_t below = std::min(rows, most_rows), above = rows;
  while (below > 0 && !is_known(below)) --below;
  while (above <= most_rows && !is_known(above)) ++above;
  if (below == 0) return above <= most_rows ? ms(above) * rows / above : 0;
  if (above > most_rows) return ms(below) * (1 + 0.5 * (rows - below) / below);
  return ms(below) + (ms(above) - ms(below)) * (rows - below) / (above - below);
}

}  // namespace caduceus
