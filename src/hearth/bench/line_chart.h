// A small writer of line charts as SVG: axes from zero, round ticks, a line and a legend for each
// series. Charts of one file stand side by side; the output depends on nothing but its input.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace hearth {

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // (x, y), in any order; none negative
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
};

std::string charts_svg(const std::vector<LineChart>& charts);

}  // namespace hearth
