// See line_chart.h. All sizes are in the SVG's user units, about a pixel each.
#include "hearth/bench/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace hearth {
namespace {

constexpr double kWidth = 420;  // of a chart
constexpr double kHeight = 320;
constexpr double kLeft = 64;  // margins around the plot
constexpr double kRight = 16;
constexpr double kTop = 40;
constexpr double kBottom = 56;
constexpr double kLegendRow = 16;
constexpr int kTicks = 5;  // about so many intervals

// Okabe and Ito's colours, which all eyes tell apart.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#e69f00", "#56b4e9", "#000000"};

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

// The distance of ticks: 1, 2 or 5 times a power of ten.
double tick_step(double largest) {
  const double raw = largest / kTicks;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * 0.999) return factor * power;
  }
  return 10 * power;
}

// From 0 to the first tick that nothing passes.
struct Axis {
  double step = 1;
  double end = 1;

  explicit Axis(double largest) {
    if (!(largest > 0) || !std::isfinite(largest)) return;
    step = tick_step(largest);
    end = std::ceil(largest / step * 0.999) * step;
  }
  double share(double value) const { return value / end; }
};

class Drawing {
 public:
  Drawing(const LineChart& chart, double left) : chart_(chart), left_(left) {
    double x = 0;
    double y = 0;
    for (const Series& series : chart.series) {
      for (const auto& [px, py] : series.points) {
        x = std::max(x, px);
        y = std::max(y, py);
      }
    }
    x_ = Axis(x);
    y_ = Axis(y);
  }

  std::string svg() {
    text(kLeft, 22, "start", 15, chart_.title);
    draw_ticks();
    for (size_t i = 0; i < chart_.series.size(); ++i) draw(i);
    text((kLeft + kWidth - kRight) / 2, kHeight - 14, "middle", 12, chart_.x_label);
    text(8, kTop - 8, "start", 12, chart_.y_label);
    return std::move(out_);
  }

 private:
  double place_x(double value) const {
    return left_ + kLeft + x_.share(value) * (kWidth - kLeft - kRight);
  }
  double place_y(double value) const {  // below the legend
    const double top = kTop + kLegendRow * static_cast<double>(chart_.series.size());
    return kHeight - kBottom - y_.share(value) * (kHeight - top - kBottom);
  }

  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  void text(double x, double y, const char* anchor, int size, const std::string& words) {
    add(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" font-size="{}">{}</text>)", left_ + x, y,
        anchor, size, escaped(words));
  }

  void line(double x1, double y1, double x2, double y2, const char* colour) {
    add(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}"/>)", x1, y1, x2, y2,
        colour);
  }

  void draw_ticks() {
    for (double v = 0; v <= y_.end * 1.001; v += y_.step) {
      line(place_x(0), place_y(v), place_x(x_.end), place_y(v), "#dddddd");
      text(kLeft - 6, place_y(v) + 4, "end", 11, fmt::format("{:g}", v));
    }
    for (double v = 0; v <= x_.end * 1.001; v += x_.step) {
      line(place_x(v), place_y(0), place_x(v), place_y(0) + 4, "#444444");
      text(place_x(v) - left_, place_y(0) + 18, "middle", 11, fmt::format("{:g}", v));
    }
    line(place_x(0), place_y(0), place_x(x_.end), place_y(0), "#444444");
  }

  void draw(size_t index) {
    const Series& series = chart_.series[index];
    const char* colour = kColours[index % std::size(kColours)];
    auto points = series.points;
    std::sort(points.begin(), points.end());
    std::string path;
    for (const auto& [x, y] : points) {
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", place_x(x), place_y(y));
      add(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>)", place_x(x), place_y(y), colour);
    }
    add(R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>)", path, colour);
    const double y = kTop - 6 + kLegendRow * static_cast<double>(index);
    line(left_ + kWidth - kRight - 20, y, left_ + kWidth - kRight, y, colour);
    text(kWidth - kRight - 26, y + 4, "end", 11, series.name);
  }

  const LineChart& chart_;
  double left_;
  Axis x_{0};
  Axis y_{0};
  std::string out_;
};

}  // namespace

std::string charts_svg(const std::vector<LineChart>& charts) {
  const double width = kWidth * static_cast<double>(charts.size());
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:g} {1:g}\" width=\"{0:g}\" "
      "height=\"{1:g}\" font-family=\"sans-serif\" fill=\"#222222\">\n"
      "<rect width=\"{0:g}\" height=\"{1:g}\" fill=\"#ffffff\"/>\n",
      width, kHeight);
  for (size_t i = 0; i < charts.size(); ++i) {
    out += Drawing(charts[i], kWidth * static_cast<double>(i)).svg();
  }
  return out + "</svg>\n";
}

}  // namespace hearth
