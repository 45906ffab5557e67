// See costs.h. Sizes are in the SVG's user units, about a pixel each.
#include "hearth/eval/costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace hearth {
namespace {

constexpr size_t kPointsMax = 4000;
constexpr double kLeft = 90, kPlot = 640, kRight = 30;
constexpr double kTop = 10, kHeight = 260, kAxis = 44;

// The smallest 1, 2 or 5 times a power of ten of which five reach `most`.
double tick_of(double most) {
  if (!(most > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(most / 5)));
  for (const double times : {1.0, 2.0, 5.0}) {
    if (times * power * 5 >= most) return times * power;
  }
  return 10 * power;
}

struct Axis {
  explicit Axis(double most) : tick(tick_of(most)) {}
  double tick;
  double end() const { return 5 * tick; }
  double share(double value) const { return value / end(); }
};

std::string grid(const Axis& x, const Axis& y, const char* unit) {
  std::string out;
  for (int i = 0; i <= 5; ++i) {
    const double across = kLeft + kPlot * i / 5, down = kTop + kHeight * (5 - i) / 5;
    out += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>"
        "<text x=\"{0:.1f}\" y=\"{3:.1f}\" text-anchor=\"middle\" fill=\"#555\">{4:g}</text>\n",
        across, kTop, kTop + kHeight, kTop + kHeight + 16, x.tick * i);
    out += fmt::format(
        "<line x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>"
        "<text x=\"{3:.1f}\" y=\"{4:.1f}\" text-anchor=\"end\" fill=\"#555\">{5:g} {6}</text>\n",
        kLeft, kLeft + kPlot, down, kLeft - 8, down + 5, y.tick * i, unit);
  }
  return out + fmt::format(
                   "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\" fill=\"#555\">tokens of "
                   "the reply</text>\n",
                   kLeft + kPlot / 2, kTop + kHeight + 36);
}

}  // namespace

RecordRefs refs_of(const std::vector<EvalRecord>& records) {
  RecordRefs out;
  for (const EvalRecord& record : records) out.push_back(&record);
  return out;
}

std::optional<Spread> spread_of(const RecordRefs& records, Amount amount) {
  std::vector<double> known;
  for (const EvalRecord* record : records) {
    if (record->*amount) known.push_back(*(record->*amount));
  }
  if (known.empty()) return std::nullopt;
  std::sort(known.begin(), known.end());
  Spread out;
  out.replies = std::ssize(known);
  for (const double value : known) out.sum += value;
  out.mean = out.sum / static_cast<double>(known.size());
  // The smallest value that this share of the replies doesn't pass.
  const auto at = [&](double share) {
    const double place = std::ceil(share * static_cast<double>(known.size()));
    return known[static_cast<size_t>(std::max(1.0, place)) - 1];
  };
  out.median = at(0.5);
  out.p90 = at(0.9);
  out.max = known.back();
  return out;
}

Json to_json(const Spread& spread) {
  return {{"replies", spread.replies}, {"sum", spread.sum}, {"mean", spread.mean},
          {"median", spread.median},   {"p90", spread.p90}, {"max", spread.max}};
}

std::string cost_chart_svg(const RecordRefs& records, Amount amount, const char* unit) {
  RecordRefs known;
  for (const EvalRecord* record : records) {
    if (record->*amount) known.push_back(record);
  }
  if (known.empty()) return "";
  double tokens = 0, most = 0;
  for (const EvalRecord* record : known) {
    tokens = std::max(tokens, static_cast<double>(record->tokens));
    most = std::max(most, *(record->*amount));
  }
  const Axis x(tokens), y(most);
  const double width = kLeft + kPlot + kRight, height = kTop + kHeight + kAxis;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "font-family=\"sans-serif\" font-size=\"13\">\n",
      width, height);
  out += grid(x, y, unit);
  const size_t step = (known.size() + kPointsMax - 1) / kPointsMax;
  for (size_t i = 0; i < known.size(); i += step) {
    const EvalRecord& record = *known[i];
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" stroke=\"#0072b2\" fill=\"{}\"/>\n",
        kLeft + kPlot * x.share(static_cast<double>(record.tokens)),
        kTop + kHeight * (1 - y.share(*(record.*amount))),
        record.judgement.right() ? "#56b4e9" : "none");
  }
  return out + "</svg>\n";
}

}  // namespace hearth
