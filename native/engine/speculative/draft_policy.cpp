#include "speculative/draft_policy.h"

#include <algorithm>

namespace caduceus {
namespace {

// Acceptance rate from which a batch size without a measured time is tried.
constexpr double worth_trying = 0.5;
// Expected of an additional row until it is measured, of the time of a row: little, so that it is tried.
constexpr double untried_row = 0.25;
constexpr double least_saved = 0.02;  // of a step; less is within the error of measurement

}  // namespace

bool DraftPolicy::is_known(uint32_t rows) const {
  if (times_.is_known(rows)) return true;
  // Each of the small sizes has its own time; larger ones differ little from their neighbors.
  const uint32_t near = rows / 8;
  bool below = false, above = false;
  for (uint32_t i = 1; i <= near; ++i) {
    below |= times_.is_known(rows - i);
    above |= times_.is_known(rows + i);
  }
  return below && above;
}

uint32_t DraftPolicy::choose(uint32_t rows, std::span<const double> chances, bool modeled) const {
  const auto most = std::min({static_cast<uint32_t>(chances.size()), modeled ? most_rows : most_drafts,
                              most_rows - std::min(rows, most_rows)});
  if (drafts_ != Drafts::paying) return is_on() ? most : 0;
  // Steps without drafts are measured first, for comparison.
  if (most == 0 || !is_known(rows)) return 0;
  const double step_ms = times_.expected(rows);
  double expected = 0;
  double most_saved = least_saved * step_ms;
  uint32_t best = 0;
  for (uint32_t count = 1; count <= most; ++count) {
    expected += chances[count - 1];
    if (!modeled && !is_known(rows + count)) {
      if (expected >= worth_trying * count) return count;
      continue;
    }
    const double saved = expected * step_ms / rows - count * row_ms(rows, count);
    if (saved > most_saved) most_saved = saved, best = count;
  }
  return best;
}

double DraftPolicy::row_ms(uint32_t rows, uint32_t more) const {
  const double step_ms = times_.expected(rows);
  if (!is_known(rows + more)) return untried_row * step_ms / rows;
  return std::max(0.0, times_.expected(rows + more) - step_ms) / more;
}

}  // namespace caduceus
