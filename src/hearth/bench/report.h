// A finished test as one flat JSON object, and that object as a line of CSV or of a table. The keys
// are what scripts rely on (docs/benchmarks.md).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hearth/bench/roofline.h"
#include "hearth/bench/speed_run.h"
#include "hearth/files/json.h"

namespace hearth {

// What all tests of a run share.
struct SpeedSetting {
  std::string model;  // path, or name of the shape
  std::string device;
  std::string cpu;
  Format format = Format::f32;  // of most weights
  Format kv_format = Format::f16;
  int threads = 1;
  int repeat = 1;
  int64_t weight_bytes = 0;
};

// Said before the test ran.
struct SpeedForetold {
  double tok_s = 0;
  int64_t peak_bytes = 0;  // of the process
};

struct SpeedMeasurement {
  SpeedTest test;
  Spread tok_s;
  std::vector<Work> steps;  // as trace_speed_test says
  int64_t peak_rss_bytes = 0;
  std::optional<SpeedForetold> foretold;   // absent on a device whose kernels aren't foretold
  std::optional<double> joules_per_token;  // by counters; absent where there are none
};

Json speed_line(const SpeedSetting& setting, const SpeedMeasurement& measured,
                const SpeedLimits& limits);

std::string csv_header(const Json& line);
std::string csv_row(const Json& line);  // text in quotes, as RFC 4180 has them
std::string table_header();
std::string table_row(const Json& line);

// Tokens a second of a run's lines over depth and over batch.
std::string speed_plot(const std::vector<Json>& lines);

}  // namespace hearth
