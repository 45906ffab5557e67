// A bar chart of shares with their intervals, as SVG: one horizontal bar each, from 0 to 100 %.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/eval/statistics.h"

namespace hearth {

struct IntervalBar {
  std::string name;
  double value;   // 0..1
  Interval ci95;  //
  int64_t n;      // that it was measured on
};

std::string interval_chart_svg(const std::vector<IntervalBar>& bars);

}  // namespace hearth
