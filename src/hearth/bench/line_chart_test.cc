// Charts are well-formed, inside their frame, and the same for the same input.
#include "hearth/bench/line_chart.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

namespace hearth {
namespace {

LineChart example() {
  return {"Speed <& depth>",
          "depth",
          "tokens/s",
          {{"batch 1", {{4096, 8.5}, {0, 12}, {1024, 10}}}, {"batch 8", {{0, 40}, {4096, 20}}}}};
}

// Tags open and close in order, and text holds no bare `<` or `&`: enough for what we write.
bool well_formed(const std::string& svg) {
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z]+)([^<>]*?)(/?)>");
  for (std::sregex_iterator it(svg.begin(), svg.end(), tag), end; it != end; ++it) {
    if ((*it)[4].length() > 0) continue;
    if ((*it)[1].length() == 0) {
      open.push_back((*it)[2]);
    } else if (open.empty() || open.back() != (*it)[2]) {
      return false;
    } else {
      open.pop_back();
    }
  }
  const std::string rest = std::regex_replace(svg, tag, "");
  return open.empty() && rest.find_first_of("<>") == std::string::npos &&
         std::regex_replace(rest, std::regex("&(amp|lt|gt);"), "").find('&') == std::string::npos;
}

TEST(LineChart, IsWellFormed) {
  const std::string svg = charts_svg({example(), example()});
  EXPECT_TRUE(well_formed(svg)) << svg;
  EXPECT_NE(svg.find("Speed &lt;&amp; depth&gt;"), std::string::npos);
  EXPECT_NE(svg.find("batch 8"), std::string::npos);
  EXPECT_EQ(svg, charts_svg({example(), example()}));
}

TEST(LineChart, ConnectsPointsInOrderInsideTheFrame) {
  const std::string svg = charts_svg({example()});
  const std::regex line("points=\"([0-9., ]+)\"");
  std::smatch found;
  ASSERT_TRUE(std::regex_search(svg, found, line));
  const std::string points = found[1];
  std::vector<double> xs;
  const std::regex pair("([0-9.]+),([0-9.]+)");
  for (std::sregex_iterator it(points.begin(), points.end(), pair), end; it != end; ++it) {
    xs.push_back(std::stod((*it)[1]));
    EXPECT_LE(xs.back(), 420);
    EXPECT_GE(std::stod((*it)[2]), 40);
    EXPECT_LE(std::stod((*it)[2]), 320);
  }
  EXPECT_EQ(xs.size(), 3u);
  EXPECT_TRUE(std::is_sorted(xs.begin(), xs.end()));
}

TEST(LineChart, TakesAnything) {
  EXPECT_TRUE(well_formed(charts_svg({})));
  EXPECT_TRUE(well_formed(charts_svg({{"empty", "x", "y", {}}})));
  EXPECT_TRUE(well_formed(charts_svg({{"zeros", "x", "y", {{"zero", {{0, 0}}}}}})));
  EXPECT_TRUE(well_formed(charts_svg({{"tiny", "x", "y", {{"t", {{1e-9, 1e-12}, {1, 1e15}}}}}})));
}

}  // namespace
}  // namespace hearth
