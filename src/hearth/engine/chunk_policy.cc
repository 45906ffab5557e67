// See chunk_policy.h.
#include "hearth/engine/chunk_policy.h"

#include <algorithm>

#include "hearth/base/check.h"

namespace hearth {
namespace {

constexpr int64_t kRowsMin = 16;       // smaller steps are for their fixed costs
constexpr int64_t kRowsAtFirst = 128;  // before anything is measured
constexpr double kLossMax = 1.5;       // that a row may cost more than in the best size
constexpr double kPace = 0.5;          // towards what was measured last
constexpr int64_t kRetrySteps = 32;    // until what a size costs is no longer sure

}  // namespace

ChunkPolicy::ChunkPolicy(int64_t rows_max, double seconds_max) : seconds_max_(seconds_max) {
  CHECK(rows_max > 0 && seconds_max >= 0);
  sizes_.push_back({rows_max});
  if (seconds_max == 0) return;
  for (int64_t rows = rows_max / 2; rows >= kRowsMin; rows /= 2) sizes_.push_back({rows});
}

bool ChunkPolicy::is_stale(const Size& size) const {
  return steps_ - size.measured_at > kRetrySteps;
}

int64_t ChunkPolicy::rows(double answers_seconds) const {
  const auto known = [](const Size& size) { return size.seconds_per_row > 0; };
  auto at = std::ranges::find_if(sizes_, known);
  if (at == sizes_.end()) {
    const auto is_small = [](const Size& size) { return size.rows <= kRowsAtFirst; };
    const auto small = std::ranges::find_if(sizes_, is_small);
    return small == sizes_.end() ? sizes_.back().rows : small->rows;
  }
  const double most = std::max(seconds_max_ - answers_seconds, answers_seconds);
  // What wasn't tried for long may be no dearer than what was tried last.
  const double latest = sizes_[static_cast<size_t>(last_)].seconds_per_row;
  const auto too_long = [&](const Size& size, double seconds_per_row) {
    if (is_stale(size)) seconds_per_row = std::min(seconds_per_row, latest);
    return static_cast<double>(size.rows) * seconds_per_row > most;
  };
  double last = at->seconds_per_row;  // of the sizes passed, the one measured last
  if (at != sizes_.begin() && !too_long(*(at - 1), last)) return (at - 1)->rows;
  double best = last;
  // Straight down to the first that should be short enough: the others only show on the way back,
  // when that one proves dear.
  while (at + 1 != sizes_.end() && too_long(*at, last)) {
    const auto next = at + 1;
    if (known(*next)) {
      last = next->seconds_per_row;
      if (last > kLossMax * best) return is_stale(*next) ? next->rows : at->rows;
      best = std::min(best, last);
    }
    at = next;
  }
  return at->rows;
}

void ChunkPolicy::chunks_took(int64_t rows, double seconds) {
  ++steps_;
  const auto near = std::ranges::find_if(sizes_, [&](const Size& size) {
    return 4 * rows >= 3 * size.rows && 2 * rows <= 3 * size.rows;
  });
  if (near == sizes_.end() || seconds <= 0) return;
  const double now = seconds / static_cast<double>(rows);
  const double before = near->seconds_per_row;
  near->measured_at = steps_;
  if (before == 0 || near - sizes_.begin() != last_) {
    near->seconds_per_row = now;
    last_ = near - sizes_.begin();
    return;
  }
  // The same size again and another time: the machine has changed, and all sizes with it.
  const double change = 1 + kPace * (now / before - 1);
  for (Size& size : sizes_) size.seconds_per_row *= change;
}

}  // namespace hearth
