// A NaN must stay visible: a quantised block that can't hold one becomes NaN as a whole.
#pragma once

namespace hearth {

// x * 0 is 0 for a finite x and NaN otherwise; the sum keeps it, without a branch an element.
inline bool all_finite(const float* values, int count) {
  float sum = 0;
  for (int i = 0; i < count; ++i) sum += values[i] * 0.0f;
  return sum == 0;
}

}  // namespace hearth
