// See tune_view.h.
#include "hearth/cli/tune_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hearth/files/atomic_file.h"

namespace hearth::cli {

void print_json_line(const Json& json) {
  fmt::print("{}\n", json.dump());
  std::fflush(stdout);  // a reader of the pipe follows the run
}

TuneView::TuneView(const Session& session)
    : session_(session), progress_(session.say("tuning", "微调中")) {}

train::Notice TuneView::notice() {
  return [this](const std::string& line) {
    progress_.clear();
    fmt::print(stderr, "note: {}\n", line);
  };
}

bool TuneView::step(int64_t step, int64_t steps, const std::string& state, const Json& line) {
  if (session_.json) print_json_line(line);
  progress_.update(step, steps, state);
  return !interrupt_.pressed();
}

void TuneView::validation(const std::string& text, const Json& line) {
  if (session_.json) {
    print_json_line(line);
    return;
  }
  progress_.clear();
  fmt::print("{}\n", text);
}

void TuneView::point(const std::string& chart, const std::string& series, int64_t step,
                     double value) {
  auto at = std::find_if(charts_.begin(), charts_.end(),
                         [&](const LineChart& c) { return c.y_label == chart; });
  if (at == charts_.end()) at = charts_.insert(at, LineChart{"", "step", chart, {}});
  auto line = std::find_if(at->series.begin(), at->series.end(),
                           [&](const Series& s) { return s.name == series; });
  if (line == at->series.end()) line = at->series.insert(line, Series{series, {}});
  line->points.emplace_back(static_cast<double>(step), value);
}

Status TuneView::write_plot(const std::string& path) const {
  return path.empty() ? Status::ok() : write_whole(path, charts_svg(charts_));
}

}  // namespace hearth::cli
