// What a run of `hearth tune` tells while it goes on: the bar for a person, a line a step for a
// program, and its curves as a picture.
#pragma once

#include <string>
#include <vector>

#include "hearth/bench/line_chart.h"
#include "hearth/cli/interrupt.h"
#include "hearth/cli/progress.h"
#include "hearth/cli/verb.h"
#include "hearth/files/json.h"
#include "hearth/train/learner.h"

namespace hearth::cli {

void print_json_line(const Json& json);

class TuneView {
 public:
  explicit TuneView(const Session& session);

  train::Notice notice();
  // Ends a step; false: Ctrl-C was pressed.
  bool step(int64_t step, int64_t steps, const std::string& state, const Json& line);
  void validation(const std::string& text, const Json& line);
  void clear() { progress_.clear(); }

  // A point of a curve; charts and series in the order of their first points.
  void point(const std::string& chart, const std::string& series, int64_t step, double value);
  // What was seen of the run, as SVG; "": nowhere.
  Status write_plot(const std::string& path) const;

 private:
  const Session& session_;
  InterruptGuard interrupt_;
  Progress progress_;
  std::vector<LineChart> charts_;
};

}  // namespace hearth::cli
