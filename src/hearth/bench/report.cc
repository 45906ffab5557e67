// See report.h.
#include "hearth/bench/report.h"

#include <fmt/ranges.h>

#include <cmath>
#include <map>

#include "hearth/bench/line_chart.h"

namespace hearth {
namespace {

// Three digits after the point say more than any machine repeats.
double thousandth(double value) {
  return std::round(value * 1e3) / 1e3;
}

std::string csv_text(const Json& value) {
  if (!value.is_string()) return value.dump();
  std::string quoted(1, '"');
  for (const char c : value.get_ref<const std::string&>()) quoted.append(c == '"' ? 2 : 1, c);
  quoted.push_back('"');
  return quoted;
}

double number(const Json& line, const char* key) {
  return line[key].get<double>();
}

int64_t whole(const Json& line, const char* key) {
  return line[key].get<int64_t>();
}

// The lines of one panel: a series for each value of `by`, a point for each value of `over`.
std::vector<Series> series_of(const std::vector<Json>& lines, bool prompts, const char* over,
                              const char* by, std::string_view unit) {
  std::map<int64_t, Series> series;
  for (const Json& line : lines) {
    if ((whole(line, "prompt") > 0) != prompts) continue;
    const int64_t group = whole(line, by);
    Series& s = series[group];
    s.name = fmt::format("{} {}", unit, group);
    s.points.emplace_back(number(line, over), number(line, "tok_s"));
  }
  std::vector<Series> all;
  for (auto& [group, s] : series) all.push_back(std::move(s));
  return all;
}

}  // namespace

Json speed_line(const SpeedSetting& setting, const SpeedMeasurement& measured,
                const SpeedLimits& limits) {
  const SpeedTest& test = measured.test;
  const FormatPeak peak = peak_for(limits.peaks, setting.format);
  const Roofline line = roofline_of(measured.steps, limits.read_gb_s, peak.peak.gop_s);
  const auto tokens = static_cast<double>(test.tokens());
  const double seconds = tokens / measured.tok_s.median;
  const auto& foretold = measured.foretold;
  return {{"test", test.name()},
          {"model", setting.model},
          {"format", format_info(setting.format).name},
          {"kv_format", format_info(setting.kv_format).name},
          {"prompt", test.prompt},
          {"gen", test.gen},
          {"depth", test.depth},
          {"batch", test.batch},
          {"threads", setting.threads},
          {"repeat", setting.repeat},
          {"tok_s", thousandth(measured.tok_s.median)},
          {"tok_s_min", thousandth(measured.tok_s.min)},
          {"tok_s_max", thousandth(measured.tok_s.max)},
          {"bytes_per_token", static_cast<int64_t>(line.bytes / tokens)},
          {"gb_s", thousandth(line.bytes / seconds / 1e9)},
          {"bandwidth_measured_gb_s", thousandth(limits.read_gb_s)},
          {"operations_per_token", std::llround(line.operations / tokens)},
          {"gop_s", thousandth(line.operations / seconds / 1e9)},
          {"peak_measured_gop_s", thousandth(peak.peak.gop_s)},
          {"peak_kind", fmt::format("{} {}", peak.kind, peak.peak.instruction_set)},
          {"limited_by", line.limited_by_bytes ? "memory_bandwidth" : "compute"},
          {"fraction_of_limit", thousandth(line.seconds / seconds)},
          {"joules_per_token",
           measured.joules_per_token ? Json(thousandth(*measured.joules_per_token)) : Json()},
          {"predicted_tok_s", foretold ? Json(thousandth(foretold->tok_s)) : Json()},
          {"weight_bytes", setting.weight_bytes},
          {"peak_rss_bytes", measured.peak_rss_bytes},
          {"predicted_peak_bytes", foretold ? Json(foretold->peak_bytes) : Json()},
          {"device", setting.device},
          {"cpu", setting.cpu}};
}

std::string csv_header(const Json& line) {
  std::vector<std::string> cells;
  for (const auto& [key, value] : line.items()) cells.push_back(key);
  return fmt::format("{}", fmt::join(cells, ","));
}

std::string csv_row(const Json& line) {
  std::vector<std::string> cells;
  for (const auto& [key, value] : line.items()) cells.push_back(csv_text(value));
  return fmt::format("{}", fmt::join(cells, ","));
}

std::string table_header() {
  return fmt::format("{:<16}{:>10}{:>20}{:>10}{:>10}{:>10}{:>8}  {}", "test", "tok/s", "min-max",
                     "predicted", "GB/s", "GOP/s", "share", "of");
}

std::string table_row(const Json& line) {
  const bool memory = line["limited_by"] == "memory_bandwidth";
  const std::string limit =
      memory ? fmt::format("{:.1f} GB/s read", number(line, "bandwidth_measured_gb_s"))
             : fmt::format("{:.0f} GOP/s {}", number(line, "peak_measured_gop_s"),
                           line["peak_kind"].get<std::string>());
  const std::string range =
      fmt::format("{:.2f}-{:.2f}", number(line, "tok_s_min"), number(line, "tok_s_max"));
  const std::string foretold = line["predicted_tok_s"].is_null()
                                   ? "-"
                                   : fmt::format("{:.2f}", number(line, "predicted_tok_s"));
  return fmt::format("{:<16}{:>10.2f}{:>20}{:>10}{:>10.2f}{:>10.1f}{:>7.0f}%  {}",
                     line["test"].get<std::string>(), number(line, "tok_s"), range, foretold,
                     number(line, "gb_s"), number(line, "gop_s"),
                     100 * number(line, "fraction_of_limit"), limit);
}

std::string speed_plot(const std::vector<Json>& lines) {
  std::vector<LineChart> charts;
  const auto add = [&](const char* title, const char* axis, std::vector<Series> series) {
    if (!series.empty()) charts.push_back({title, axis, "tokens/s", std::move(series)});
  };
  add("Reading a prompt", "depth", series_of(lines, true, "depth", "prompt", "prompt"));
  add("Generating, by depth", "depth", series_of(lines, false, "depth", "batch", "batch"));
  add("Generating, by batch", "batch", series_of(lines, false, "batch", "depth", "depth"));
  return charts_svg(charts);
}

}  // namespace hearth
