// Runs a suite on a model: items in batches through the engine, a record for each, scores with
// confidence intervals.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hearth/engine/generation.h"
#include "hearth/eval/statistics.h"
#include "hearth/eval/suite.h"

namespace hearth {

struct EvalSettings {
  SamplingParams sampling;                                    // temperature 0 unless asked
  int64_t limit = 0;                                          // first items only; 0: all
  int64_t batch = 16;                                         // items that run together
  std::function<bool(int64_t done, int64_t total)> progress;  // false: stop
};

struct EvalRecord {
  EvalItem item;
  TextReply reply;
  bool right = false;
};

struct Score {
  int64_t right = 0;
  int64_t n = 0;
  double share() const { return n ? static_cast<double>(right) / static_cast<double>(n) : 0; }
  Interval ci95() const { return wilson95(right, n); }
};

struct EvalResult {
  std::vector<EvalRecord> records;
  Score all;
  std::map<std::string, Score> groups;   // by EvalItem::group
  std::map<std::string, Score> details;  // by EvalItem::detail
  Timings timings;
};

Result<EvalResult> run_suite(const Suite& suite, std::vector<EvalItem> items,
                             const TextModel& model, Engine& engine, const EvalSettings& settings);

}  // namespace hearth
