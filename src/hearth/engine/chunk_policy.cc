// See chunk_policy.h.
#include "hearth/engine/chunk_policy.h"

#include <algorithm>

#include "hearth/base/check.h"

namespace hearth {
namespace {

constexpr int64_t kRowsMin = 32;       // smaller steps are for their fixed costs
constexpr int64_t kRowsAtFirst = 128;  // before anything is measured
constexpr double kLossMax = 1.25;      // that a row may cost more than in the best size
constexpr double kPace = 0.5;          // towards what was measured last
constexpr int64_t kRetrySteps = 32;    // until a size that cost too much is tried again

}  // namespace

ChunkPolicy::ChunkPolicy(int64_t rows_max, double seconds_max) : seconds_max_(seconds_max) {
  CHECK(rows_max > 0 && seconds_max >= 0);
  sizes_.push_back({rows_max});
  if (seconds_max == 0) return;
  for (int64_t rows = rows_max / 2; rows >= kRowsMin; rows /= 2) sizes_.push_back({rows});
}

int64_t ChunkPolicy::rows() const {
  const auto known = [](const Size& size) { return size.seconds_per_row > 0; };
  auto at = std::ranges::find_if(sizes_, known);
  if (at == sizes_.end()) {
    const auto is_small = [](const Size& size) { return size.rows <= kRowsAtFirst; };
    const auto small = std::ranges::find_if(sizes_, is_small);
    return small == sizes_.end() ? sizes_.back().rows : small->rows;
  }
  const auto too_long = [&](const Size& size, double seconds_per_row) {
    return static_cast<double>(size.rows) * seconds_per_row > seconds_max_;
  };
  if (at != sizes_.begin() && !too_long(*(at - 1), at->seconds_per_row)) return (at - 1)->rows;
  double best = at->seconds_per_row;
  while (at + 1 != sizes_.end() && too_long(*at, at->seconds_per_row)) {
    const auto next = at + 1;
    if (!known(*next)) return next->rows;
    if (next->seconds_per_row > kLossMax * best) {
      // It may have been a bad moment, or the machine has changed since.
      return steps_ - next->measured_at > kRetrySteps ? next->rows : at->rows;
    }
    best = std::min(best, next->seconds_per_row);
    at = next;
  }
  return at->rows;
}

void ChunkPolicy::step_took(int64_t rows, double seconds) {
  ++steps_;
  const auto near = std::ranges::find_if(sizes_, [&](const Size& size) {
    return 4 * rows >= 3 * size.rows && 2 * rows <= 3 * size.rows;
  });
  if (near == sizes_.end()) return;
  const double now = seconds / static_cast<double>(rows);
  double& known = near->seconds_per_row;
  known = known == 0 ? now : known + kPace * (now - known);
  near->measured_at = steps_;
}

}  // namespace hearth
