// United States: social security numbers (no area 000, 666 or 9xx, no zero group or serial) and
// individual taxpayer numbers (area 9xx, group 50-65, 70-88, 90-92, 94-99).
#include "hearth/guard/pii/recognisers/list.h"

namespace hearth::pii {
namespace {

template <typename Good>
void find_nine(const CodeRun& run, Proposals& out, Good good) {
  for (size_t i : run.starts()) {
    const size_t end = run.take_digits(i, 9, kZeroWidth | kSpace | kDash | kDot);
    if (end == CodeRun::kNone || !run.ends(end)) continue;
    if (!good(run.number(i, i + 3), run.number(i + 3, i + 5), run.number(i + 5, end))) continue;
    const uint64_t shape = run.shape(i, end);
    const bool first = i == 0 || (run.gap(i) & kDash) == 0;
    if (shape == 324) {
      const bool dashes = (run.gap(i + 3) & kDash) != 0 && (run.gap(i + 5) & kDash) != 0;
      const bool last = end == run.size() || (run.gap(end) & kDash) == 0;
      out.add(run, i, end, first && last ? (dashes ? 0.65 : 0.45) : 0.2);
    } else if (run.one_group(i, end) || run.spelled(i, end)) {
      out.add(run, i, end, 0.15);
    } else if (shape == 36 || shape == 54) {
      out.add(run, i, end, 0.2);
    }
  }
}

}  // namespace

void find_ssn(const CodeRun& run, Proposals& out) {
  find_nine(run, out, [](uint64_t area, uint64_t group, uint64_t serial) {
    // Numbers of advertisements that were withdrawn.
    const bool printed = (area == 78 && group == 5 && serial == 1120) ||
                         (area == 987 && group == 65) ||
                         (area == 123 && group == 45 && serial == 6789);
    return area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && !printed;
  });
}

void find_itin(const CodeRun& run, Proposals& out) {
  find_nine(run, out, [](uint64_t area, uint64_t group, uint64_t) {
    const bool allotted = (group >= 50 && group <= 65) || (group >= 70 && group <= 88) ||
                          (group >= 90 && group <= 92) || group >= 94;
    return area >= 900 && allotted;
  });
}

}  // namespace hearth::pii
