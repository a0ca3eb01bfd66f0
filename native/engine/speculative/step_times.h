// Measured times of computations by their number of rows. An additional row costs between nearly nothing and a whole
// step (SmolLM2 on 2 threads: 1 row 7.1 ms, 2 rows 14.0, 3 rows 17.1, 4 rows 20.8, 15 rows 59.9, 16 rows 61), so each
// size is measured. Used by the engine thread only.
#pragma once

#include <array>
#include <cstdint>

namespace caduceus {

class StepTimes {
 public:
  static constexpr uint32_t most_rows = 64;  // larger computations are not recorded

  // Records the time of a computation with that many rows.
  void measured(uint32_t rows, double ms);
  // Whether that size was measured often enough, and lately.
  bool is_known(uint32_t rows) const;
  // Of a known size.
  double ms(uint32_t rows) const { return times_[rows].ms; }
  // What a computation of any size is expected to take: measured, or on a straight line between two known sizes.
  // Beyond those an additional row is expected to cost half of the mean one, so that larger sizes are tried. 0 where no
  // size is known.
  double expected(uint32_t rows) const;

 private:
  struct Time {
    double ms = 0;  // running mean
    uint32_t count = 0;
    uint64_t step = 0;  // when it was last measured
  };
  std::array<Time, most_rows + 1> times_;
  uint64_t step_ = 0;
};

}  // namespace caduceus
