// See interval_chart.h. Sizes are in the SVG's user units, about a pixel each.
#include "hearth/eval/interval_chart.h"

#include <fmt/format.h>

namespace hearth {
namespace {

constexpr double kLeft = 190;  // for the names
constexpr double kRight = 110;
constexpr double kPlot = 480;
constexpr double kRow = 26;
constexpr double kAxis = 28;
constexpr size_t kNameCharacters = 24;

// The first characters of a name, for XML.
std::string shown(const std::string& name) {
  std::string out;
  size_t characters = 0;
  for (const char c : name) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80 && ++characters > kNameCharacters) break;
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string interval_chart_svg(const std::vector<IntervalBar>& bars) {
  const double height = kRow * static_cast<double>(bars.size()) + kAxis;
  const double bottom = height - kAxis;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n",
      kLeft + kPlot + kRight, height);
  for (int percent = 0; percent <= 100; percent += 20) {
    const double x = kLeft + kPlot * percent / 100;
    out += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"0\" y2=\"{1:.1f}\" stroke=\"#ddd\"/>"
        "<text x=\"{0:.1f}\" y=\"{2:.1f}\" text-anchor=\"middle\" fill=\"#555\">{3} %</text>\n",
        x, bottom, bottom + 18, percent);
  }
  for (size_t i = 0; i < bars.size(); ++i) {
    const IntervalBar& bar = bars[i];
    const double middle = kRow * (static_cast<double>(i) + 0.5);
    const double low = kLeft + kPlot * bar.ci95.low, high = kLeft + kPlot * bar.ci95.high;
    out += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>"
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"14\" fill=\"#56b4e9\"/>\n",
        kLeft - 8, middle + 5, shown(bar.name), kLeft, middle - 7, kPlot * bar.value);
    out += fmt::format(
        "<path d=\"M{0:.1f} {2:.1f}H{1:.1f}M{0:.1f} {3:.1f}v8M{1:.1f} {3:.1f}v8\" "
        "stroke=\"#000\" fill=\"none\"/>",
        low, high, middle, middle - 4);
    out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"#333\">{:.1f} % of {}</text>\n",
                       kLeft + kPlot + 8, middle + 5, 100 * bar.value, bar.n);
  }
  return out + "</svg>\n";
}

}  // namespace hearth
